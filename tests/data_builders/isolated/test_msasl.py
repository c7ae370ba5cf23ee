"""`msasl`: times in whole videos, cut clips, boxes, synonyms."""

import json

import numpy as np
import pytest

from data_builders import build
from data_builders.msasl import annotations
from sign_jax.errors import UserError
from tests import videos
from tests.data_builders.isolated import trees

BOX = [0.125, 0.25, 0.875, 1]  # left, top, right, bottom of `trees.BOX`


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
  return trees.msasl(tmp_path_factory.mktemp("msasl"))


def place(example):
  return tuple(int(example[key]) for key in ("first_frame", "end_frame", "num_frames"))


def test_times_count_in_the_frames_of_the_video_that_is_there(tree):
  found = {
    name: example
    for split in ("train", "validation", "test")
    for name, example in trees.examples("msasl/100", tree, split).items()
  }
  assert {name: (place(x), x["video"].decode()) for name, x in found.items()} == {
    "train_00000": ((10, 20, 10), "videos/aaaaaaaaaaa.mp4"),
    "train_00001": ((0, 10, 10), "videos/aaaaaaaaaaa.mp4"),
    "val_00000": ((0, 12, 12), "videos/-bbbbbbbbb_.mp4"),
    "test_00000": ((5, 15, 10), "videos/-bbbbbbbbb_.mp4"),
  }
  for example in found.values():
    assert example["fps"] == 25 and example["signer"] == b"20"
    np.testing.assert_array_equal(example["box"], np.float32(BOX))


def test_a_cut_clip_goes_before_the_whole_video(tmp_path):
  trees.msasl(tmp_path)
  videos.render(tmp_path / "clips/test_00000.mp4", 11, trees.SIZE[::-1])
  videos.render(tmp_path / "clips/test_00001.mp4", 10, (64, 48))  # the person alone
  found = trees.examples("msasl/100", tmp_path, "test")
  assert [x["video"] for x in found.values()] == [b"clips/test_00000.mp4", b"clips/test_00001.mp4"]
  assert [place(x) for x in found.values()] == [(0, 0, 11), (0, 0, 10)]
  assert [x["box"].tolist() for x in found.values()] == [BOX, [0, 0, 0, 0]]


@pytest.mark.parametrize("url", [
  "https://www.youtube.com/watch?v=-bbbbbbbbb_&t=5s", "https://youtu.be/-bbbbbbbbb_?a=b",
  "http://www.youtube.com/embed/-bbbbbbbbb_", "www.youtube.com/watch?list=x&v=-bbbbbbbbb_",
])  # fmt: skip
def test_ids_of_videos_are_found_in_addresses(tmp_path, url):
  trees.msasl(tmp_path, with_videos=False, url=url)
  (clip, _) = annotations.read(tmp_path, "100", None, ("test",))["test"]
  assert clip.video == "videos/-bbbbbbbbb_.mp4"


def test_a_subset_has_the_first_classes(tree):
  assert {clip.label for clip in annotations.read(tree, "100")["train"]} == {0, 1}
  with pytest.raises(UserError, match="names 130 classes, and 200 are needed"):
    annotations.read(tree, "200")


def test_one_split_needs_no_files_of_the_others(tmp_path):
  trees.msasl(tmp_path)
  (tmp_path / "MSASL_train.json").unlink()
  assert trees.examples("msasl/100", tmp_path, "test", splits=("test",))
  with pytest.raises(UserError, match="no file .*MSASL_train.json.*with --splits"):
    build.prepare("msasl/100", None, tmp_path / "other", tmp_path)


def test_a_text_is_the_class_or_a_synonym_of_it(tmp_path):
  trees.msasl(tmp_path, with_videos=False, text="other")
  words = "has the text 'other', which is neither 'gloss 0', the class 0, nor a synonym"
  with pytest.raises(UserError, match=words):
    annotations.read(tmp_path, "100", None, ("test",))
  groups = [["gloss 0", "other"], ["gloss 1", "more"]]
  trees.write_json(tmp_path / "MSASL_synonym.json", groups)
  with pytest.raises(UserError, match="entry 1 has the text 'other', which is neither 'gloss 1'"):
    annotations.read(tmp_path, "100", None, ("test",))
  trees.write_json(tmp_path / "MSASL_synonym.json", [["gloss 0", "other", "gloss 1"]])
  assert len(annotations.read(tmp_path, "100", None, ("test",))["test"]) == 2


@pytest.mark.parametrize(("changes", "words"), [
  ({"label": 1000}, "label 1000 is none of the 100 classes"),
  ({"label": None}, "label of type NoneType is none"),
  ({"start": 30, "end": 20}, "lasts from frame 30 to frame 20"),
  ({"start": "a"}, "'start' is no whole number"),
  ({"fps": 0}, "states no possible 'fps'"),
  ({"box": [0.1, 0.2, 0.3]}, "has a box that is no list of four numbers"),
  ({"box": [0.5, 0.2, 0.3, 0.6]}, "has no possible box"),
  ({"box": [0.5, 0.2, 10**400, 0.6]}, "has a box that is no list"),
  ({"width": "x"}, "'width or height' is no whole number"),
])  # fmt: skip
def test_damaged_entries_are_named(tmp_path, changes, words):
  trees.msasl(tmp_path, with_videos=False)
  path = tmp_path / "MSASL_test.json"
  first, second = json.loads(path.read_text())
  path.write_text(json.dumps([first, {**second, **changes}]))
  with pytest.raises(UserError, match=words) as error:
    annotations.read(tmp_path, "100", None, ("test",))
  assert "MSASL_test.json, entry 1" in str(error.value)


def test_a_damaged_whole_video_is_damage_of_all_its_clips(tmp_path, capsys):
  trees.msasl(tmp_path)
  videos.truncate(tmp_path / "videos/aaaaaaaaaaa.mp4", 0.5)
  with pytest.raises(UserError, match="every video of the split train is damaged"):
    build.prepare("msasl/100", None, tmp_path / "tfds", tmp_path, "skip")
