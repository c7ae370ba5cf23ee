"""The settings of configs/nla_slr.py: as published, all rows, refused where they cannot work."""

import re

import pytest

from configs import nla_slr
from sign_jax.errors import UserError
from sign_jax.run import checks
from sign_jax.systems import base
from sign_jax.systems.nla_slr import settings
from sign_jax.systems.nla_slr.card import SYSTEM
from tests import program

PUBLISHED = [name for name in settings.DATASETS if name != "signing_sim"]


def parse(monkeypatch, *overrides, dataset="wlasl_2000"):
  args = [f"--config.{override}" for override in overrides]
  return program.parse(monkeypatch, "--config", f"configs/nla_slr.py:{dataset}", *args)


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_published_settings(dataset, monkeypatch):
  config = parse(monkeypatch, dataset=dataset)
  assert (config.epochs, config.steps) == (100, 0)
  optim = config.optim
  assert (optim.name, optim.lr, optim.weight_decay) == ("adam_l2", 1e-3, 1e-3)
  assert (optim.b1, optim.b2, optim.schedule, optim.stairs) == (0.9, 0.998, "cosine", 100)
  data = config.data
  assert (data.frames, data.size_stored, data.size, data.heatmap_size) == (64, 256, 224, 112)
  assert (data.least_area, data.jitter, data.crops) == (0.7, 0.3, 1)
  model = config.model
  assert (model.smoothing_eps, model.smoothing_temperature) == (0.2, 0.5)
  assert (model.intra_mixup, model.mixup_alpha, model.integration_base) == (0.75, 0.8, 0.99)
  has_glosses = dataset != "nmfs_csl"
  assert model.inter_mixup == has_glosses
  assert model.smoothing == ("language" if has_glosses else "uniform")
  name, *size = dataset.rsplit("_", 1) if has_glosses else ("nmfs_csl", "1067")
  largest = {"wlasl": "2000", "msasl": "1000"}
  assert data.name == f"{name}/{size[0] if size else largest[name]}_pose"


def test_the_rate_changes_once_an_epoch_however_many_there_are(monkeypatch):
  assert parse(monkeypatch, "epochs=7").optim.stairs == 7


def text_rows():
  """(row, overrides) of the text of configs/nla_slr.py."""
  text = nla_slr.__doc__.split("    table 4")[1].split('variant="paper" draws')[0]
  for line in text.splitlines():
    *fixed, last = [*re.findall(r"([a-z_]+)=(\w[\w.]*(?:, [\w.]+)*)", line), None]
    del last
    wide = [(key, value.split(", ")) for key, value in fixed]
    for number in range(max((len(values) for _, values in wide), default=0)):
      yield [f"model.{key}={values[min(number, len(values) - 1)]}" for key, values in wide]


def test_all_rows_of_the_tables_are_found():
  assert len(list(text_rows())) == 6 + 3 + 3 + 3 + 6


@pytest.mark.parametrize("overrides", list(text_rows()), ids=" ".join)
def test_every_row_of_the_text_is_a_configuration(overrides, monkeypatch):
  config = parse(monkeypatch, *overrides)
  checks.check(config)
  recognizer = SYSTEM.recognizer
  assert SYSTEM.build(config.model, recognizer.inputs(config, 20, {})).classes == 20


def test_the_variant_paper_is_its_switch(monkeypatch):
  decided = lambda *overrides: base.resolve(SYSTEM, parse(monkeypatch, *overrides).model).to_dict()
  released, paper = decided(), decided("model.variant=paper")
  assert (released["heatmap"], paper["heatmap"]) == ("released", "paper")
  assert {**decided("model.heatmap=paper"), "variant": "paper"} == paper


@pytest.mark.parametrize(("override", "words"), [
    ("model.smoothing=vanilla", "model.smoothing='vanilla' is not one of language, uniform, none"),
    ("model.smoothing_eps=1.5", "model.smoothing_eps=1.5 is not between 0 and 1"),
    ("model.intra_mixup=2.0", "model.intra_mixup=2.0 is not between 0 and 1"),
    ("model.mixup_alpha=0.0", "model.mixup_alpha=0.0 must be greater than 0"),
    ("model.modalities=rgb", "model.modalities='rgb' is not one of both, video, keypoint"),
    ("model.ensemble=first", "model.ensemble='first' is not one of last, all"),
    ("model.heatmap=exact", "model.heatmap='exact' is not one of released, paper"),
    ("data.size=112", "data.heatmap_size=112 must be half of data.size=112, 56"),
    ("data.frames=15", "data.frames=15 must be even"),
])
def test_numbers_that_cannot_work(override, words, monkeypatch):
  with pytest.raises(UserError, match=words):
    parse(monkeypatch, override)


def test_a_data_set_without_settings():
  with pytest.raises(UserError, match="'wlasl_200': choose one of signing_sim, .*'wlasl_2000'"):
    nla_slr.get_config("wlasl_200")
