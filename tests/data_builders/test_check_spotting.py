"""`python -m data_builders.check spotting`: tables and lexicons of SPOT-ALIGN."""

import json

import numpy as np
import pytest

from data_builders import check
from data_builders.signing_sim import archive
from sign_jax.data import feature_files
from sign_jax.data.feature_files import FeatureFile

CAPTIONS = """video,name,start,end,sentence,split
a.mp4,one,0,5,The tea is hot and the tea is good,train
a.mp4,two,5,9,Rivers run,train
b.mp4,three,0,4,We drink tea,test
"""
MOUTHINGS = """video,word,time,confidence
a.mp4,tea,1.5,0.9
a.mp4,tea,2,high
a.mp4,tea,12,0.9
a.mp4,,2,0.9
c.mp4,tea,1,0.9
a.mp4,cocoa,1,0.9
a.mp4,tea,1.5,0.9
a.mp4,tea,2,0.9,1
a.mp4,river,6,0.4
b.mp4,tea,1,0.8
"""
LEXICON = """exemplar,word,start,end
tea_1.mp4,Tea,,
tea_1.mp4,tea,,
tea_2.mp4,tea,9,10
river.mp4,river,2,1
river_2.mp4,river,,
wide.mp4,run,,
broken.mp4,xylophone,,
"""


@pytest.fixture
def folder(tmp_path):
  (tmp_path / "captions.csv").write_text(CAPTIONS)
  (tmp_path / "mouthings.csv").write_text(MOUTHINGS)
  features = tmp_path / "lexicon" / "features"
  for name, width in (("tea_1", 4), ("tea_2", 4), ("wide", 5)):
    content = FeatureFile(np.ones((3, width), np.float32), 18, 25.0, 1, "w")
    feature_files.write(feature_files.path_of(features, name), content)
  (features / "broken.npz").write_bytes(b"nothing")
  (tmp_path / "lexicon" / "lexicon.csv").write_text(LEXICON)
  return tmp_path


def checked(folder, capsys, *args):
  """(the exit status, what is printed, {the beginning of a finding: its items})."""
  status = 0
  try:
    check.main(["spotting", f"--captions={folder / 'captions.csv'}",
                f"--json={folder / 'found.json'}", *args])  # fmt: skip
  except SystemExit as error:
    status = error.code
  found = json.loads((folder / "found.json").read_text())
  items = {x["text"]: [tuple(item.values()) for item in x["items"]] for x in found["findings"]}
  return status, capsys.readouterr().out, found["tables"], items


def about(items, part):
  (text,) = [text for text in items if part in text]
  return items[text]


def test_every_wrong_line_and_file_is_named(folder, capsys):
  status, out, tables, items = checked(
    folder, capsys, f"--mouthings={folder / 'mouthings.csv'}", f"--lexicons={folder / 'lexicon'}"
  )
  assert status == 1
  lines = about(items, "mouthings.csv: 3 lines cannot be used")
  assert [line for line, _ in lines] == ["line 3", "line 5", "line 9"]
  assert "confidence is 'high'" in lines[0][1] and "word is empty" in lines[1][1]
  assert "5 values for 4 columns" in lines[2][1]
  assert about(items, "lexicon.csv: 1 line cannot be used")[0][0] == "line 5"
  assert about(items, "stand for several exemplars") == [("tea_1", "2 times")]
  assert about(items, "lacks the files of 1 exemplar") == [("river_2.mp4", "")]
  assert about(items, "1 file cannot be read")[0][0] == "broken.mp4"
  assert len(about(items, "features of several widths")) == 2
  assert about(items, "begin behind the end")[0][0] == "tea_2.mp4"
  assert about(items, "outside of their video's clips") == [("a.mp4", "tea at 12 s")]
  assert about(items, "that the captions do not name") == [("c.mp4", "tea at 1 s")]
  assert about(items, "stand in several lines") == [("a.mp4", "tea at 1.5 s")]
  assert about(items, "of 1 mouthing, which are left out") == [("cocoa", "1 time")]
  # By their lemmas, rivers and run are in the lexicon.
  lacking = dict(about(items, "of the training sentences"))
  assert lacking["is"] == "2 times" and not {"tea", "rivers", "run"} & lacking.keys()
  assert about(items, "no training sentence has 1 of 4 words") == [("xylophone", "")]
  assert tables["captions"]["train"] == {
    "clips": 2, "with a word of the lexicons": 2, "words to look for": 3,
  }
  assert tables["mouthings"] == {
    "train": {"number": 4, "words": 3, "sure": 3, "sure and in a lexicon": 2},
    "no clip": {"number": 2, "words": 1, "sure": 2, "sure and in a lexicon": 2},
    "test": {"number": 1, "words": 1, "sure": 1, "sure and in a lexicon": 1},
  }
  assert tables["lexicon"] == {
    "lexicon": {"exemplars": 6, "words": 4, "features": "5", "videos": "-"},
  }
  assert "exemplars  words  features  videos" in out and "errors" in out.splitlines()[-1]


def test_what_the_simulator_writes_is_right(tmp_path, capsys):
  archive.main(["--out", str(tmp_path / "sim"), "--config", "tiny"])
  folder = tmp_path / "sim"
  lexicons = [str(folder / "lexicons" / name) for name in ("first", "second")]
  capsys.readouterr()
  status, out, tables, _ = checked(
    folder, capsys, f"--mouthings={folder / 'mouthings.csv'}", "--lexicons", *lexicons,
    f"--lemmas={folder / 'lemmas.csv'}",
  )
  assert status == 0 and "0 errors" in out
  assert tables["mouthings"].keys() == {"train"}
  assert all(int(x["features"]) == x["exemplars"] > 0 for x in tables["lexicon"].values())


def test_mouthings_of_other_videos_alone_are_an_error(folder, capsys):
  (folder / "mouthings.csv").write_text("video,word,time,confidence\nb.mp4,tea,1,0.9\n")
  status, out, *_ = checked(folder, capsys, f"--mouthings={folder / 'mouthings.csv'}")
  assert status == 1 and "there is nothing to train on" in out
  (folder / "mouthings.csv").write_text("video,word\nb.mp4,tea\n")
  assert "no column time, confidence" in checked(
    folder, capsys, f"--mouthings={folder / 'mouthings.csv'}")[1]


def test_a_lexicon_with_the_name_of_something_else(folder, capsys):
  (folder / "lexicon").rename(folder / "corpus")
  *_, items = checked(folder, capsys, f"--lexicons={folder / 'corpus'}")
  assert about(items, "a lexicon cannot be called corpus") == []


def test_captions_that_cannot_be_used(folder, capsys):
  given = f"--mouthings={folder / 'mouthings.csv'}"
  (folder / "captions.csv").write_text("video\nb.mp4\n")
  status, _, _, items = checked(folder, capsys, given)
  assert status == 1 and about(items, "the captions cannot be read") == []
  assert not [text for text in items if "captions do not name" in text]
  (folder / "captions.csv").write_text("video,sentence,split\na.mp4,tea,train\n")
  status, _, _, items = checked(folder, capsys)
  assert status == 1 and about(items, "no rows for validation and test") == []


def test_a_lexicon_without_files(folder, capsys):
  (folder / "lexicon" / "features").rename(folder / "other")
  _, out, *_ = checked(folder, capsys, f"--lexicons={folder / 'lexicon'}")
  assert "holds neither features/ nor videos/" in out
  (folder / "lexicon" / "lexicon.csv").write_text("exemplar,word\n")
  assert "lexicon.csv has no rows" in checked(
    folder, capsys, f"--lexicons={folder / 'lexicon'}")[1]


def test_captions_are_needed(capsys):
  with pytest.raises(SystemExit):
    check.main(["spotting"])
  assert "pass --captions" in capsys.readouterr().err
