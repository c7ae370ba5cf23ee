"""The task of isolated recognition on clips of signs: batches, progress, evaluation, table."""

import jax
import numpy as np
import pytest

from sign_jax.data import sign_batches
from sign_jax.errors import UserError
from sign_jax.metrics import classification
from sign_jax.run import task as run_task
from sign_jax.tasks import isolated_scores, linear_baseline
from tests import toy_signs
from tests.data import tiny_signs

pytestmark = pytest.mark.usefixtures("quick_compile")
PLACE = lambda batch: batch  # noqa: E731


@pytest.fixture(scope="module", autouse=True)
def system():
  return toy_signs.card()


def make(signs_dir, **changes):
  return run_task.make(toy_signs.settings(data__data_dir=str(signs_dir), **changes))


@pytest.fixture(scope="module")
def task(signs_dir):
  return make(signs_dir)


@pytest.fixture(scope="module")
def variables(task):
  return task.init(jax.random.key(0))


def test_a_step_gets_the_vectors_and_the_whole_epochs_done(task, variables):
  batches = task.train_batches(0)
  batch = next(batches)
  batches.close()
  assert batch["video"].shape == (32, 8, 48, 48, 3)
  names = task.name_examples(1, [0, 31])
  assert all("of 'signing_sim/frames_tiny:1.0.0'" in name for name in names) and len(names) == 2
  batch |= task.resident(PLACE)
  assert batch["embeddings"].shape[0] == task.inputs["classes"] == len(task.class_names)
  last, steps = task.steps_per_epoch - 1, task.steps_per_epoch
  assert steps == task.reader.size("train") // 32
  for step, progress in ((0, 0.0), (last, 0.0), (steps, 0.25), (3 * steps - 1, 0.5)):
    loss, (logged, _) = task.loss(variables, batch, jax.random.key(0), step)
    assert logged["loss_progress"] == pytest.approx(progress) and logged["loss_same"] == 1
  assert np.isfinite(loss) and 0 <= logged["top1"] <= 100


def test_evaluation_has_all_accuracies_and_those_of_look_alikes(task, variables):
  found = task.evaluate(variables, "test", PLACE)
  kinds = {f"{kind}top{k}" for kind in ("", "class_") for k in (1, 5, 10)}
  apart = {f"{kind}/top1" for kind in ("related", "unrelated", "others")}
  assert found.keys() == kinds | {f"ensemble_all/{name}" for name in kinds} | apart
  clips = task.reader.split("test")
  parts = [clips.read(i) for i in range(len(clips))]

  batch = {
    name: np.stack([part[name][sign_batches.places(len(part[name]), 8)] for part in parts])
    for name in ("video", "keypoints")
  }  # fmt: skip
  scores = np.asarray(task.scores(variables, batch)[""])
  assert found.items() >= classification.accuracies(scores, clips.labels).items()
  members = {label for a, b, related in clips.lookalikes if related for label in (a, b)}
  rows = np.isin(clips.labels, list(members))
  assert 0 < rows.sum() < len(rows)
  own = classification.accuracies(scores[rows], clips.labels[rows])
  assert found["related/top1"] == own["top1"]


def test_three_crops_are_averaged_in_probabilities(signs_dir, task, variables):
  three = make(signs_dir, data__crops=3)
  found = three.evaluate(variables, "test", PLACE)
  one = task.evaluate(variables, "test", PLACE)
  assert {name: found[f"one_crop/{name}"] for name in ("top1", "top5", "class_top10")} == {
    name: one[name] for name in ("top1", "top5", "class_top10")
  }  # fmt: skip
  assert "one_crop/ensemble_all/top1" in found
  rng = np.random.default_rng(0)
  logits = rng.standard_normal((6, 4)).astype(np.float32)
  averaged, labels = isolated_scores.averaged({"": logits}, np.array([0, 0, 0, 3, 3, 3]), 3)
  shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
  np.testing.assert_allclose(np.exp(averaged[""]), shares.reshape(2, 3, 4).mean(1), rtol=1e-5)
  np.testing.assert_allclose(np.exp(averaged["one_crop"]), shares[[1, 4]], rtol=1e-5)
  assert list(labels) == [0, 3]


def test_the_linear_baseline_stands_in_the_same_table(signs_dir, monkeypatch):
  monkeypatch.setattr(linear_baseline, "JOINTS", linear_baseline.JOINTS[:42:6])  # of the hands
  task = make(signs_dir, data__linear_baseline=True, model__modalities="video")
  variables = task.init(jax.random.key(0))
  found = {f"test/{name}": x for name, x in task.evaluate(variables, "test", PLACE).items()}
  count, classes = task.reader.size("test"), task.inputs["classes"]
  assert found["test/linear/top1"] > 3 * 100 / classes
  again = make(signs_dir, data__linear_baseline=True).reader
  assert again.further("test", np.zeros((count, classes)), again.split("test").labels)[
    "linear/top1"] == found["test/linear/top1"]  # fmt: skip
  lines = task.table(found, "test").splitlines()
  assert lines[0] == f"signing_sim/frames_tiny:1.0.0, test: {count} signs of {classes} classes"
  assert any(line.startswith("linear classifier") and line.split()[-3] == (
    f"{found['test/linear/top1']:.1f}") for line in lines)  # fmt: skip


def test_the_baseline_is_the_minimum_of_its_loss():
  rng = np.random.default_rng(0)
  inputs = rng.standard_normal((60, 5)).astype(np.float32) * [1, 10, 0.1, 5, 0] + 3
  labels = rng.integers(0, 3, 60)
  scores = linear_baseline.fit(inputs.astype(np.float32), labels, 3)(inputs.astype(np.float32))
  shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
  unit = (inputs - inputs.mean(0)) / np.maximum(inputs.std(0), 1e-6) * (inputs.std(0) > 1e-6)
  error = (shares - np.eye(3)[labels]) / len(labels)
  # At the minimum the gradient vanishes: unit.T @ error = -PENALTY * kernel.
  kernel = -(unit.T @ error) / linear_baseline.PENALTY
  np.testing.assert_allclose(unit @ kernel - (unit @ kernel).mean(0), scores - scores.mean(0),
                             atol=0.2)  # fmt: skip
  assert np.abs(error.sum(0)).max() < 1e-3


def test_missing_videos_are_counted_in_the_table(tmp_path):
  tiny_signs.render(tmp_path / "videos")
  members = [tiny_signs.record(number) for number in range(6)]
  tiny_signs.build(tmp_path, {"train": members, "validation": members[:3]})
  task = run_task.make(toy_signs.settings(
    data__data_dir=str(tmp_path), data__name="tiny_signs", data__videos=str(tmp_path / "videos"),
    model__modalities="video", batch_size=3,
  ))  # fmt: skip
  assert task.measured_splits == ("validation",)
  title = task.table({}, "validation").splitlines()[0]
  assert title.endswith("3 signs of 3 classes, on 3 of 4 listed videos (1 missing)")
  assert task.facts(("validation",)) == {
    "data": "tiny_signs:1.0.0", "crops": 1, "validation/signs": 3, "validation/listed": 4,
    "validation/missing": 1,
  }  # fmt: skip
  (tmp_path / "videos/1.mp4").unlink()
  with pytest.raises(UserError, match="'clip_1' of .* cannot be read: .*1.mp4 does not exist"):
    task.evaluate(task.init(jax.random.key(0)), "validation", PLACE)


def test_a_damaged_video_ends_training_with_a_sentence(tmp_path):
  tiny_signs.render(tmp_path / "videos")
  (tmp_path / "videos/2.mp4").write_bytes(b"no video")
  members = [tiny_signs.record(number) for number in range(6)]
  tiny_signs.build(tmp_path, {"train": members, "validation": members[:2]})
  task = run_task.make(toy_signs.settings(
    data__data_dir=str(tmp_path), data__name="tiny_signs", data__videos=str(tmp_path / "videos"),
    model__modalities="video", batch_size=6,
  ))  # fmt: skip
  batches = task.train_batches(0)
  with pytest.raises(UserError, match="'clip_2' of .* cannot be read: .*2.mp4 is no video"):
    next(batches)
  batches.close()


def test_wrong_settings_are_one_sentence(signs_dir):
  with pytest.raises(UserError, match="data.crops=2 is not one of 1, 3"):
    make(signs_dir, data__crops=2)
  with pytest.raises(UserError, match="batch_size 300 exceeds the .* training signs"):
    make(signs_dir, batch_size=300).steps_per_epoch  # noqa: B018
  with pytest.raises(UserError, match="labels up to .*, and the model has only 9"):
    make(signs_dir, model__num_classes=9)


@pytest.mark.parametrize("boxes", [True, False])
def test_clips_are_cut_to_their_boxes_where_that_is_set(tmp_path, boxes):
  box = (0.25, 0.5, 1.0, 1.0)
  made = tiny_signs.record(0, with_pose=True, box=np.array(box, np.float32))
  tiny_signs.build(tmp_path, {split: [made] for split in ("train", "validation", "test")})
  found = make(tmp_path, data__name="tiny_signs", data__videos=str(tmp_path), data__boxes=boxes)
  assert [clip.box for clip in found.reader.split("test").clips] == [box if boxes else None]
