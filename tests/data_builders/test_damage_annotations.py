"""Damaged annotations: entries stop a build, or are left out and accounted for."""

import math
import pickle
import shutil

import pytest

from data_builders.corpus import corpora
from data_builders.corpus.findings import Findings
from data_builders.csl_daily.annotations import SPLIT_FILE
from tests.data_builders import trees
from tests.data_builders.damage import check


def entry(change, index=0):
  """A damage: a video in CiCo's test.pkl, changed in place or replaced by what comes back."""

  def damage(root):
    path = root / "cico/test.pkl"
    content = pickle.loads(path.read_bytes())
    members = list(content.values())[index]
    members[0] = change(members[0]) or members[0]
    path.write_bytes(pickle.dumps(content))

  return damage


ENTRIES = {
  "no text": (entry(lambda video: video.pop("text") and None), "has no text 'text'"),
  "empty text": (entry(lambda video: video.update(text=" ")), "has no text, write one"),
  "markup only": (entry(lambda video: video.update(text="&nbsp;")), "has no text, write one"),
  "number for text": (entry(lambda video: video.update(text=3)), "has no text 'text'"),
  "endless text": (entry(lambda video: video.update(text="ha " * 99_999)), "of 2999.. characters"),
  "other text": (entry(lambda video: video.update(text="Else.")), "has another text than"),
  "no name": (entry(lambda video: video.pop("video_name") and None), "no text 'video_name'"),
  "no dict": (entry(lambda video: "video"), "has no text"),
  "null": (entry(lambda video: [None]), "has no text"),
  "escaping name": (entry(lambda video: video.update(video_name="../../x")), "no video's name has"),
  "absolute name": (entry(lambda video: video.update(video_name="/etc/x")), "no video's name has"),
  "parent": (entry(lambda video: video.update(video_name="..")), "is no name of a video"),
  "NUL": (entry(lambda video: video.update(video_name="a\0b")), "no video's name has"),
  "line break": (entry(lambda video: video.update(video_name="a\x85b")), "no video's name has"),
  "endless name": (entry(lambda video: video.update(video_name="a" * 10**6)), "longer than 251"),
  "frames below 0": (entry(lambda video: video.update(num_frames=-3)), "possible number of frames"),
  "endless frames": (entry(lambda video: video.update(num_frames=10**5000)), "possible number"),
  "frames as text": (entry(lambda video: video.update(num_frames="3")), "possible number"),
  "half a frame": (entry(lambda video: video.update(num_frames=math.nan)), "possible number"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ENTRIES)
def test_damaged_annotations(pristine, tmp_path, kind):
  damage, words = ENTRIES[kind]
  check(pristine, tmp_path, "how2sign", None, damage, words)


@pytest.mark.parametrize("corpus", ["phoenix14t", "csl_daily"])
@pytest.mark.parametrize("is_lost", [False, True])
def test_a_translation_that_is_empty(pristine, tmp_path, corpus, is_lost):
  def damage(root):
    path = root / "cico/test.pkl"
    content = pickle.loads(path.read_bytes())
    first = next(iter(content.values()))
    video = first if isinstance(first, dict) else first[0]
    video.update(text=" ", ori_text=" " if is_lost else "Allein.")
    path.write_bytes(pickle.dumps(content))

  if is_lost:
    check(pristine, tmp_path, corpus, None, damage, "has no text, write one")
    return
  shutil.copytree(pristine / corpus, tmp_path / corpus)
  damage(tmp_path / corpus)
  findings = Findings("skip")
  clips = corpora.read(corpus, tmp_path / corpus, None, findings)["test"]
  assert any("1 of" in note and "have no translation" in note for note in findings.notes)
  assert "Allein." in {clip.text for clip in clips}


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_video_that_is_listed_twice(pristine, tmp_path, split):
  def damage(root):
    first = pickle.loads((root / f"cico/{split}.pkl").read_bytes())
    sentence, members = next(iter(first.items()))
    path = root / "cico/test.pkl"
    content = pickle.loads(path.read_bytes())
    content.setdefault(sentence, []).append(members[0])
    path.write_bytes(pickle.dumps(content))

  check(pristine, tmp_path, "how2sign", None, damage, "is listed a second time, first in")


ROWS = {
  "ends before it starts": ({"END_REALIGNED": "0.1"}, "lasts from 0.2 to 0.1 seconds"),
  "below 0": ({"START_REALIGNED": "-1"}, "lasts from -1.0"),
  "no number": ({"END_REALIGNED": "later"}, "lasts from 0.2 to nan"),
  "ends next year": ({"END_REALIGNED": "1e300"}, "lasts from 0.2 to 1e.300"),
  "no time at all": ({"START_REALIGNED": "0", "END_REALIGNED": "0"}, "lasts from 0.0 to 0.0"),
  "never ends": ({"END_REALIGNED": "inf"}, "lasts from 0.2 to inf"),
  "a tab too many": ({"SENTENCE": "one\ttwo"}, "too many or too few values"),
  "no caption": ({"SENTENCE": ""}, "has no text, write one"),
  "escaping video": ({"VIDEO_NAME": "../x"}, "no video's name has"),
  "no sentence": ({"SENTENCE_ID": ""}, "is no name of a video"),
}


@pytest.mark.parametrize("kind", ROWS)
def test_damaged_rows(pristine, tmp_path, kind):
  changes, words = ROWS[kind]

  def damage(root):
    rows = trees.how2sign_rows("test")
    rows[0].update(changes)
    trees.how2sign_table(root, "test", rows)
    # Under the names of the rows: a damaged start takes CiCo's names of the video.
    for split in trees.SPLITS:
      for row in trees.how2sign_rows(split):
        for folder in ("agnostic", "aware"):
          feature = trees.feature(trees.cico_name(row))
          path = root / "features" / folder / trees.SPLITS[split] / f"{row['SENTENCE_NAME']}.pkl"
          trees.dump(path, {"feature": feature})

  (reason,) = check(pristine, tmp_path, "how2sign", "features_csv", damage, words)
  assert "how2sign_realigned_test.csv, line 2" in reason


@pytest.mark.parametrize(
  ("line", "words", "split"),
  [
    ("S000999_P0001_T00|test", "has no annotation of 'S000999_P0001_T00'", "test"),
    ("S000777_P0004_T00|tset", "names no split", "unknown"),
    ("S000210_P0004_T00", "names no split", "unknown"),
    ("S000210_P0004_T00|test", "is listed a second time", "test"),
  ],
)
def test_damaged_lists_of_splits(pristine, tmp_path, line, words, split):
  def damage(root):
    with (root / SPLIT_FILE).open("a") as file:
      file.write(line + "\n")

  check(pristine, tmp_path, "csl_daily", "features_official", damage, words, split=split)
