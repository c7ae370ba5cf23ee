"""`nmfs_csl`: folders of pictures, labels without names, a validation split that is held out."""

import pytest

from data_builders import build
from data_builders.corpus.findings import Findings
from data_builders.nmfs_csl import annotations
from sign_jax.data import description
from sign_jax.errors import UserError
from tests.data_builders.isolated import trees
from tests.data_builders.trees import dump, write_lines

LOST = "P01/train_05"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
  return trees.nmfs_csl(tmp_path_factory.mktemp("nmfs"), missing=(LOST,))


def test_examples_are_what_the_lists_say(tree):
  found = trees.examples("nmfs_csl", tree, "test")
  assert {name: int(x["label"]) for name, x in found.items()} == {
    "P01_test_00": 0, "P01_test_01": 1066, "P01_test_02": 1,
  }  # fmt: skip
  for name, example in found.items():
    assert example["video"].decode() == f"frames/P01/{name[4:]}" and example["gloss"] == b""
    assert (example["first_frame"], example["end_frame"], example["num_frames"]) == (0, 0, 3)


def test_a_part_of_train_is_held_out(tree, capsys):
  builder, _ = build.prepare("nmfs_csl", None, tree / "tfds", tree)
  noted = description.read_metadata(builder.data_dir)
  listed = noted["isolated"]["listed"]
  assert listed["train"] + listed["validation"] == trees.NMFS["train"] and listed["validation"] > 0
  assert sum(noted["isolated"]["missing"].values()) == 1
  assert noted["isolated"]["glosses"] is None and noted["isolated"]["num_classes"] == 1067
  assert noted["origins"] == {"validation": annotations.ORIGIN}
  parts = [set(trees.examples("nmfs_csl", tree, split)) for split in ("train", "validation")]
  assert not parts[0] & parts[1] and len(parts[0] | parts[1]) == trees.NMFS["train"] - 1
  alone = annotations.read(tree, None, None, ("train",))["train"]
  assert {clip.video_id for clip in alone} == parts[0] | {LOST.replace("/", "_")} - parts[1]


def test_a_list_of_validation_is_taken(tmp_path):
  trees.nmfs_csl(tmp_path)
  write_lines(tmp_path / "dev.txt", ["P02/a,12,3", "P02/b,14,4"])
  found = annotations.read(tmp_path)
  assert [clip.label for clip in found["validation"]] == [3, 4]
  assert len(found["train"]) == trees.NMFS["train"]


def test_labels_may_count_from_1(tmp_path):
  trees.nmfs_csl(tmp_path, first_label=1)
  findings = Findings()
  assert [x.label for x in annotations.read(tmp_path, None, findings)["test"]] == [0, 1066, 1]
  assert any("labels count from 1 to 1067" in note for note in findings.notes)


def test_labels_out_of_range_are_named(tmp_path):
  trees.nmfs_csl(tmp_path)
  write_lines(tmp_path / "test.txt", ["folder label", "a 0", "b 1067", "c", "d x"])
  with pytest.raises(UserError, match="test.txt, line 3: the label 1067 is none of the 1067"):
    annotations.read(tmp_path, None, None, ("test",))
  findings = Findings("skip")
  assert len(annotations.read(tmp_path, None, findings, ("test",))["test"]) == 1
  assert [skip.name for skip in findings.skips] == ["b", "c", "d"]


def test_nla_slrs_lists_are_read(tmp_path):
  for split in ("train", "test"):
    names = [f"{split}{number}" for number in range(30)]
    dump(tmp_path / f"nla_slr/{split}.pkl", [
      {"name": name, "label": 7, "seq_len": 40, "video_file": f"jpg_video/{name}"} for name in names
    ])  # fmt: skip
  (clip, *others) = annotations.read(tmp_path, None, None, ("test",))["test"]
  assert (clip.num_frames, clip.label, len(others)) == (40, 7, 29)
  assert [place.stem for place in clip.places[:2]] == ["jpg_video/test0", "frames/test0"]


def test_pictures_that_are_missing_are_damage(tmp_path):
  trees.nmfs_csl(tmp_path)
  (tmp_path / "frames/P01/test_00/image_00002.jpg").unlink()
  with pytest.raises(UserError, match="holds 2 pictures from image_00001.jpg to image_00003.jpg"):
    build.prepare("nmfs_csl", None, tmp_path / "tfds", tmp_path)
  (tmp_path / "frames/P01/test_00/image_00002.jpg").write_bytes(b"")
  trees.examples("nmfs_csl", tmp_path, "test")  # pictures are read when the model trains


def test_without_any_list(tmp_path):
  with pytest.raises(UserError, match="holds no list of clips: put train.txt and test.txt there"):
    annotations.read(tmp_path)
