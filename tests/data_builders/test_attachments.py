"""Features of clips in every released form, and where files of clips are found."""

import gzip
import os
import pickle

import numpy as np
import pytest

from data_builders.attachments.features import FeatureFolder, Features
from data_builders.attachments.poses import PoseFolder
from data_builders.corpus.clips import Clip
from sign_jax.data import feature_files
from sign_jax.errors import UserError

CLIP = Clip("clip-1.5", "s1", "Hello.", other_names=("old name",))
FEATURE = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)


def pickled(path, content, protocol=4):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(pickle.dumps(content, protocol))
  return path


def extracted(path, **changes):
  content = feature_files.FeatureFile(FEATURE, 18, 25.0, 1, "random:0")._replace(**changes)
  feature_files.write(path, content)
  return path


def refused(path, words):
  with pytest.raises(UserError, match=words) as caught:
    FeatureFolder(path.parent).read(path)
  text = str(caught.value)
  assert str(path) in text and "\n" not in text and len(text) < 600


@pytest.mark.parametrize(
  ("split", "folders"),
  [("train", ["train"]), ("validation", ["validation", "val", "dev"]), ("test", ["test"])],
)
def test_a_clip_is_found_in_the_folder_of_its_split(tmp_path, split, folders):
  for folder in folders:
    root = tmp_path / folder
    pickled(root / "test2" / "clip-1.5.pkl", FEATURE)
    assert FeatureFolder(root).find(CLIP, split) is None
    path = pickled(root / folder / "clip-1.5.pkl", FEATURE)
    assert FeatureFolder(root).find(CLIP, split) == path
    # A validation split may be held out of train.
    also = {"validation"} if split == "train" else set()
    for other in {"train", "validation", "test"} - {split}:
      assert FeatureFolder(root).find(CLIP, other) == (path if other in also else None)


def test_a_clip_is_found_without_folders_and_by_each_of_its_names(tmp_path):
  folder = FeatureFolder(str(tmp_path))
  assert folder.find(CLIP, "test") is None
  (tmp_path / "clip-1.5.pkl").mkdir()  # a folder is no file
  assert folder.find(CLIP, "test") is None
  for path in (tmp_path / "old name.pkl", tmp_path / "clip-1.5.npz",
               tmp_path / "test" / "old name.pkl", tmp_path / "test" / "clip-1.5.pkl"):  # fmt: skip
    pickled(path, FEATURE)
    assert folder.find(CLIP, "test") == path  # each is likelier than those before


def test_names_that_are_too_long_with_an_ending_are_of_no_file(tmp_path):
  clip = Clip("a" * 251, "s1", "Hello.")
  assert FeatureFolder(tmp_path).find(clip, "test") is None
  assert PoseFolder(tmp_path).find(clip, "test") is None  # .pose has one letter more
  path = extracted(tmp_path / f"{clip.video_id}.npz")
  assert FeatureFolder(tmp_path).find(clip, "test") == path


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("wrap", [lambda feature: feature, lambda feature: {
  "name": "clip", "feature": feature}], ids=["array", "dict"])  # fmt: skip
def test_released_pickles_are_read(tmp_path, wrap, dtype, protocol):
  path = pickled(tmp_path / "clip.pkl", wrap(np.asfortranarray(FEATURE.astype(dtype))), protocol)
  actual = FeatureFolder(tmp_path).read(path)
  assert actual[1:] == (0, 0.0, 0, "", "", "")
  assert actual.feature.dtype == np.float32 and actual.feature.flags.c_contiguous
  np.testing.assert_array_equal(actual.feature, FEATURE.astype(dtype).astype(np.float32))


def test_a_packed_pickle_is_read(tmp_path):
  path = tmp_path / "clip.pkl"
  path.write_bytes(gzip.compress(pickle.dumps({"feature": FEATURE})))
  np.testing.assert_array_equal(FeatureFolder.read(path).feature, FEATURE)


def test_extracted_files_say_more(tmp_path):
  actual = FeatureFolder.read(extracted(tmp_path / "clip.npz", stride=2))
  assert isinstance(actual, Features) and actual[1:] == (18, 25.0, 2, "random:0", "", "exact")
  np.testing.assert_array_equal(actual.feature, FEATURE)


CONTENTS = {
  "no array": ({"feature": FEATURE.tolist()}, "holds a list and no array"),
  "nothing": (None, "holds a NoneType and no array"),
  "another key": ({"features": FEATURE}, "has no 'feature', only 'features'"),
  "an empty dict": ({}, "has no 'feature', only nothing"),
  "one window": (FEATURE[0], r"shape \(4,\)"),
  "a batch": (FEATURE[None], r"shape \(1, 3, 4\)"),
  "no windows": (FEATURE[:0], r"shape \(0, 4\)"),
  "no width": (FEATURE[:, :0], r"shape \(3, 0\)"),
  "whole numbers": (FEATURE.astype(np.int64), "type int64"),
  "objects": (FEATURE.astype(object), "type object"),
  "complex numbers": (FEATURE.astype(complex), "type complex128"),
  "NaN": (np.where(FEATURE > 0.9, np.nan, FEATURE), "not finite in float16"),
  "infinity": (np.where(FEATURE > 0.9, -np.inf, FEATURE), "not finite in float16"),
  "too large for float16": (FEATURE * 1e5, "not finite in float16"),
  "too large for float32": (FEATURE.astype(float) * 1e300, "not finite in float16"),
  "code": ({"feature": os.system}, "asks for (posix|nt).system"),
  "code beside it": ({"feature": FEATURE, "name": os.system}, "asks for (posix|nt).system"),
}


@pytest.mark.parametrize("what", CONTENTS)
def test_damaged_pickles_are_refused(tmp_path, what):
  content, words = CONTENTS[what]
  refused(pickled(tmp_path / "clip.pkl", content), words)


@pytest.mark.parametrize("ending", [".pkl", ".npz", ".npy"])
def test_files_that_are_cut_short_are_refused(tmp_path, ending):
  pickled(tmp_path / "clip.pkl", {"feature": FEATURE})
  np.save(tmp_path / "clip.npy", FEATURE)
  path = extracted(tmp_path / "clip.npz").with_suffix(ending)
  whole = path.read_bytes()
  for size in (0, 1, 20, len(whole) // 2, len(whole) - 1):
    path.write_bytes(whole[:size])
    refused(path, "no complete feature file")


def test_a_missing_file_is_named(tmp_path):
  refused(tmp_path / "clip.pkl", "there is no file")
  refused(tmp_path / "clip.npz", "there is no file")
  refused(tmp_path / "clip.npy", "there is no file")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_plain_arrays_are_read(tmp_path, dtype):
  np.save(tmp_path / "clip-1.5.npy", np.asfortranarray(FEATURE.astype(dtype)))
  path = FeatureFolder(tmp_path).find(CLIP, "test")
  content = FeatureFolder.read(path)
  assert path == tmp_path / "clip-1.5.npy" and content.feature.dtype == np.float32
  np.testing.assert_array_equal(content.feature, FEATURE.astype(dtype).astype(np.float32))
  assert content[1:] == (0, 0.0, 0, "", "", "")


def claim(path, shape):
  """A small file that claims a large array."""
  with path.open("wb") as file:
    np.lib.format.write_array_header_1_0(
      file, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    file.write(bytes(100))


def test_hostile_arrays_are_refused(tmp_path):
  path = tmp_path / "clip.npy"
  for shape in ((2**40, 4), (2**31, 2**31), (25, 2)):
    claim(path, shape)
    refused(path, "no complete feature file .it has not the size of an array")
  for content, words in (
    (FEATURE.astype(object), "Object arrays|not the size"),
    (np.array({"feature": FEATURE}, object), "Object arrays|not the size"),
    (FEATURE[0], r"shape \(4,\)"),
    (FEATURE.astype(np.int32), "type int32"),
    (FEATURE * np.nan, "not finite"),
  ):
    np.save(path, content, allow_pickle=True)
    refused(path, words)


def test_two_files_of_one_clip_are_not_chosen_between(tmp_path):
  extracted(tmp_path / "test/clip-1.5.npz")
  pickled(tmp_path / "test/clip-1.5.pkl", FEATURE)
  with pytest.raises(UserError, match="holds clip-1.5.npz and clip-1.5.pkl for one clip"):
    FeatureFolder(tmp_path).find(CLIP, "test")
