"""`python -m data_builders.list_clips`: the table that the extraction of features reads."""

import csv
import re

import numpy as np
import pytest

from data_builders import list_clips
from data_builders.attachments.features import FeatureFolder
from data_builders.corpus.clips import Clip
from sign_jax.data import clip_table
from tests.data_builders import trees
from tests.data_builders.damage import Hostile


def table(tmp_path, name, *more):
  out = tmp_path / "out/clips.csv"
  list_clips.main([name, "--manual_dir", str(tmp_path), "--out", str(out), *more])
  with out.open(newline="") as file:
    return list(csv.DictReader(file))


def test_how2signs_clips_are_cut_at_the_realigned_times(tmp_path, capsys):
  trees.how2sign(tmp_path)
  rows = table(tmp_path, "how2sign")
  expected = [row for split in trees.SPLITS for row in trees.how2sign_rows(split)]
  folders = [folder for folder in trees.SPLITS.values() for _ in range(8)]
  by_name = {row["name"]: row for row in rows}
  assert len(by_name) == len(rows) == 24
  for folder, row in zip(folders, expected, strict=True):
    found = by_name[f"{folder}/{trees.cico_name(row)}"]
    assert found["video"] == f"raw_videos/{row['VIDEO_NAME']}.mp4"
    assert float(found["start"]) == float(row["START_REALIGNED"])
    assert float(found["end"]) == float(row["END_REALIGNED"])
    assert trees.SPLITS[found["split"]] == folder
  out = capsys.readouterr().out
  assert "24 clips of 6 videos" in out and "6 of the videos are not in" in out


def test_one_split_and_another_protocol(tmp_path):
  trees.how2sign(tmp_path)
  rows = table(tmp_path, "how2sign", "--split", "validation", "--protocol", "seds")
  names = {f"dev/{row['SENTENCE_NAME']}" for row in trees.how2sign_rows("validation")}
  assert {row["name"] for row in rows} == names


def test_one_split_needs_no_files_of_the_others(tmp_path):
  names = trees.how2sign(tmp_path)
  write_boxes(tmp_path / "cico/bounding_box_coco_test.pkl", names["test"])
  for name in ("train", "dev"):
    (tmp_path / f"cico/{name}.pkl").unlink()
  rows = table(tmp_path, "how2sign", "--split", "test", "--boxes")
  assert {row["name"] for row in rows} == {f"test/{name}" for name in names["test"]}


@pytest.mark.parametrize(
  ("corpus", "folder"),
  [("phoenix14t", "features/fullFrame-210x260px/{}"), ("csl_daily", "sentence/frames_512x512")],
)
def test_folders_of_pictures_are_whole_clips(tmp_path, capsys, corpus, folder):
  names = getattr(trees, corpus)(tmp_path, with_videos=True)
  rows = table(tmp_path, corpus)
  for split, released in trees.SPLITS.items():
    for name in names[split]:
      row = {"video": f"{folder.format(released)}/{name}", "name": f"{released}/{name}",
             "start": "", "end": "", "split": split}  # fmt: skip
      (found,) = (x for x in rows if row.items() <= x.items())
      assert tuple(found) == clip_table.COLUMNS and found["sentence"] and found["signer"]
      assert (tmp_path / row["video"]).is_dir()
  assert "not in" not in capsys.readouterr().out


def test_features_under_these_names_are_found(tmp_path):
  names = trees.how2sign(tmp_path)
  for row in table(tmp_path, "how2sign"):
    released, _, name = row["name"].partition("/")
    (split,) = (split for split in trees.SPLITS if trees.SPLITS[split] == released)
    path = tmp_path / "extracted" / f"{row['name']}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    assert name in names[split]
    assert FeatureFolder(tmp_path / "extracted").find(Clip(name, "", ""), split) == path


def test_clips_without_times_are_named_or_left_out(tmp_path, capsys):
  trees.how2sign(tmp_path)
  (tmp_path / "how2sign_realigned_test.csv").unlink()
  with pytest.raises(SystemExit):
    table(tmp_path, "how2sign")
  error = capsys.readouterr().err
  assert "when 8 clips begin and end: -tesId_x-5-rgb_front_clip1, " in error
  assert not (tmp_path / "out").exists()
  assert len(table(tmp_path, "how2sign", "--on_error", "skip")) == 16
  assert "8 clips left out, first: nothing says when it begins" in capsys.readouterr().out


def write_boxes(path, names, **changes):
  """A file as CiCo releases it; {name of a clip: its box}."""
  content = {}
  for number, name in enumerate(names):
    box = {"x1": 10 + number, "x2": 610, "y1": 64, "y2": 720, "w": 600, "h": 721}
    content[f"{name}.mp4"] = {**box, **changes.get(name, {})}
  return trees.dump(path, content)


COLUMNS = ("box_left", "box_top", "box_width", "box_height")


@pytest.mark.parametrize("place", ["cico/{}", "data_h2/{}", "{}"])
@pytest.mark.parametrize("protocol", ["cico", "seds", "csv"])
def test_clips_have_the_released_boxes(tmp_path, place, protocol):
  names = trees.how2sign(tmp_path)
  boxed = [*names["train"], *names["validation"]]
  write_boxes(tmp_path / place.format("bounding_box_coco_train.pkl"), boxed)
  write_boxes(tmp_path / place.format("bounding_box_coco_test.pkl"), names["test"])
  rows = table(tmp_path, "how2sign", "--boxes", "--protocol", protocol)
  named = lambda split: {trees.cico_name(x): x["SENTENCE_NAME"] for x in trees.how2sign_rows(split)}
  for split, members in (("train", boxed), ("validation", boxed), ("test", names["test"])):
    for name, sentence_name in named(split).items():
      called = name if protocol == "cico" else sentence_name
      (row,) = (x for x in rows if x["name"] == f"{trees.SPLITS[split]}/{called}")
      assert [int(row[x]) for x in COLUMNS] == [10 + members.index(name), 64, 600, 721]
  assert len(rows) == 24 and tuple(rows[0]) == (*clip_table.COLUMNS, *COLUMNS)


def test_clips_without_a_box_are_left_out_and_counted(tmp_path, capsys):
  names = trees.how2sign(tmp_path)
  everything = [name for members in names.values() for name in members]
  path = write_boxes(tmp_path / "elsewhere.pkl", everything[2:])
  rows = table(tmp_path, "how2sign", "--boxes", str(path))
  assert {row["name"].rpartition("/")[2] for row in rows} == set(everything[2:])
  captured = capsys.readouterr()
  assert captured.err == (
    "note: 2 clips have no box and are left out, as in the released lists: "
    f"{everything[0]}, {everything[1]}\n"
  )
  assert "22 clips of 6 videos" in captured.out


def test_boxes_that_are_not_used_are_told(tmp_path, capsys):
  names = trees.how2sign(tmp_path)
  write_boxes(tmp_path / "cico/bounding_box_coco_test.pkl", names["test"])
  rows = table(tmp_path, "how2sign")
  assert len(rows) == 24 and "box_left" not in rows[0]
  error = capsys.readouterr().err
  assert error.count("\n") == 1 and "cico/bounding_box_coco_test.pkl: boxes of persons" in error


WRONG = {
  "negative": ({"x1": -3}, r"the box \(600 x 721 at -3,64\) begins outside the picture"),
  "empty": ({"w": 0}, r"the box \(0 x 721 at 17,64\) is empty"),
  "no whole number": ({"h": 7.5}, "has no whole numbers x1, y1, w, h"),
  "a truth value": ({"h": True}, "has no whole numbers"),
  "text": ({"y1": "64"}, "has no whole numbers"),
  "huge": ({"x1": 10**30}, "has no whole numbers"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_box_is_named_or_left_out(tmp_path, capsys, kind):
  changes, words = WRONG[kind]
  names = trees.how2sign(tmp_path)
  everything = [name for members in names.values() for name in members]
  bad = everything[7]
  path = write_boxes(tmp_path / "cico/bounding_box_coco_all.pkl", everything, **{bad: changes})
  with pytest.raises(SystemExit):
    table(tmp_path, "how2sign", "--boxes")
  error = capsys.readouterr().err
  assert error.startswith(f"error: {path}, '{bad}.mp4'") and error.count("\n") == 1
  assert re.search(words, error)
  rows = table(tmp_path, "how2sign", "--boxes", "--on_error", "skip")
  assert len(rows) == 23 and bad not in {row["name"].rpartition("/")[2] for row in rows}
  captured = capsys.readouterr()
  assert "1 clips left out, first: " in captured.out and not captured.err


@pytest.mark.parametrize(
  ("content", "words"),
  [
    ({"x.mp4": Hostile()}, "asks for .*system, which no file of boxes needs"),
    ([1, 2], "holds no dict of boxes"),
    ({"x.mp4": {"x1": 1, "y1": 1, "w": 9, "h": 9}}, "no clip has a box that can be used in"),
  ],
)
def test_files_that_hold_no_boxes_are_refused(tmp_path, capsys, content, words):
  trees.how2sign(tmp_path)
  path = trees.dump(tmp_path / "cico/bounding_box_coco_test.pkl", content)
  with pytest.raises(SystemExit):
    table(tmp_path, "how2sign", "--boxes")
  error = capsys.readouterr().err
  assert re.search(words, error) and str(path) in error and error.count("\n") == 1


def test_two_boxes_of_one_clip_are_refused(tmp_path, capsys):
  names = trees.how2sign(tmp_path)
  write_boxes(tmp_path / "cico/bounding_box_coco_a.pkl", names["test"])
  write_boxes(tmp_path / "cico/bounding_box_coco_b.pkl", names["test"])
  assert len(table(tmp_path, "how2sign", "--boxes")) == 8  # the same ones
  write_boxes(tmp_path / "cico/bounding_box_coco_b.pkl", names["test"][1:])
  with pytest.raises(SystemExit):
    table(tmp_path, "how2sign", "--boxes")
  assert "have different boxes of" in capsys.readouterr().err
  assert len(table(tmp_path, "how2sign", "--boxes", "--on_error", "skip")) == 1  # has one box
  with pytest.raises(SystemExit):
    table(tmp_path, "how2sign", "--boxes", str(tmp_path / "none.pkl"))
  assert "there is no file" in capsys.readouterr().err


def test_strange_boxes_in_two_files_are_one_sentence(tmp_path, capsys):
  names = trees.how2sign(tmp_path)
  for end in "ab":  # arrays, which are neither equal nor not
    path = tmp_path / f"cico/bounding_box_coco_{end}.pkl"
    write_boxes(path, names["test"], **{names["test"][0]: {"x1": np.arange(3)}})
  with pytest.raises(SystemExit):
    table(tmp_path, "how2sign", "--boxes")
  error = capsys.readouterr().err
  assert "has no whole numbers x1, y1, w, h" in error and error.count("\n") == 1


def test_without_files_of_boxes_the_places_are_named(tmp_path, capsys):
  trees.how2sign(tmp_path)
  with pytest.raises(SystemExit):
    table(tmp_path, "how2sign", "--boxes")
  assert "there is no bounding_box_coco_*.pkl in the manual_dir or" in capsys.readouterr().err


@pytest.mark.parametrize(
  ("args", "hint"),
  [
    (["how2sing"], "did you mean 'how2sign'"),
    (["signing_sim"], "one of csl_daily, how2sign, msasl, nmfs_csl, phoenix14, phoenix14t, wlasl"),
    (["how2sign", "--protocol", "sed"], "did you mean 'seds'"),
  ],
)
def test_unknown_names_end_with_one_sentence(tmp_path, args, hint, capsys):
  with pytest.raises(SystemExit):
    table(tmp_path, *args)
  error = capsys.readouterr().err
  assert hint in error and error.count("\n") == 1
