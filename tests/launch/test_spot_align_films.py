"""SPOT-ALIGN's rounds on videos: what its stages are told to do, and what they learn from."""

import numpy as np
import pytest

from configs import spot_align as configuration
from data_builders.signing_sim import videos
from launch import spot_align
from launch.spotting import annotations, archive, judged, rounds, sizes
from launch.spotting.retrieval import Retrieval
from sign_jax.data import clip_table, label_table
from sign_jax.data.feature_files import FeatureFile
from sign_jax.data.label_table import Label, Provenance
from sign_jax.errors import UserError
from tests import program

FRAMES = 48  # of each video, two seconds


class Recorded(Retrieval):
  """Its stages note their commands and end there."""

  def __init__(self, *args):
    super().__init__(*args)
    self.commands = []

  def run(self, result, *command, made_from=(), **_):
    self.commands.append(list(map(str, command)))
    self.made_from = list(made_from)
    result.parent.mkdir(parents=True, exist_ok=True)


def settings(**values):
  config = configuration.get_config()
  config.spotting.update({"encoder": "i3d", **values})
  sizes.fill(config.spotting)
  return config


@pytest.fixture
def root(tmp_path):
  """A simulator's archive of two videos, and of one exemplar that is signed for six frames."""
  folder = tmp_path / "archive"
  black = np.zeros((FRAMES, 16, 16, 3), np.uint8)
  for name in ("videos/a.mp4", "videos/b.mp4", "lexicons/first/videos/tea_0.mp4",
               "lexicons/second/videos/tea_0.mp4"):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    videos.write_video(folder / name, black)
  for name, text in {
    "captions.csv": "video,sentence,split\na.mp4,tea,train\nb.mp4,tea,test\nc.mp4,I,validation\n",
    "mouthings.csv": "video,word,time,confidence\na.mp4,tea,1.0,0.9\na.mp4,tea,0.1,0.9\n",
    "signs.csv": "video,start,end,word\na.mp4,0.9,1.1,tea\nb.mp4,0.5,0.7,tea\nc.mp4,0,1,tea\n",
    "lexicons/first/lexicon.csv": "exemplar,word,start,end\ntea_0.mp4,tea,0.875,1.125\n",
    "lexicons/second/lexicon.csv": "exemplar,word,start,end\ntea_0.mp4,tea,0.0,1.5\n",
  }.items():
    (folder / name).write_text(text)
  return tmp_path


def whole_way(root, **values):
  given = archive.simulated(root, "i3d")
  return Recorded(root, settings(**values), given, "configs/spot_align.py", [])


def flags(command):
  """{option: value} of a command."""
  pairs = [word.removeprefix("--config.").split("=") for word in command if "=" in word]
  return dict(pairs) | {
    name: value for name, value in zip(command, command[1:], strict=False) if name[:2] == "--"
  }


def test_the_simulator_films_all_videos(root):
  run = whole_way(root, archive="tiny")
  run.simulate()
  (command,) = run.commands
  counts = map(len, videos.corpus.videos(videos.corpus.TINY).values())
  assert flags(command)["--films"] == str(sum(counts))


def test_encoders_are_trained_on_windows_of_films(root):
  run = whole_way(root)
  run.link()
  run.train(1)
  (command,) = run.commands
  given = flags(command)
  assert given["--config"] == "configs/sign_encoder.py:signing_sim"
  assert (given["steps"], given["data.size"], given["batch_size"]) == ("1200", "32", "4")
  assert "init.i3d" not in given and "data.dim" not in given

  labels = label_table.read(run.folder(1) / "labels.csv")
  mouthing, _, short, long = labels["train"]
  assert mouthing.video == "corpus/a.mp4" and mouthing.provenance.kind == "mouthing"
  # The mouthing is at frame 24: windows about it, and two frames of room on both sides.
  assert (mouthing.start * 24, mouthing.end * 24) == pytest.approx((13.5, 33.5), abs=1e-4)
  # Six frames are fewer than a window has.
  assert (short.start * 24, short.end * 24) == pytest.approx((14, 34), abs=1e-4)
  assert (long.start, long.end) == (0, 1.5)
  assert [x.video for x in labels["test"]] == ["corpus/b.mp4"]


def test_features_are_of_what_is_read_later(root):
  run = whole_way(root)
  run.link()
  run.encode(1)
  run.encode(2, joint=False)
  corpus, first, _, final = map(flags, run.commands)
  rows = lambda command: [row.video for row in clip_table.read(command["--csv"]).rows]
  assert rows(corpus) == ["a.mp4"] and rows(final) == ["a.mp4", "b.mp4", "c.mp4"]
  assert "--csv" not in first and "--recognized" in final
  assert {(x["--size"], x["--stride"], x["--batch_size"]) for x in (corpus, first, final)} == {
    ("32", "4", "16")}
  run.spot(1)
  assert flags(run.commands[-1])["--encoder"] == "films"


def test_each_round_begins_with_given_weights_and_a_new_classifier(root):
  file = root / "base.pt"
  file.write_bytes(b"weights")
  run = whole_way(root, weights=str(file))
  run.train(1)
  given = flags(run.commands[0])
  assert (given["init.i3d"], given["init.classifier"]) == (str(file), "fresh")
  assert file in run.made_from


def test_weights_of_a_run_are_exported_first(root):
  trained = root / "encoder"
  trained.mkdir()
  run = whole_way(root, weights=str(trained))
  assert [name for name, _ in run.stages()][:2] == ["media", "weights"]
  run.export()
  run.train(1)
  exported, training = map(flags, run.commands)
  assert exported["--workdir"] == str(trained)
  assert exported["--out"] == training["init.i3d"] == str(root / "base.safetensors")


def test_a_corpus_is_fine_tuned_from_weights_and_otherwise_trained():
  own = settings(captions="c.csv").spotting
  assert (own.size, own.stride, own.batch_size) == (224, 1, 32)
  assert sizes.configuration(own) == "configs/sign_encoder.py:signing_sim"
  own = settings(captions="c.csv", weights="bobsl.pth.tar", batch_size=8).spotting
  assert (own.batch_size, own.steps) == (8, 0)
  assert sizes.configuration(own) == "configs/sign_encoder.py:how2sign"


@pytest.mark.parametrize(
  "flag, message",
  [
    ("spotting.weights=none.pt", "spotting.weights: there is no file or folder .*none.pt"),
    ("data.alignment=speech", "films no long videos"),
  ],
)
def test_what_cannot_work_is_refused_before_the_first_stage(tmp_path, monkeypatch, flag, message):
  flag = f"--config.{flag}"
  config = program.parse(
    monkeypatch, "--config=configs/spot_align.py", "--config.spotting.encoder=i3d", flag)
  with pytest.raises(UserError, match=message):
    spot_align.go(config, tmp_path, "configs/spot_align.py", [flag])
  assert not (tmp_path / "archive").exists()


def test_windows_at_random_are_right_as_often_as_they_meet_the_sign():
  label = Label("a.mp4", 0, 1, 0, gloss="tea", provenance=Provenance("dictionary", 1, "x"))
  extent = lambda video: FeatureFile(None, 48, 24.0, 8, "")
  # Windows begin at frames 0, 8, 16, 24 and 32, and their annotations hold the frames 0 to 17, 6 to
  # 25, 14 to 33, 22 to 41 and 30 to 47. Two of these meet a sign of frames 26 to 29.
  true = [Label("a.mp4", 25.6 / 24, 29.4 / 24, 0, gloss="tea")]
  share = judged.share_right_at_random([label], true, extent, "films")
  assert share == pytest.approx(100 * 2 / 5)
  # Of a second sign of the word too, and of none where the video has none.
  true.append(Label("a.mp4", 0, 2 / 24, 0, gloss="tea"))
  assert judged.share_right_at_random([label], true, extent, "films") == pytest.approx(60)
  other = label._replace(gloss="soup")
  assert judged.share_right_at_random([label, other], true, extent, "films") == pytest.approx(30)
  # A mouthing may be at any of 48 frames; from 10 before to 9 behind it, 17 to 37 meet the sign.
  mouthing = label._replace(provenance=Provenance("mouthing"))
  true = [Label("a.mp4", 25.6 / 24, 27.4 / 24, 0, gloss="tea")]
  share = judged.share_right_at_random([mouthing], true, extent, "films")
  assert share == pytest.approx(100 * 21 / 48)


def test_extents_are_those_of_videos(root):
  given = archive.simulated(root, "i3d")
  rows = clip_table.read(given.captions, ("video", "sentence")).rows
  extent = annotations.extents(rows, given.media, "films", 2)
  found = extent("corpus/b.mp4")
  assert (found.num_frames, found.fps, found.stride) == (FRAMES, 24.0, 2)


def test_rounds_judge_what_they_found(root):
  run = whole_way(root)
  label_table.write(run.spotted(1), [
    Label("a.mp4", 0.8, 1.2, 0, 0.9, "tea", None, Provenance("dictionary", 1, "first/tea_0.mp4")),
    Label("a.mp4", 1.5, 1.9, 0, 0.9, "tea", None, Provenance("dictionary", 1, "first/tea_0.mp4")),
  ])
  run.spotting.iterations = 1
  mouthed, first = rounds.yields(run)
  assert mouthed["right"] == 50 and 0 < mouthed["right_at_random"] < 100
  assert first["annotations"] == 2 and first["right"] == 50
  assert 0 < first["right_at_random"] < 100
