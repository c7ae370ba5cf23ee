"""The door that names signs in videos, on a run of a small system, and the same from Python."""

import json

import jax
import numpy as np
import pytest

import sign_jax
from data_builders.signing_sim import videos as sim_videos
from sign_jax import export, recognize
from sign_jax.data import sign_batches
from sign_jax.data.sign_clips import SignClips
from sign_jax.errors import UserError
from tests import program, toy_signs

SIDE = 48
CONFIG = """
from tests import toy_signs

toy_signs.card()
get_config = toy_signs.config
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory, signs_dir):
  """{modalities: workdir} of runs of the toy system, trained by the program."""
  root, found = tmp_path_factory.mktemp("runs"), {}
  (root / "toy.py").write_text(CONFIG)
  with pytest.MonkeyPatch.context() as patch:
    for modalities in ("both", "video"):
      found[modalities] = root / modalities
      program.call(
        patch, f"--config={root / 'toy.py'}", f"--workdir={root / modalities}",
        f"--config.data.data_dir={signs_dir}", f"--config.model.modalities={modalities}",
      )  # fmt: skip
  return found


@pytest.fixture(scope="module")
def clip(signs_dir):
  """A clip of the test split: its frames and keypoints in pixels, and the class."""
  clips = SignClips("signing_sim/frames_tiny", "test", signs_dir, fields=("video", "keypoints"),
                    size=SIDE)  # fmt: skip
  found = clips.read(5)
  keypoints = np.array(found["keypoints"])
  keypoints[..., :2] *= SIDE
  return {"video": found["video"], "keypoints": keypoints, "label": clips.labels[5]}


@pytest.fixture(scope="module")
def files(clip, tmp_path_factory):
  """A folder with the clip as a video, its first three frames, and keypoints of both."""
  folder = tmp_path_factory.mktemp("clips")
  for name, count in (("sign", None), ("short", 3)):
    sim_videos.write_video(folder / f"{name}.mp4", clip["video"][:count])
    np.savez(folder / f"{name}.npz", keypoints=clip["keypoints"][:count])
  (folder / "text.mp4").write_text("no video")
  return folder


def named(capsys, *args, status=0):
  """(stdout, stderr) of the command."""
  if status:
    with pytest.raises(SystemExit) as ended:
      recognize.main(list(map(str, args)))
    assert ended.value.code == status
  else:
    recognize.main(list(map(str, args)))
  return capsys.readouterr()


def test_the_run_has_noted_the_names_and_recognises_as_it_evaluates(runs, clip):
  model = sign_jax.load(runs["both"])
  noted = json.loads((runs["both"] / "config.json").read_text())
  assert model.labels == noted["labels"] and len(model.labels) == model.trained.inputs["classes"]
  assert "labels" not in model.config
  found = model.recognize(clip["video"], top=1000, keypoints=clip["keypoints"])
  assert found.probabilities.shape == (1, len(model.labels)) and found.seconds is None
  assert found.labels[0] == [model.labels[i] for i in found.classes[0]]
  places = sign_batches.places(len(clip["video"]), 8)
  pictures = clip["video"][places].astype(np.float32) / 255
  shares = clip["keypoints"][places] / np.float32([SIDE, SIDE, 1])
  inputs = {"video": pictures[None], "keypoints": shares[None]}
  logits = model.trained.model.apply(model.trained.variables, inputs)["logits"]
  wanted = np.asarray(jax.nn.softmax(logits))[0]
  np.testing.assert_allclose(found.probabilities[0], wanted[found.classes[0]], rtol=2e-3)


def test_a_run_is_measured_with_more_crops_than_it_was_trained_with(runs, monkeypatch):
  run = runs["both"]
  trained = json.loads((run / "results.json").read_text())
  found = program.call(monkeypatch, f"--config={run.parent / 'toy.py'}", f"--workdir={run}",
                       "--mode=evaluate", "--config.data.crops=3")  # fmt: skip
  assert found["crops"] == 3 and trained["crops"] == 1
  assert found["test/one_crop/top5"] == trained["test/top5"]
  assert json.loads((run / "results-data.crops=3.json").read_text()) == found
  assert json.loads((run / "results.json").read_text()) == trained


def test_videos_are_named_in_a_table_and_in_json(runs, files, tmp_path, capsys):
  out = named(
    capsys, "--workdir", runs["both"], files / "sign.mp4", files / "short.mp4", "--keypoints",
    files / "sign.npz", files / "short.npz", "--json", tmp_path / "out.json", "--top", 3,
  ).out  # fmt: skip
  found = json.loads((tmp_path / "out.json").read_text())
  assert [entry["video"] for entry in found] == [str(files / f"{n}.mp4") for n in ("sign", "short")]
  for entry in found:
    shares = [sign["probability"] for sign in entry["signs"]]
    assert len(shares) == 3 and shares == sorted(shares, reverse=True) and shares[0] > 0
    for sign in entry["signs"]:
      assert sign["gloss"] in out and f"{100 * sign['probability']:.1f} %" in out


def test_a_model_of_the_video_alone_needs_no_keypoints(runs, files, capsys):
  found = json.loads(
    named(capsys, "--workdir", runs["video"], files / "sign.mp4", "--json", "-").out
  )
  assert len(found[0]["signs"]) == 5
  error = named(capsys, "--workdir", runs["video"], files / "sign.mp4", "--keypoints",
                files / "sign.npz", status=1).err  # fmt: skip
  assert "this model reads no keypoints: leave --keypoints out" in error


def test_a_bad_video_is_a_sentence_and_the_others_are_named(runs, files, capsys):
  said = named(capsys, "--workdir", runs["video"], files / "text.mp4", files / "sign.mp4",
               files / "none.mp4", status=1)  # fmt: skip
  errors = said.err.strip().splitlines()
  assert "text.mp4" in errors[-2] and "none.mp4 does not exist" in errors[-1]
  assert said.out.count("%") == 5 and said.out.count("cannot be read") == 2


@pytest.mark.parametrize(("keypoints", "words"), [
  (None, "reads keypoints too: pass those of the video, --keypoints FILE"),
  ("short.npz", "keypoints of 3 frames, and .*sign.mp4 has"),
  ("none.npz", "--keypoints: there is no file or folder .*none.npz"),
  ("text.mp4", "text.mp4"),
])
def test_what_keypoints_must_be_is_said(runs, files, keypoints, words):
  model = sign_jax.load(runs["both"])
  with pytest.raises(UserError, match=words):
    model.recognize(files / "sign.mp4", keypoints=keypoints and files / keypoints)


def test_exports_keep_the_names(runs, files, tmp_path, capsys):
  export.main(["--workdir", str(runs["video"]), "--out", str(tmp_path / "hub"), "--format", "hub"])
  run, hub = (sign_jax.load(path) for path in (runs["video"], tmp_path / "hub"))
  assert hub.labels == run.labels
  a, b = (model.recognize(str(files / "sign.mp4")) for model in (run, hub))
  assert a.labels == b.labels
  np.testing.assert_array_equal(a.probabilities, b.probabilities)


def test_mistakes_are_one_sentence(runs, files, capsys):
  model = sign_jax.load(runs["video"])
  for call, words in (
    (lambda: model.recognize(np.zeros((3, 4, 4), np.uint8)), "a clip is an array .T, H, W, 3."),
    (lambda: model.recognize(files / "sign.mp4", top=0), "top=0 must be a whole number above 0"),
    (lambda: model.encode_texts(["a"]), "can recognize the sign in a clip"),
  ):  # fmt: skip
    with pytest.raises(UserError, match=words):
      call()
  error = named(capsys, "--workdir", runs["both"], files / "sign.mp4", "--keypoints", "a", "b",
                status=1).err  # fmt: skip
  assert "--keypoints names 2 files for 1 videos" in error
  assert toy_signs.NAME == model.system


def test_what_is_done_is_there_when_it_stops(monkeypatch, tmp_path, capsys):
  entries = iter([{"video": "a.mp4", "signs": []}, KeyboardInterrupt()])

  def named(*args):
    entry = next(entries)
    if isinstance(entry, BaseException):
      raise entry
    return entry

  monkeypatch.setattr(recognize.loading, "load", lambda workdir: None)
  monkeypatch.setattr(recognize, "_check_options", lambda model, args: None)
  monkeypatch.setattr(recognize, "named", named)
  with pytest.raises(SystemExit):
    recognize.main(["--workdir", "run", "a.mp4", "b.mp4", "--json", str(tmp_path / "out.json")])
  assert json.loads((tmp_path / "out.json").read_text()) == [{"video": "a.mp4", "signs": []}]
  assert "a.mp4" in capsys.readouterr().out
