# make train    installs, builds the simulator and trains UPRet; SYSTEM=cico trains CiCo,
#               ARGS='--config.seed=1 ...' go to the training program
# make videos   extracts sign features from a folder of videos and trains on them:
#               VIDEOS=DIR CAPTIONS=FILE.csv ENCODER='--weights FILE' (or --random_weights);
#               STRIDE=8 reads every eighth window, VIDEOS_RUN=DIR is the run's folder
# make search   films, trains and indexes an archive of the simulator and opens the page that
#               searches it. Or indexes your own: VIDEOS=DIR RUN=DIR (of a retrieval
#               system) ENCODER='--weights FILE' STRIDE=N, those of the run's features;
#               INDEX=DIR, PORT=8765, ARGS=--no_page
# make test     installs and runs the tests, two at a time (JOBS=2); WITH_TORCH=1
#               adds those against PyTorch, and TESTS='-m torch' runs these alone
# make quick    the fast tests of every part, in about a minute
# make example  runs the Python example of README.md on the run of make train
# make lint     checks style
# make docs     builds the documentation site into site/, and fails on any warning

PYTHON ?= python3
VENV ?= .venv
SYSTEM ?= upret
JOBS ?= 2
WORKDIR ?= runs/$(SYSTEM)
SIMULATOR = signing_sim$(if $(filter nla_slr,$(SYSTEM)),/frames)$(if $(filter signvtcl,$(SYSTEM)),/continuous)
# The module that goes a system's whole way, as its card says.
PROGRAM = from sign_jax.systems import registry; print(registry.get('$(SYSTEM)').program)
TORCH ?= torch==2.13.0
# Shells leave a tilde alone behind "=" and between quotes.
home = $(if $(filter ~/%,$(firstword $(1))),$(patsubst ~/%,$(HOME)/%,$(1)),$(1))
PIP = $(VENV)/bin/python -m pip install --quiet

STRIDE ?= 1
VIDEOS_WORKDIR ?= runs/videos
VIDEOS_RUN ?= $(VIDEOS_WORKDIR)/$(SYSTEM)
MANUAL = $(VIDEOS_WORKDIR)/dataset
SEARCH ?= runs/search
INDEX ?= runs/index
PORT ?= 8765

.PHONY: help train example videos search test quick lint docs clean
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help:
	@sed -n '/^$$/q; s/^# \{0,1\}//p' Makefile

# A program that goes the whole way makes its own data.
train: $(VENV)/.installed $(if $(filter signvtcl,$(SYSTEM)),$(VENV)/.installed-flow)
	@set -e; program=$$($(VENV)/bin/python -c "$(PROGRAM)"); set -x; \
	  if [ "$$program" = sign_jax.main ]; then \
	    $(VENV)/bin/python -m data_builders.build $(SIMULATOR); \
	  fi; \
	  $(VENV)/bin/python -m $$program --config configs/$(SYSTEM).py --workdir $(WORKDIR) $(ARGS)

example: $(VENV)/.installed
	@sed -n '/^```python$$/,/^```$$/p' README.md | sed '/^```/d; s|runs/upret|$(WORKDIR)|' \
	  | $(VENV)/bin/python -

videos: $(VENV)/.installed
	@test -d '$(call home,$(VIDEOS))' || { echo "error: there is no folder VIDEOS='$(VIDEOS)':" \
	  "make videos VIDEOS=DIR CAPTIONS=FILE.csv ENCODER='--weights FILE'"; exit 1; }
	@test -f '$(call home,$(CAPTIONS))' || { echo "error: there is no file CAPTIONS='$(CAPTIONS)'"; exit 1; }
	mkdir -p $(MANUAL) && cp '$(call home,$(CAPTIONS))' $(MANUAL)/captions.csv
	$(VENV)/bin/python -m sign_jax.extract --videos '$(VIDEOS)' --csv $(MANUAL)/captions.csv \
	  --out $(MANUAL)/features --stride $(STRIDE) $(ENCODER)
	$(VENV)/bin/python -m data_builders.build video_folder --manual_dir $(MANUAL) \
	  --data_dir $(VIDEOS_WORKDIR)/tfds
	$(VENV)/bin/python -m sign_jax.main --config configs/$(SYSTEM).py:video_folder \
	  --workdir $(VIDEOS_RUN) --config.data.data_dir=$(VIDEOS_WORKDIR)/tfds $(ARGS)

# Without RUN, those of the example, which know the simulator's signs alone.
search: $(VENV)/.installed-search
ifdef VIDEOS
	$(VENV)/bin/python -m launch.search_videos --videos '$(call home,$(VIDEOS))' \
	  --workdir '$(call home,$(or $(RUN),$(SEARCH)/retrieval))' --index '$(call home,$(INDEX))' \
	  --port $(PORT) $(if $(RUN),--stride $(STRIDE),--weights $(SEARCH)/encoder --stride 3) \
	  $(ENCODER) $(ARGS)
else
	$(VENV)/bin/python -m launch.search_example --folder $(SEARCH) --port $(PORT) $(ARGS)
endif

test: $(VENV)/.installed-dev $(if $(WITH_TORCH),$(VENV)/.installed-torch)
	$(VENV)/bin/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(TESTS)

quick: $(VENV)/.installed-dev
	$(VENV)/bin/python -m pytest --numprocesses $(JOBS) --dist loadfile \
	  $$($(VENV)/bin/python -m tests.quick)

lint: $(VENV)/.installed-dev
	$(VENV)/bin/ruff check .

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --quiet --strict

clean:
	rm -rf $(VENV)

# Each stamp is older than pyproject.toml when the environment is stale.
$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than 3.11: run make PYTHON=/path/to/a/newer/python"; exit 1; }
	@echo "installing into $(VENV) (a few minutes the first time)"
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) --upgrade pip
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) --editable '.[dev]'
	@touch $@

# The server of the page.
$(VENV)/.installed-search: $(VENV)/.installed
	$(PIP) --editable '.[search]'
	@touch $@

# OpenCV, which computes optical flow.
$(VENV)/.installed-flow: $(VENV)/.installed
	$(PIP) --editable '.[flow]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(PIP) --editable '.[docs]'
	@touch $@

# PyTorch first and by version: a range could bring a build for GPUs of several GB.
$(VENV)/.installed-torch: $(VENV)/.installed
	$(PIP) '$(TORCH)'
	$(PIP) --editable '.[torch]'
	@touch $@
