"""`list_clips` of isolated signs: a table of clips, and of labels."""

import csv

import pytest

from data_builders import list_clips
from sign_jax.data import clip_table, label_table
from sign_jax.data.segment_windows import Segments
from tests.data_builders.isolated import trees


def table(root, out, *args):
  list_clips.main([*args, "--manual_dir", str(root), "--out", str(out)])
  with out.open(newline="") as file:
    return list(csv.DictReader(file))


def test_times_and_labels_are_those_of_the_clips(tmp_path, capsys):
  trees.wlasl(tmp_path)
  rows = table(tmp_path, tmp_path / "clips.csv", "wlasl", "--protocol", "100")
  assert len(rows) == 7
  captured = capsys.readouterr()
  assert "7 clips in " in captured.out and "train 4 of 3 classes, validation 1 of 1" in captured.out
  assert "the videos of 1 of them are missing" in captured.out
  assert "1 of 4 videos of train are missing: 00004" in captured.err
  part = next(row for row in rows if row["name"] == "train/00003")
  assert (part["video"], part["label"], part["gloss"]) == ("videos/00003.mp4", "2", "gloss 2")
  assert part["sentence"] == "gloss 2" and part["split"] == "train"
  (tmp_path / "clips.csv").unlink()
  (tmp_path / "videos/00004.mp4").write_bytes((tmp_path / "videos/00001.mp4").read_bytes())
  table(tmp_path, tmp_path / "clips.csv", "wlasl", "--protocol", "100")
  labels = label_table.read(tmp_path / "clips.csv")["train"]
  assert [(x.label, x.start, x.end) for x in labels] == [
    (0, 0, 12 / 25), (1, 0, 10 / 25), (2, 3.5 / 25, 13.5 / 25), (2, 0, 12 / 25),
  ]  # fmt: skip


def test_the_encoder_reads_the_frames_of_the_clips(tmp_path):
  trees.wlasl(tmp_path)
  table(tmp_path, tmp_path / "clips.csv", "wlasl", "--protocol", "100", "--split", "test")
  labels = label_table.read(tmp_path / "clips.csv")["test"]
  assert len(Segments(tmp_path, labels, crop=14).frames(0)) == 16  # 12, and the last one again


def test_boxes_are_in_pixels(tmp_path):
  trees.msasl(tmp_path)
  rows = table(tmp_path, tmp_path / "clips.csv", "msasl", "--protocol", "100")
  first = rows[0]
  assert [first[name] for name in clip_table.BOX] == ["8", "12", "48", "36"]
  assert (float(first["start"]), float(first["end"])) == (9.5 / 25, 19.5 / 25)
  missing = next(row for row in rows if row["name"] == "test/test_00001")
  assert missing["video"] == "videos/missing_one.mp4" and float(missing["end"]) == 19.5 / 50


def test_boxes_of_others_are_not_needed(tmp_path, capsys):
  trees.msasl(tmp_path, with_videos=False)
  with pytest.raises(SystemExit):
    table(tmp_path, tmp_path / "clips.csv", "msasl", "--protocol", "100", "--boxes")
  assert "the boxes of msasl are in its annotations" in capsys.readouterr().err


def test_classes_without_names_have_numbers(tmp_path):
  trees.nmfs_csl(tmp_path)
  rows = table(tmp_path, tmp_path / "clips.csv", "nmfs_csl", "--split", "test")
  assert [(row["sentence"], row["gloss"], row["label"]) for row in rows] == [
    ("class 0", "", "0"), ("class 1066", "", "1066"), ("class 1", "", "1"),
  ]  # fmt: skip
  assert rows[0]["video"] == "frames/P01/test_00" and float(rows[0]["end"]) == 3 / 25
