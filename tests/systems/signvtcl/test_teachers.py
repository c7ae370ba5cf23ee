"""Which runs may be followed: found out before data are read, and again when glosses are known."""

import json

import pytest

from sign_jax.errors import UserError
from sign_jax.run import checks
from sign_jax.systems.signvtcl import settings, teachers
from sign_jax.systems.signvtcl.recognizer import SentenceRecognizer
from sign_jax.train import checkpoint

CLASSES = ["<blank>", "REGEN", "SONNE"]


def config(**changes):
  found = settings.config()
  found.update_from_flattened_dict({key.replace("__", "."): x for key, x in changes.items()})
  return found


@pytest.fixture
def student(tmp_path, monkeypatch):
  """Function of changes to a teacher's run -> the configuration of one that follows it."""
  teachers.read.cache_clear()
  noted = {}
  monkeypatch.setattr(checkpoint, "best_on_cpu", lambda folder: noted[folder])

  def make(labels=CLASSES, **changes):
    own = config(model__align__gloss=0.0, model__align__sentence=0.0, **changes)
    folder = tmp_path / f"teacher{len(noted)}"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"labels": labels}))
    inputs = SentenceRecognizer().inputs(own, 3, 0)
    record = {"config": json.loads(own.to_json()), "inputs": inputs}
    noted[folder / "checkpoints"] = checkpoint.Best({}, record, None, True)
    return config(model__align__source="teacher", init__teacher=str(folder))

  yield make
  teachers.read.cache_clear()


def test_a_run_with_the_same_settings_is_followed(student):
  checks.check_training(student(), is_new=True)
  checks.check_training(student(model__streams="flow", model__heatmap_sigma=1.0), is_new=True)
  teachers.check(student(), CLASSES)


def test_one_that_does_not_say_its_glosses_is_followed_with_a_warning(student, capsys):
  teachers.check(student(), CLASSES)
  assert not capsys.readouterr().err
  teachers.check(student(labels=None), CLASSES)
  assert "does not say which gloss each of its 3 classes is" in capsys.readouterr().err


@pytest.mark.parametrize(("changes", "words"), [
    ({"data__size": 24}, "reads video of 24 pixels, and this model of 16"),
    ({"data__heatmap_size": 8, "model__streams": "keypoint"}, "keypoint of 8 pixels"),
    ({"model__variant": "base"}, "reads keypoint of 8 pixels, and this model of 16"),
    ({"model__heatmap_canvas": (48, 40)}, r"heatmap_canvas=\(48, 40\), and this model has"),
    ({"data__centre": 0.5}, "data.centre=0.5, and this model has 1.0"),
])
def test_one_that_reads_other_clips_is_refused_before_data_are_read(student, changes, words):
  with pytest.raises(UserError, match=words):
    checks.check_training(student(**changes), is_new=True)


def test_one_of_other_glosses_is_refused(student):
  for labels in (CLASSES[::-1], CLASSES[:2]):
    with pytest.raises(UserError, match="other classes than the 3 of this model"):
      teachers.check(student(labels=labels), CLASSES)
  with pytest.raises(UserError, match="other classes than the 4 of this model"):
    teachers.check(student(labels=None), [*CLASSES, "WIND"])


def test_one_that_is_missing_is_asked_for_before_data_are_read():
  with pytest.raises(UserError, match="name its folder by --config.init.teacher"):
    checks.check_training(config(model__align__source="teacher"), is_new=False)
  with pytest.raises(UserError, match="there is no folder"):
    checks.check_training(
        config(model__align__source="teacher", init__teacher="/nowhere"), is_new=False
    )


def test_a_student_of_fewer_streams_is_refused(student):
  found = student()
  found.model.streams = "video"
  with pytest.raises(UserError, match="reads keypoint, flow, which this model does not"):
    teachers.check(found)


def test_blocks_are_not_frozen_as_they_are_drawn():
  found = config(model__freeze_blocks=1)
  with pytest.raises(UserError, match="freeze_blocks=1 would leave .*pass --config.init.video"):
    checks.check_training(found, is_new=True)
  checks.check_training(found, is_new=False)  # a run that was begun so goes on
  for change in ({"init__video": "s3d.pt"}, {"model__streams": "flow"}):
    checks.check_training(config(model__freeze_blocks=1, **change), is_new=True)
