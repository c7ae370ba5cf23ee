"""A published configuration trains on each corpus as it is built by default.

It is CiCo's, the quickest to compile; `tests/test_configs.py` traces those of both systems.
"""

import json

import pytest

from data_builders import build
from tests import program
from tests.data_builders import trees

SETTINGS = {
  **program.SMALL_MODEL,
  "batch_size": 4, "eval_batch_size": 4, "steps": 2, "eval_every": 2, "log_every": 1,
}  # fmt: skip


@pytest.mark.parametrize(
  ("corpus", "sentences"), [("how2sign", 4), ("phoenix14t", 5), ("csl_daily", 4)]
)
def test_cico_trains_and_evaluates(tmp_path, monkeypatch, corpus, sentences):
  names = getattr(trees, corpus)(tmp_path / corpus, sentences)
  trees.write_features(tmp_path / corpus, names, "aware", sign=-1)
  build.prepare(corpus, None, tmp_path / "tfds", tmp_path / corpus)
  flags = {**SETTINGS, "data.data_dir": tmp_path / "tfds"}
  program.call(
    monkeypatch, f"--config=configs/cico.py:{corpus}", f"--workdir={tmp_path / 'run'}",
    *(f"--config.{key}={value}" for key, value in flags.items()),
  )  # fmt: skip
  results = json.loads((tmp_path / "run/results.json").read_text())
  assert 0 <= results["test/t2v/R@1"] <= 100
  assert all("loss" in line for line in program.metrics(tmp_path / "run")[:2])
  config = json.loads((tmp_path / "run/config.json").read_text())
  assert config["data"]["name"] == corpus
