"""Who has the authors' files has their numbers in two commands, `build` and `--mode evaluate`."""

import json

import numpy as np
import pytest

import sign_jax
from data_builders import build
from sign_jax.metrics import retrieval as metrics
from tests import program
from tests.data_builders import authors

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.mark.parametrize(("system", "corpus"), [("cico", "how2sign"), ("upret", "phoenix14t")])
def test_two_commands_give_the_numbers_of_released_weights(system, corpus, tmp_path, monkeypatch):
  root, state = tmp_path / "CLCL", authors.state_dict(system)
  features = authors.unpack(root, corpus, state)["test"]
  weights = authors.write_checkpoint(root / "chpt", state)
  results = evaluated(system, corpus, root, weights, tmp_path, monkeypatch)
  path = root / authors.FOLDERS[corpus][0] / "test.pkl"
  expected = counted_as_released(system, corpus, weights, path, features)
  found = {name.removeprefix("test/"): results[f"test/{name}"] for name in expected}
  assert found == pytest.approx(expected)
  assert found["t2v/R@10"] > 80 and found["v2t/R@10"] > 80  # chance is below 50
  assert not any(name.startswith("validation/") for name in results)


def evaluated(system, corpus, root, weights, tmp_path, monkeypatch):
  """The two commands; no flag says how large the model is."""
  build.main([
    corpus, "--manual_dir", str(root), "--data_dir", str(tmp_path / "tfds"), "--splits", "test",
    "--feature_dtype", "float32",
  ])  # fmt: skip
  program.call(
    monkeypatch, f"--config=configs/{system}.py:{corpus}", f"--workdir={tmp_path / 'run'}",
    "--mode=evaluate", f"--config.init.model={weights}", "--config.ties=released",
    f"--config.data.data_dir={tmp_path / 'tfds'}", "--config.eval_batch_size=8",
  )  # fmt: skip
  return json.loads((tmp_path / "run/results.json").read_text())


def counted_as_released(system, corpus, weights, path, features):
  """Metrics of the raw features, in the order of the annotations, by another way than the data set.
  """
  model = sign_jax.load(weights, system=system, dataset=corpus)
  videos, numbers = authors.videos(path), authors.sentence_numbers(path)
  first = np.unique(numbers, return_index=True)[1]
  scores = model.similarity(
    [features[video["video_name"]] for video in videos], [videos[i]["text"] for i in first]
  )
  return metrics.retrieval_metrics(scores, numbers, ties="released")


def test_without_dev_pkl_validation_is_held_out_and_said_to_be(tmp_path, monkeypatch, capsys):
  root, state = tmp_path / "CLCL", authors.state_dict("cico")
  authors.unpack(root, "csl_daily", state)
  weights = authors.write_checkpoint(root / "chpt", state)
  build.main(["csl_daily", "--manual_dir", str(root), "--data_dir", str(tmp_path / "tfds")])
  told = capsys.readouterr()
  assert "has no dev.pkl" in told.err and "which is no published one" in told.err
  assert "validation: held out of train by sentence, not a published split" in told.out
  program.call(
    monkeypatch, "--config=configs/cico.py:csl_daily", f"--workdir={tmp_path / 'run'}",
    "--mode=evaluate", f"--config.init.model={weights}", "--config.eval_batch_size=8",
    f"--config.data.data_dir={tmp_path / 'tfds'}",
  )  # fmt: skip
  results = json.loads((tmp_path / "run/results.json").read_text())
  assert results["validation/origin"] == "held out of train by sentence, not a published split"
  assert "test/origin" not in results and results["protocol"] == "cico"
  title = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("csl_daily, valid"))
  assert title.startswith("csl_daily, validation (held out of train by sentence, not a published")
