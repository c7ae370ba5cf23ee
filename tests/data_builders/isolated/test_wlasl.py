"""`wlasl`: lists of the owner and of NLA-SLR, videos that are cut, longer or missing."""

import gzip
import json

import numpy as np
import pytest

from data_builders import build, check
from data_builders.corpus.findings import Findings
from data_builders.wlasl import annotations
from sign_jax.data import description
from sign_jax.data.sign_clips import SignClips
from sign_jax.errors import UserError
from tests.data_builders.isolated import trees
from tests.data_builders.trees import dump

SPLITS = {"train": "train", "val": "validation", "test": "test"}
WHOLE = [0, 0, 0, 0]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
  root = trees.wlasl(tmp_path_factory.mktemp("wlasl"))
  trees.wlasl_keypoints(root)
  return root


def expected(name, **more):
  split, label, first, last, frames = trees.WLASL[name]
  is_part = frames > last
  return {
    "video_id": name, "label": label, "gloss": trees.GLOSSES[label], "signer": "",
    "video": f"videos/{name}.mp4", "first_frame": first - 1 if is_part else 0,
    "end_frame": last if is_part else 0, "num_frames": last - first + 1, "fps": 25, "box": WHOLE,
    **more,
  }  # fmt: skip


def same(example, wanted):
  assert set(example) == set(wanted)
  for field, value in wanted.items():
    value = value.encode() if isinstance(value, str) else value
    np.testing.assert_array_equal(example[field], value, err_msg=field)


def test_examples_are_what_the_lists_say(tree):
  for released, split in SPLITS.items():
    found = trees.examples("wlasl/100", tree, split)
    names = [name for name, entry in trees.OF_100.items() if entry[0] == released]
    assert list(found) == names
    for name in names:
      same(found[name], expected(name))


def test_keypoints_are_those_of_the_clip(tree):
  for released, split in SPLITS.items():
    for name, example in trees.examples("wlasl/100_pose", tree, split).items():
      assert trees.WLASL[name][0] == released
      _, _, first, last, frames = trees.WLASL[name]
      part = slice(first - 1, last) if frames > last else slice(None)
      pose = trees.keypoints(name, frames)[part]
      same(example, expected(name, pose=pose, pose_size=trees.SIZE))


def test_what_is_missing_is_counted_and_named(tree, tmp_path, capsys):
  builder, _ = build.prepare("wlasl/100", None, tmp_path, tree)
  assert "note: 1 of 4 videos of train are missing: 00004\n" in capsys.readouterr().err
  noted = description.read_metadata(builder.data_dir)
  assert noted["isolated"] == {
    "glosses": trees.GLOSSES[:100], "num_classes": 100,
    "listed": {"train": 4, "validation": 1, "test": 2},
    "missing": {"train": 1, "validation": 0, "test": 0},
  }  # fmt: skip
  assert noted["protocol"] == "100"
  build.main(["wlasl/100", "--manual_dir", str(tree), "--data_dir", str(tmp_path)])
  out = capsys.readouterr().out
  assert "already built" in out and "missing: train 1 of 4, validation 0 of 1, test 0 of 2" in out


def test_a_video_that_has_come_calls_for_a_new_build(tmp_path):
  trees.wlasl(tmp_path)
  assert "00004" not in trees.examples("wlasl/100", tmp_path, "train")
  (tmp_path / "videos/00004.mp4").write_bytes((tmp_path / "videos/00001.mp4").read_bytes())
  assert "00004" in trees.examples("wlasl/100", tmp_path, "train")


def test_the_task_reads_frames_and_keypoints(tree):
  trees.examples("wlasl/100_pose", tree, "train")
  clips = SignClips("wlasl/100_pose", "train", tree / "tfds", fields=("video", "keypoints"),
                    size=16, videos=str(tree))  # fmt: skip
  assert clips.names == trees.GLOSSES[:100] and (clips.listed, clips.missing) == (4, 1)
  for index, name in enumerate(("00001", "00002", "00003")):
    found = clips.read(index)
    _, _, first, last, frames = trees.WLASL[name]
    assert found["video"].shape == (last - first + 1, 16, 16, 3)
    start = first - 1 if frames > last else 0
    pose = trees.keypoints(name, frames)[start : start + last - first + 1]
    shares = pose[..., :2] / np.float32(trees.SIZE)
    np.testing.assert_allclose(found["keypoints"][..., :2], shares, rtol=1e-6)


def test_the_full_list_gives_the_same_clips_with_boxes_and_signers(tmp_path):
  trees.wlasl(tmp_path, "full")
  for split in SPLITS.values():
    for name, example in trees.examples("wlasl/100", tmp_path, split).items():
      same(example, expected(name, signer="7", box=[0.25, 0.25, 0.75, 1]))


def test_the_full_list_completes_the_list_of_splits(tmp_path):
  trees.wlasl(tmp_path)
  trees.wlasl_full(tmp_path)
  example = trees.examples("wlasl/100", tmp_path, "train")["00003"]
  same(example, expected("00003", signer="7", box=[0.25, 0.25, 0.75, 1]))


def test_a_subset_has_the_glosses_with_most_instances_where_no_list_of_classes_is(tmp_path):
  trees.wlasl(tmp_path, "full", with_videos=False)
  (tmp_path / "wlasl_class_list.txt").unlink()
  classes = annotations.vocabulary(tmp_path, "100")
  assert classes.names[:6] == ["gloss 0", "gloss 1", "gloss 2", "gloss 99", "gloss 150", "gloss 3"]
  assert classes.count == 100 and len(classes.names) == 100


def test_nla_slrs_lists_state_two_frames_too_many(tmp_path):
  trees.wlasl(tmp_path, "nla_slr")
  found = Findings()
  listed = annotations.read(tmp_path, "100", found)
  assert {clip.video_id: clip.num_frames for clip in listed["train"]} == {
    "00001": 12, "00002": 10, "00003": 10, "00004": 12,
  }  # fmt: skip
  assert found.notes == [f"the clips are those of {tmp_path}/nla_slr"]
  for name, example in trees.examples("wlasl/100", tmp_path, "train").items():
    frames = trees.WLASL[name][-1]  # the whole file is the clip
    same(example, expected(name, first_frame=0, end_frame=0, num_frames=frames))


def test_nla_slrs_lists_may_be_packed_and_name_glosses(tmp_path):
  trees.wlasl(tmp_path, with_videos=False)
  (tmp_path / "nslt_300.json").unlink()
  path = dump(tmp_path / "WLASL_100/x", [{"name": "a/b", "label": "gloss 5", "seq_len": 30}])
  (tmp_path / "WLASL_100/test.pkl.gz").write_bytes(gzip.compress(path.read_bytes()))
  (clip,) = annotations.read(tmp_path, "100", None, ("test",))["test"]
  assert (clip.video_id, clip.label, clip.gloss) == ("a_b", 5, "gloss 5")
  assert clip.places[0].stem == "videos/a/b" and clip.names == ("a_b", "a/b")
  with pytest.raises(UserError, match="WLASL_100 holds no list of train"):
    annotations.read(tmp_path, "100")


@pytest.mark.parametrize(("entry", "words"), [
  ({"subset": "test", "action": [300, 1, 9]}, "label 300 is none of the 300 classes"),
  ({"subset": "test", "action": [-1, 1, 9]}, "label -1 is none of"),
  ({"subset": "test", "action": ["gloss x", 1, 9]}, "gloss 'gloss x' is in no vocabulary"),
  ({"subset": "test", "action": [1.5, 1, 9]}, "label of type float is none"),
  ({"subset": "test", "action": [True, 1, 9]}, "label of type bool is none"),
  ({"subset": "test", "action": [0, 0, 9]}, "lasts from frame 0 to frame 9"),
  ({"subset": "test", "action": [0, 9, 5]}, "lasts from frame 9 to frame 5"),
  ({"subset": "test", "action": [0, 1, "9"]}, "'a frame' is no whole number"),
  ({"subset": "test", "action": [0, 1]}, "has no subset or no action of three numbers"),
  ({"subset": "tset", "action": [0, 1, 9]}, "has no subset or no action"),
  ([], "has no subset or no action"),
])  # fmt: skip
def test_damaged_entries_are_named_or_left_out(tmp_path, entry, words):
  trees.wlasl(tmp_path, with_videos=False)
  path = tmp_path / "nslt_300.json"
  path.write_text(json.dumps({**json.loads(path.read_text()), "00009": entry}))
  with pytest.raises(UserError, match=words) as error:
    annotations.read(tmp_path, "300")
  assert "'00009'" in str(error.value) and "\n" not in str(error.value)
  findings = Findings("skip")
  found = annotations.read(tmp_path, "300", findings)
  assert sum(map(len, found.values())) == len(trees.WLASL)
  assert [skip.name for skip in findings.skips] == ["00009"]
  assert sum(findings.entries.values()) == len(trees.WLASL) + 1


@pytest.mark.parametrize(("name", "content", "words"), [
  ("nslt_300.json", "[]", "nslt_300.json holds no dict"),
  ("nslt_300.json", '{"00001"', "nslt_300.json is no complete JSON file"),
  ("nslt_300.json", "{}", "the split train has no videos .none listed"),
  ("nslt_300.json", None, "holds no list of clips: put nslt_100.json"),
  ("wlasl_class_list.txt", None, "there is no file .*wlasl_class_list.txt"),
  ("wlasl_class_list.txt", "0\tbook\n2\tgo\n", "line 2: '2.tgo' is no label, which should be 1"),
  ("wlasl_class_list.txt", "0\tbook\n", "names 1 classes, and 100 are needed"),
  ("wlasl_class_list.txt", "".join(f"{n}\ta\n" for n in range(100)), "gloss 'a' is there twice"),
])  # fmt: skip
def test_damaged_files_are_named(tmp_path, name, content, words):
  trees.wlasl(tmp_path, with_videos=False)
  (tmp_path / name).unlink() if content is None else (tmp_path / name).write_text(content)
  with pytest.raises(UserError, match=words) as error:
    annotations.read(tmp_path, "100")
  assert "\n" not in str(error.value)


def test_a_split_without_any_video_says_what_to_do(tmp_path):
  trees.wlasl(tmp_path)
  for name in ("00007", "00008"):
    (tmp_path / f"videos/{name}.mp4").unlink()
  with pytest.raises(UserError, match="none of the 2 videos of test is in .*put them there as "
                                      "videos/VIDEO_ID.mp4, or name the splits"):  # fmt: skip
    build.prepare("wlasl/100", None, tmp_path / "tfds", tmp_path)
  options = {"splits": ("train", "validation")}
  assert len(trees.examples("wlasl/100", tmp_path, "train", **options)) == 3


def test_the_check_counts_by_split_and_class(tree, tmp_path):
  found = check.check("wlasl", tree, "100")
  row = {"listed": 4, "there": 3, "missing": 1, "classes": "3 of 100", "clips a class": "1 to 2",
         "signers": "?"}  # fmt: skip
  assert found.splits["train"] == row
  assert found.classes["train"] == {"gloss 0": 1, "gloss 1": 1, "gloss 2": 2}
  assert found.files["video"]["train"] == {"found": 3, "missing": 1, "unreadable": 0}
  assert found.files["pose"]["test"] == {"found": 2, "missing": 0, "unreadable": 0}
  texts = [text for _, text, _ in found.findings]
  assert "7 clips of 100 classes are listed, 1 videos of them are missing" in texts
  assert any("test has 2 clips, the owner's list 258" in text for text in texts)
  assert found.counts()["error"] == 0
  found.write(tmp_path / "found.json")
  assert json.loads((tmp_path / "found.json").read_text())["classes"] == found.classes


def test_the_check_says_that_no_video_is_there(tmp_path):
  trees.wlasl(tmp_path, with_videos=False)
  found = check.check("wlasl", tmp_path, "100", wanted=("test",))
  assert found.splits["test"]["missing"] == 2 and found.counts()["error"] == 1
