"""SignVTCL from the command line: trained on the simulator, measured, used on videos, shared."""

import json
import re

import numpy as np
import pytest

import sign_jax
from data_builders.signing_sim import videos as sim_videos
from sign_jax import export, recognize
from sign_jax.data.gloss_videos import GlossVideos
from tests import program

DATA = "signing_sim/continuous_tiny"
SMALL = {
    "data.name": DATA, "data.buckets": "(128,)", "data.size": 16,
    "model.streams": "keypoint", "model.width": 1 / 16, "model.dtype": "float32",
    "model.heatmap_canvas": "(16, 16)", "model.head.hidden": 16, "model.head.feedforward": 16,
    "model.align.shared": 8, "model.align.adapter": 8, "text.tiny.steps": 0, "text.tiny.width": 8,
    "batch_size": 4, "eval_batch_size": 8, "epochs": 0, "steps": 2, "eval_every": 2, "log_every": 1,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory, sentences_dir):
  """(workdir, results) of a run of the keypoints' stream."""
  folder = tmp_path_factory.mktemp("runs") / "run"
  settings = {**SMALL, "data.data_dir": sentences_dir, "text.cache_dir": folder.parent / "text"}
  args = [f"--config.{key}={value}" for key, value in settings.items()]
  with pytest.MonkeyPatch.context() as patch:
    results = program.call(patch, "--config=configs/signvtcl.py", f"--workdir={folder}", *args)
  return folder, results


@pytest.fixture(scope="module")
def files(tmp_path_factory, sentences_dir):
  """A folder with two sentences as videos, the first three frames of one, keypoints of all."""
  folder = tmp_path_factory.mktemp("clips")
  found = GlossVideos(DATA, "test", sentences_dir, fields=("video", "keypoints"), size=48)
  for name, index, count in (("a", 0, None), ("b", 1, None), ("short", 0, 3)):
    clip = found.read(index, np.arange(found.counts[index])[:count])
    sim_videos.write_video(folder / f"{name}.mp4", clip["video"])
    np.savez(folder / f"{name}.npz", keypoints=clip["keypoints"] * np.float32([48, 48, 1]))
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


def test_it_is_trained_and_measured(run):
  folder, results = run
  losses = [row for row in program.metrics(folder) if "loss" in row]
  assert len(losses) == 2 and all(np.isfinite(row["loss"]) for row in losses)
  parts = ("substitutions", "deletions", "insertions")
  assert results["test/wer"] == pytest.approx(sum(results[f"test/{name}"] for name in parts))
  assert results["test/wer"] > 0 and results["test/videos"] > 1
  for name in ("align_positives", "align_sentence_R@1"):
    assert 0 <= results[f"test/{name}"] <= 100
  assert 0 < results["test/align_positives_chance"] < 100 > results["test/align_entropy"] > 50
  assert results["test/align_sentence_chance"] > 0
  assert json.loads((folder / "results.json").read_text())["test/wer"] == results["test/wer"]
  sentences = (folder / "alignments_test.txt").read_text()
  assert sentences.count("Scores: ") == results["test/videos"] and "alignments" not in sentences
  noted = json.loads((folder / "config.json").read_text())
  assert noted["labels"][0] == "<blank>" and len(noted["labels"]) == noted["inputs"]["classes"]
  assert "flow_note" not in noted


def test_videos_are_read_in_a_table_in_json_and_as_subtitles(run, files, tmp_path, capsys):
  clips = [files / f"{name}.mp4" for name in ("a", "b", "short")]
  out = named(capsys, "--workdir", run[0], *clips, "--keypoints",
              *(clip.with_suffix(".npz") for clip in clips), "--json", tmp_path / "out.json",
              "--vtt", tmp_path / "vtt").out  # fmt: skip
  found = json.loads((tmp_path / "out.json").read_text())
  assert [entry["video"] for entry in found] == list(map(str, clips))
  assert any(entry["glosses"] for entry in found)
  labels = json.loads((run[0] / "config.json").read_text())["labels"]
  for entry, clip in zip(found, clips, strict=True):
    text = (tmp_path / "vtt" / f"{clip.stem}.vtt").read_text()
    assert text.startswith("WEBVTT\n") and text.count(" --> ") == len(entry["glosses"])
    assert f"wrote {tmp_path / 'vtt' / clip.stem}.vtt" in out
    before = 0
    for sign in entry["glosses"]:
      begin, end = sign["seconds"]
      assert before <= begin < end and labels[sign["class"]] == sign["gloss"]
      assert re.search(f"{begin:.2f} to +{end:.2f} seconds  {re.escape(sign['gloss'])}\n", out)
      before = begin


def test_one_bad_video_does_not_stop_the_others(run, files, capsys):
  clips = [files / name for name in ("text.mp4", "a.mp4", "none.mp4", "b.mp4")]
  keypoints = [files / name for name in ("a.npz", "a.npz", "a.npz", "none.npz")]
  said = named(capsys, "--workdir", run[0], *clips, "--keypoints", *keypoints, "--json", "-",
               status=1)  # fmt: skip
  found = json.loads(said.out)
  assert ["error" in entry for entry in found] == [True, False, True, True]
  errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
  assert len(errors) == 3
  for line, words in zip(errors, ("text.mp4", "none.mp4 does not exist", "none.npz"), strict=True):
    assert words in line


@pytest.mark.parametrize(("more", "words"), [
    (["--flow", "x"], "this model reads no flow: leave --flow out"),
    (["--top", "3"], "one sequence of glosses: leave --top out"),
    (["--keypoints", "a", "b"], "--keypoints names 2 files for 1 videos"),
])
def test_options_that_do_not_belong_are_refused(run, files, capsys, more, words):
  assert words in named(capsys, "--workdir", run[0], files / "a.mp4", *more, status=1).err


def test_subtitles_of_several_videos_need_a_folder(run, files, capsys, tmp_path):
  both = files / "a.mp4", files / "b.mp4"
  for clips, place, words in (
      (both, tmp_path / "x.vtt", "is one file for 2 videos: pass a folder"),
      (both[:1] * 2, tmp_path, "two videos would have the subtitles"),
  ):
    assert words in named(capsys, "--workdir", run[0], *clips, "--vtt", place, status=1).err


def test_a_model_of_keypoints_asks_for_them(run, files, capsys):
  assert "reads keypoints: pass those of the video, --keypoints FILE" in named(
      capsys, "--workdir", run[0], files / "a.mp4", status=1
  ).err


def test_a_run_is_loaded_with_other_settings(run):
  """Though it left the number of classes to its data."""
  model = sign_jax.load(run[0], config={"decode.width": 1})
  assert model.config.decode.width == 1 and model.config.model.num_classes == 0


def test_it_comes_back_from_the_hubs_folder_and_from_a_file(run, files, sentences_dir, tmp_path):
  export.main(["--workdir", str(run[0]), "--out", str(tmp_path / "hub"), "--format", "hub"])
  export.main(["--workdir", str(run[0]), "--out", str(tmp_path / "weights.safetensors")])
  card = (tmp_path / "hub/README.md").read_text()
  for words in ("continuous sign recognition", "model.recognize(\"video.mp4\", keypoints=",
                "| test/wer |", "Word error rate"):  # fmt: skip
    assert words in card, words
  own = sign_jax.load(run[0])
  settings = {
      key: value for key, value in SMALL.items()
      if key.startswith(("data.size", "model.heatmap")) or key == "model.dtype"
  } | {"data.buckets": (128,), "model.heatmap_canvas": (16, 16)}
  others = [
      sign_jax.load(tmp_path / "hub"),
      sign_jax.load(tmp_path / "weights.safetensors", labels=own.labels, config=settings),
  ]
  read = lambda model: model.recognize(files / "a.mp4", keypoints=files / "a.npz")
  found = read(own)
  assert found.glosses and found.log_probability < 0
  for other in others:
    assert other.system == "signvtcl" and other.labels == own.labels
    again = read(other)
    assert again.glosses == found.glosses and again.log_probability == found.log_probability
    np.testing.assert_array_equal(again.seconds, found.seconds)
  results = sign_jax.evaluate(others[0], "test", config={"data.data_dir": str(sentences_dir)})
  assert results["test/wer"] == run[1]["test/wer"]
