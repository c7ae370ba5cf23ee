"""`python -m data_builders.list_clips`: the table that the extraction of features reads."""

import csv

import pytest

from data_builders import list_clips
from data_builders.attachments.features import FeatureFolder
from data_builders.corpus.clips import Clip
from sign_jax.data import clip_table
from tests.data_builders import trees


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


@pytest.mark.parametrize(
  ("args", "hint"),
  [
    (["how2sing"], "did you mean 'how2sign'"),
    (["signing_sim"], "choose one of csl_daily, how2sign, phoenix14t"),
    (["how2sign", "--protocol", "sed"], "did you mean 'seds'"),
  ],
)
def test_unknown_names_end_with_one_sentence(tmp_path, args, hint, capsys):
  with pytest.raises(SystemExit):
    table(tmp_path, *args)
  error = capsys.readouterr().err
  assert hint in error and error.count("\n") == 1
