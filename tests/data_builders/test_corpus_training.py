"""A published configuration trains on each corpus as it is built by default.

It is CiCo's, the quickest to compile, on one corpus. Of the others the batches are read, which are
all that a model sees of them; `tests/test_configs.py` trains on batches of these shapes.
"""

import contextlib
import itertools
import json

import numpy as np
import pytest

from data_builders import build
from sign_jax.data import pipeline, specs
from sign_jax.run import task as run_task
from tests import program
from tests.data_builders import trees

BATCH = 4
SETTINGS = {
  **program.SMALL_MODEL,
  "batch_size": BATCH, "eval_batch_size": BATCH, "steps": 2, "eval_every": 2, "log_every": 1,
}  # fmt: skip


@pytest.fixture
def built(tmp_path):
  """A function of a corpus, which it builds; returns the command line that trains on it."""

  def of(corpus, sentences):
    names = getattr(trees, corpus)(tmp_path / corpus, sentences)
    trees.write_features(tmp_path / corpus, names, "aware", sign=-1)
    build.prepare(corpus, None, tmp_path / "tfds", tmp_path / corpus)
    flags = {**SETTINGS, "data.data_dir": tmp_path / "tfds"}
    return [
      f"--config=configs/cico.py:{corpus}", f"--workdir={tmp_path / 'run'}",
      *(f"--config.{key}={value}" for key, value in flags.items()),
    ]  # fmt: skip

  return of


def test_cico_trains_and_evaluates(built, tmp_path, monkeypatch):
  program.call(monkeypatch, *built("how2sign", 4))
  results = json.loads((tmp_path / "run/results.json").read_text())
  assert 0 <= results["test/t2v/R@1"] <= 100
  assert all("loss" in line for line in program.metrics(tmp_path / "run")[:2])
  config = json.loads((tmp_path / "run/config.json").read_text())
  assert config["data"]["name"] == "how2sign"


@pytest.mark.parametrize(("corpus", "sentences"), [("phoenix14t", 5), ("csl_daily", 4)])
def test_batches_are_what_the_model_is_built_for(built, monkeypatch, corpus, sentences):
  config = program.parse(monkeypatch, *built(corpus, sentences))
  assert config.data.name == corpus
  task = run_task.make(config)
  with contextlib.closing(task.train_batches(0)) as batches:
    batch = next(batches)
  assert batch.keys() == task.inputs.keys()
  check(batch, task.inputs)
  assert task.measured_splits == ("validation", "test")
  for split in task.measured_splits:
    keys = ("video_length", "text_length", "alpha", "combine")
    chosen = {key: config.data[key] for key in keys}
    parts = pipeline.eval_batches(task.split(split), batch_size=BATCH, **chosen)
    for batch in itertools.chain(*parts):
      check(batch, task.inputs)


def check(batch, inputs):
  """That a batch's fields are as `protocols.Inputs` say, and hold something in every row."""
  for name, zeros in specs.zeros(inputs, BATCH).items():
    if name in batch:
      assert batch[name].shape == zeros.shape and np.can_cast(batch[name].dtype, zeros.dtype), name
      assert np.isfinite(batch[name]).all() and batch[name].reshape(BATCH, -1).any(1).all(), name
