import os

import pytest

from sign_jax.files import replacing


def test_the_file_appears_whole(tmp_path):
  path = tmp_path / ("n" * 255)  # as long as a name may be
  path.write_text("before")
  with replacing(path) as partial:
    partial.write_text("after")
    assert path.read_text() == "before"
  assert path.read_text() == "after"
  assert os.listdir(tmp_path) == [path.name]


def test_an_error_leaves_what_was_there(tmp_path):
  path = tmp_path / "file"
  path.write_text("before")
  with pytest.raises(RuntimeError), replacing(path) as partial:
    partial.write_text("half")
    raise RuntimeError
  assert path.read_text() == "before"
  assert os.listdir(tmp_path) == ["file"]


def test_two_writers_do_not_meet(tmp_path):
  path = tmp_path / "file"
  with replacing(path) as one, replacing(path) as other:
    one.write_text("one")
    other.write_text("other")
  assert path.read_text() == "one"  # the one that ended last


@pytest.mark.parametrize("folder", ["nowhere", "is_a_file"])
def test_errors_name_the_file_that_was_meant(tmp_path, folder):
  (tmp_path / "is_a_file").write_text("")
  path = tmp_path / folder / "file"
  with pytest.raises(OSError) as error, replacing(path) as partial:
    partial.write_text("x")
  assert error.value.filename == path
