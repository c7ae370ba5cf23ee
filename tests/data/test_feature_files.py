import errno

import numpy as np
import pytest

from sign_jax.data import feature_files
from sign_jax.data.feature_files import FeatureFile
from sign_jax.errors import UserError
from tests.videos import truncate


def content(**changes):
  feature = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
  return FeatureFile(feature, 18, 25.0, 1, "random:0")._replace(**changes)


def test_comes_back_as_it_was_written(tmp_path):
  path = tmp_path / "folder" / "a.npz"
  feature_files.write(path, content())
  actual = feature_files.read(path)
  np.testing.assert_array_equal(actual.feature, content().feature)
  assert actual[1:] == content()[1:]
  assert [file.name for file in path.parent.iterdir()] == ["a.npz"]


def test_files_of_earlier_versions_have_the_only_preparation_of_then(tmp_path):
  path = tmp_path / "a.npz"
  feature_files.write(path, content(preparation="released"))
  assert feature_files.read(path).preparation == "released"
  entries = content()._asdict()
  del entries["preparation"]
  np.savez(path, **entries)
  assert feature_files.read(path).preparation == "exact"


def test_path_of_keeps_dots_in_names(tmp_path):
  assert feature_files.path_of(tmp_path, "x/a-1.5-2") == tmp_path / "x" / "a-1.5-2.npz"


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e5])
def test_writing_refuses_what_float16_cannot_hold(tmp_path, value):
  with pytest.raises(UserError, match="float16"):
    feature_files.write(tmp_path / "a.npz", content(feature=np.full((1, 4), value, np.float32)))
  assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
  path = tmp_path / "a.npz"
  feature_files.write(path, content())

  def full_disk(file, **arrays):
    file.write(b"half")
    raise OSError(errno.ENOSPC, "no space left")

  monkeypatch.setattr(np, "savez", full_disk)
  with pytest.raises(OSError, match="no space") as caught:
    feature_files.write(path, content(stride=2))
  assert caught.value.filename == path
  assert feature_files.read(path).stride == 1
  assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("share", [0, 0.2, 0.5, 0.9])
def test_reading_refuses_truncated_files(tmp_path, share):
  feature_files.write(tmp_path / "a.npz", content())
  truncate(tmp_path / "a.npz", share)
  with pytest.raises(UserError, match="a.npz is no complete feature file"):
    feature_files.read(tmp_path / "a.npz")


@pytest.mark.parametrize(
  ("feature", "words"),
  [
    (np.zeros((3, 4, 5), np.float32), "shape"),
    (np.zeros((0, 4), np.float32), "shape"),
    (np.zeros((3, 4), np.int64), "int64"),
    (np.full((3, 4), np.nan, np.float32), "not finite"),
    (np.zeros(3, [("a", "f4")]), "shape"),
    (np.array([[{}]], dtype=object), "no complete feature file"),
  ],
)
def test_reading_refuses_wrong_features(tmp_path, feature, words):
  np.savez(tmp_path / "a.npz", **content(feature=feature)._asdict())
  with pytest.raises(UserError, match=words):
    feature_files.read(tmp_path / "a.npz")


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    ({"num_frames": 0}, "states 0 frames"),
    ({"num_frames": 2**31}, "states 2147483648 frames"),
    ({"num_frames": np.inf}, "no complete feature file"),
    ({"num_frames": [1, 2]}, "no complete feature file"),
    ({"num_frames": "many"}, "no complete feature file"),
    ({"stride": 0}, "a stride of 0"),
    ({"stride": -1}, "a stride of -1"),
    ({"fps": np.nan}, "states nan frames per second"),
    ({"fps": np.inf}, "states inf frames per second"),
    ({"fps": -25.0}, "states -25.0 frames per second"),
  ],
)
def test_reading_refuses_wrong_numbers(tmp_path, changes, words):
  np.savez(tmp_path / "a.npz", **content(**changes)._asdict())
  with pytest.raises(UserError, match=f"a.npz.*{words}.*sign_jax.extract") as caught:
    feature_files.read(tmp_path / "a.npz")
  assert "\n" not in str(caught.value)


def test_a_name_may_be_as_long_as_a_file_system_takes(tmp_path):
  path = tmp_path / f"{'a' * 251}.npz"
  feature_files.write(path, content())
  assert feature_files.read(path).num_frames == 18


def test_reading_names_missing_files_and_entries(tmp_path):
  with pytest.raises(UserError, match="there is no file"):
    feature_files.read(tmp_path / "none.npz")
  np.savez(tmp_path / "a.npz", feature=content().feature)
  with pytest.raises(UserError, match="num_frames"):
    feature_files.read(tmp_path / "a.npz")
