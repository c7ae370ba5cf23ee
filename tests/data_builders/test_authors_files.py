"""Who has the authors' files has their numbers in two commands, `build` and `--mode evaluate`."""

import json

import numpy as np
import pytest

import sign_jax
from data_builders import build
from sign_jax.metrics import retrieval as metrics
from sign_jax.tasks.retrieval import Retrieval
from tests import program
from tests.data_builders import authors

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.mark.parametrize(("system", "corpus"), [("cico", "how2sign"), ("upret", "phoenix14t")])
def test_two_commands_give_the_numbers_of_released_weights(system, corpus, tmp_path, monkeypatch):
  root, state = tmp_path / "CLCL", authors.state_dict(system)
  clips = authors.unpack(root, corpus, state)["test"]
  weights = authors.write_checkpoint(root / "chpt", state)
  results = evaluated(system, corpus, corpus, root, weights, tmp_path, monkeypatch)
  path = root / authors.FOLDERS[corpus][0] / "test.pkl"
  features = [clips[video["video_name"]] for video in authors.videos(path)]
  expected = counted_as_released(system, corpus, weights, path, features)
  found = {name.removeprefix("test/"): results[f"test/{name}"] for name in expected}
  assert found == pytest.approx(expected)
  assert found["t2v/R@10"] > 80 and found["v2t/R@10"] > 80  # chance is below 50
  assert not any(name.startswith("validation/") for name in results)


def test_two_commands_read_the_drive_of_seds(tmp_path, monkeypatch):
  root, name = tmp_path / "SEDS", "how2sign/features_pose_seds"
  clips = authors.unpack_seds(root)["test"]
  weights = authors.write_checkpoint(root / "ckpts", authors.seds_state_dict())
  seen = watched(monkeypatch)
  results = evaluated("seds", "how2sign", name, root, weights, tmp_path, monkeypatch)
  assert results["protocol"] == "seds" and results["test/left_out"] == 0
  ((split, scores),) = seen
  names = [video["new_video_name"] for video in authors.videos(root / "data_h2/test.pkl")]
  assert split.video_ids == names and split.poses.image_size == (authors.SIZE, authors.SIZE)
  for number, rows in enumerate(split.stored_features(range(len(names)), 64)):
    np.testing.assert_array_equal(rows["agnostic"], clips[names[number]])
  numbers = authors.sentence_numbers(root / "data_h2/test.pkl")
  expected = metrics.retrieval_metrics(scores, numbers, ties="released")
  assert {name: results[f"test/{name}"] for name in expected} == expected


def watched(monkeypatch):
  """A list that gets every split that is measured, with its similarities."""
  seen, similarity = [], Retrieval.similarity

  def measured(task, variables, split, place):
    scores = similarity(task, variables, split, place)
    seen.append((task.split(split), scores))
    return scores

  monkeypatch.setattr(Retrieval, "similarity", measured)
  return seen


def evaluated(system, corpus, name, root, weights, tmp_path, monkeypatch):
  """The two commands; no flag says how large the model is."""
  build.main([
    name, "--manual_dir", str(root), "--data_dir", str(tmp_path / "tfds"), "--splits", "test",
    "--feature_dtype", "float32",
  ])  # fmt: skip
  program.call(
    monkeypatch, f"--config=configs/{system}.py:{corpus}", f"--workdir={tmp_path / 'run'}",
    "--mode=evaluate", f"--config.init.model={weights}", "--config.ties=released",
    f"--config.data.data_dir={tmp_path / 'tfds'}", "--config.eval_batch_size=8",
    f"--config.data.name={name}",
  )  # fmt: skip
  return json.loads((tmp_path / "run/results.json").read_text())


def counted_as_released(system, corpus, weights, path, features):
  """Metrics of the raw features, in the order of the annotations, by another way than the data set.
  """
  model = sign_jax.load(weights, system=system, dataset=corpus)
  videos, numbers = authors.videos(path), authors.sentence_numbers(path)
  first = np.unique(numbers, return_index=True)[1]
  scores = model.similarity(features, [videos[i]["text"] for i in first])
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
