"""SPOT-ALIGN's whole way on a tiny archive: stopped after every stage, and taken up again."""

import collections
import dataclasses
import importlib
import json

import pytest

from data_builders.signing_sim import archive as simulator
from launch import spot_align
from launch.reproductions import rows
from launch.spotting import annotations, archive, judged, rounds
from launch.stages import Stages
from sign_jax.data import clip_table, label_table
from sign_jax.data.label_table import Label
from sign_jax.errors import UserError
from sign_jax.run import command_line
from sign_jax.systems.published_rows import Row
from tests import program

SETTINGS = {
    "spotting.archive": "tiny", "spotting.dim": 32, "spotting.iterations": 1, "spotting.steps": 40,
    "spotting.batch_size": 64, "spotting.threshold": 0.2, "steps": 4, "eval_every": 4,
    "batch_size": 8, "model.text.clusters": 2, "model.embed_dim": 16, "data.video_length": 32,
}
pytestmark = pytest.mark.usefixtures("quick_compile")


class Killed(Exception):
  """A program ends before its stage has begun."""


@pytest.fixture
def stages(monkeypatch):
  """Stages in this process: how often each began, of which `allowed` may in one start."""
  begun, rest = collections.Counter(), {"allowed": 10**6}

  def start(self, module, *arguments):
    if not rest["allowed"]:
      raise Killed
    rest["allowed"] -= 1
    begun[module] += 1
    given = list(map(str, arguments))
    if module == "sign_jax.main":
      with pytest.MonkeyPatch.context() as patch:
        program.call(patch, *given)
    else:
      importlib.import_module(module).main(given)

  monkeypatch.setattr(Stages, "start", start)
  return begun, rest


def run(root, **settings):
  flags = [f"--config.{key}={value}" for key, value in {**SETTINGS, **settings}.items()]
  with pytest.MonkeyPatch.context() as patch, program.command_line(
    patch, "--config=configs/spot_align.py", f"--workdir={root}", *flags
  ) as argv:
    config, root, _ = command_line.parse(argv)
  # Later: stages in this process have flags of their own.
  return spot_align.go(config, root, "configs/spot_align.py", flags)


def test_the_whole_way_stopped_after_every_stage(tmp_path, stages, capsys):
  begun, rest = stages
  root, shared = tmp_path / "a", {"spotting.shared": str(tmp_path / "shared")}
  for _ in range(30):
    rest["allowed"] = 1
    try:
      numbers = run(root, **shared)
    except Killed:
      continue
    break
  # Stages that know themselves whether there is something to do begin each time: what is there
  # is built and measured in a moment.
  assert begun["sign_jax.spot"] == 1 and begun["sign_jax.extract"] == 4
  assert begun["data_builders.signing_sim.archive"] == 1
  rest["allowed"] = 10**6
  numbers = run(root, **shared)
  assert begun["sign_jax.spot"] == 1 and begun["sign_jax.extract"] == 4
  out = capsys.readouterr().out
  assert "table 6" in out and "M (mouthings)" in out
  assert numbers == json.loads((root / "results.json").read_text())
  row = Row("as here", "spot_align", SETTINGS, ())
  config = rows.configuration(row, "signing_sim", 0, [])
  assert numbers["configuration"] == rows.settings_digest(config)
  for part in ("sr", "cm", "comb"):
    # Some videos share their sentence, and with pairs one of them alone counts.
    assert 0 <= numbers[f"test/{part}/t2v/R@10"] <= numbers[f"sentence/test/{part}/t2v/R@10"] <= 100
  assert numbers["round_1/annotations"] > numbers["round_0/annotations"] > 0
  assert 0 < numbers["round_1/right_at_random"] < numbers["round_1/right"] <= 100
  assert (root / "spotted.png").read_bytes().startswith(b"\x89PNG")
  assert "SR + CM" in (root / "table.txt").read_text()

  labels = label_table.read(root / "round_1" / "labels.csv")
  kinds = collections.Counter(x.provenance.kind for x in labels["train"])
  assert kinds["mouthing"] == numbers["round_0/annotations"] and kinds["exemplar"] > 0
  final = label_table.read(root / "final" / "labels.csv")["train"]
  assert {x.provenance.kind for x in final} == {"mouthing", "dictionary"}
  with pytest.raises(UserError, match="spotted.csv was made with other settings.*threshold"):
    run(root, **shared, **{"spotting.threshold": 0.3})

  # Another root takes all stages up to the data set, and only from the same settings.
  before, rest["allowed"] = dict(begun), 0
  with pytest.raises(Killed):
    run(tmp_path / "b", **shared)
  assert (tmp_path / "b" / "final" / "recognized").is_symlink()
  assert (tmp_path / "b" / "dataset" / "features").exists() and begun == before
  with pytest.raises(Killed):
    run(tmp_path / "c", **shared, seed=1)
  assert not (tmp_path / "c" / "archive").exists()


def test_mouthings_that_cannot_be_used_are_counted(tmp_path):
  simulator.main(["--out", str(tmp_path / "archive"), "--config", "tiny"])
  given = archive.simulated(tmp_path, "features")
  rows = clip_table.read(given.captions, ("video", "sentence")).rows
  video = rows[0].video
  table = tmp_path / "mouthings.csv"
  table.write_text(
    "video,word,time,confidence\n"
    f"{video},Tea,0.5,0.9\n{video},tea,0.5,0.5\n{video},tea,99,0.9\n"
    f"{video},xylophone,0.5,0.9\nnone.mp4,tea,0.5,0.9\n"
  )
  found = annotations.of_mouthings(table, rows[:1], given.media, "features", {"tea"})
  assert [(x.gloss, x.score) for x in found.labels] == [("tea", 0.9)]
  assert found.skipped == {
    "that are not sure": 1, "behind the end of their video": 1,
    "of a word that no lexicon has": 1, "in no training clip": 1,
  }


def test_annotations_are_right_where_their_word_is_signed():
  true = [Label("a.npz", 1.0, 2.0, 0, gloss="sun"), Label("a.npz", 3.0, 4.0, 0, gloss="rain")]
  found = [
    Label("a.npz", 1.9, 2.5, 0, gloss="sun"), Label("a.npz", 2.0, 2.5, 0, gloss="sun"),
    Label("a.npz", 1.2, 1.5, 0, gloss="rain"), Label("b.npz", 1.2, 1.5, 0, gloss="sun"),
  ]
  assert judged.share_right(found, true) == 25


def test_a_table_without_a_split_is_named_before_the_first_round(tmp_path, monkeypatch):
  (tmp_path / "captions.csv").write_text("video,sentence,split\na.mp4,sun,train\nb.mp4,sun,val\n")
  config = program.parse(monkeypatch, "--config=configs/spot_align.py")
  given = archive.simulated(tmp_path, "features")
  given = dataclasses.replace(given, captions=tmp_path / "captions.csv")
  with pytest.raises(UserError, match="no rows for test"):
    rounds.Rounds(tmp_path, config, given).rows  # noqa: B018


def test_a_table_of_truth_is_for_whole_videos(tmp_path):
  (tmp_path / "signs.csv").write_text("video,start,end,word\na.mp4,0,1,Ice  cream \n")
  rows = [clip_table.Row(2, "a.mp4", "a_1-3", 1.0, 3.0, "sun", "train")]
  with pytest.raises(UserError, match="a_1-3 is not all of a.mp4"):
    annotations.truth(tmp_path / "signs.csv", rows, "features")
  found = annotations.truth(tmp_path / "signs.csv", [rows[0]._replace(name="a")], "features")
  assert {split: [x.gloss for x in labels] for split, labels in found.items()} == {
    "train": ["ice cream"], "validation": [], "test": []
  }


def test_without_signs_of_the_validation_split_annotations_are_held_out(tmp_path):
  train = [Label(f"{n}.npz", 0.0, 1.0, 0, gloss="sun") for n in range(20)]
  annotations.write(tmp_path / "labels.csv", train, (), {"validation": [], "test": []}, ["sun"])
  found = label_table.read(tmp_path / "labels.csv")
  assert found["validation"] and len(found["train"]) + len(found["validation"]) == 20


@pytest.mark.parametrize(
  "settings, message",
  [
    ({"captions": "c.csv"}, "no lexicon is given"),
    ({"captions": "c.csv", "lexicons": "none"}, "lexicons"),
    ({"captions": "c.csv", "lexicons": "."}, "write lexicon.csv"),
  ],
)
def test_what_a_corpus_lacks_is_named(tmp_path, monkeypatch, settings, message):
  monkeypatch.chdir(tmp_path)
  config = program.parse(monkeypatch, "--config=configs/spot_align.py", *(
    f"--config.spotting.{key}={value}" for key, value in settings.items()))
  monkeypatch.chdir(tmp_path)
  with pytest.raises(UserError, match=message):
    archive.of_user(config.spotting)
