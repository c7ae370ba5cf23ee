import os
import pathlib

import pytest

from sign_jax import files
from sign_jax.errors import UserError
from sign_jax.files import replacing


def test_the_file_appears_whole(tmp_path):
  path = tmp_path / ("n" * 255)  # as long as a name may be
  path.write_text("before")
  with replacing(path) as partial:
    partial.write_text("after")
    assert path.read_text() == "before"
  assert path.read_text() == "after"
  assert os.listdir(tmp_path) == [path.name]


def test_no_file_takes_the_place_of_a_device(tmp_path):
  os.mkfifo(tmp_path / "pipe")
  (tmp_path / "link").symlink_to("/dev/null")
  for path in (tmp_path / "pipe", tmp_path / "link", "/dev/stdout", "/dev/no such", "/dev/fd/1"):
    with pytest.raises(UserError, match="no file that could be replaced"), replacing(
        pathlib.Path(path)
    ):
      raise RuntimeError  # nothing is replaced, even if this is reached
  assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]


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


@pytest.fixture
def home(tmp_path, monkeypatch):
  """A home folder and a working folder, both empty."""
  for name in ("home", "work"):
    (tmp_path / name).mkdir()
  monkeypatch.setenv("HOME", str(tmp_path / "home"))
  monkeypatch.setenv("DATA", str(tmp_path / "data"))
  monkeypatch.setenv("EMPTY", "")
  monkeypatch.delenv("UNSET", raising=False)
  monkeypatch.chdir(tmp_path / "work")
  return tmp_path


@pytest.mark.parametrize(("text", "expected"), [
  ("~", "home"), ("~/", "home"), ("~/a b/c", "home/a b/c"), ("$HOME/x", "home/x"),
  ("${DATA}/x", "data/x"), ("${DATA}2/$x1/../y", "data2/z/../y"), ("./~/x", "work/~/x"),
])  # fmt: skip
def test_tilde_and_variables_are_filled_in(home, monkeypatch, text, expected):
  monkeypatch.setenv("x1", "z")
  path = files.user_path(text)
  assert path == home / expected
  assert files.user_path(path) == files.user_path(str(path)) == path


def test_a_variable_may_begin_with_a_tilde(home, monkeypatch):
  monkeypatch.setenv("DATA", "~/data")
  assert files.user_path("$DATA/x") == home / "home/data/x"


@pytest.mark.parametrize("text", ["a/b", "/a/b", "a~", "a/~/b", "5$", "$1/x", "C$/x"])
def test_other_paths_stay_as_they_are(home, text):
  assert files.user_path(text) == pathlib.Path(text)


@pytest.mark.parametrize(("text", "words"), [
  ("", "an empty path was given"),
  ("$UNSET/x", r"the variable UNSET in \$UNSET/x is not set"),
  ("a/${UNSET}/x", "the variable UNSET .* is not set"),
  ("$EMPTY/x", "the variable EMPTY .* is empty"),
  ("${DATA:-x}/y", "the variable DATA:-x .* is not set"),
  ("~no-such-user/x", "no home folder ~no-such-user"),
  ("gs://bucket/x", "is an address and no path"),
  ("file:///x", "is an address and no path"),
])  # fmt: skip
def test_what_names_nothing_is_one_sentence(home, text, words, capsys):
  with pytest.raises(UserError, match=words):
    files.user_path(text)
  with pytest.raises(SystemExit) as stop:
    files.path_argument(text)
  error = capsys.readouterr().err
  assert stop.value.code == 1 and error.startswith("error: ") and error.count("\n") == 1


@pytest.mark.parametrize("name", ["pay$roll", "~no-such-user"])
def test_a_name_that_is_there_is_taken_as_it_is(home, name):
  with pytest.raises(UserError):
    files.user_path(name)
  (home / "work" / name).mkdir()
  path = files.user_path(name)
  assert path.samefile(home / "work" / name)
  assert files.user_path(path) == path


def test_what_is_there_is_found(tmp_path):
  path = tmp_path / "file"
  path.write_text("")
  assert files.existing_file(str(path)) == path
  assert files.existing_folder(str(tmp_path)) == tmp_path


@pytest.mark.parametrize(("look", "name", "sentence"), [
  (files.existing_file, "captoins.csv",
   "--csv: there is no file {}/captoins.csv (did you mean 'captions.csv'?), check the path"),
  (files.existing_file, "fodler/x.csv",
   "--csv: there is no file {0}/fodler/x.csv nor a folder {0}/fodler (did you mean 'folder'?), "
   "check the path"),
  (files.existing_file, "zzz", "--csv: there is no file {}/zzz, check the path"),
  (files.existing_file, "folder", "--csv: {}/folder is no file, check the path"),
  (files.existing_file, "captions.csv/x", "--csv: there is no file {0}/captions.csv/x"),
  (files.existing_file, "x" * 300, "--csv: there is no file {}/" + "x" * 300 + ", check the path"),
  (files.existing_folder, "fodler",
   "--csv: there is no folder {}/fodler (did you mean 'folder'?), check the path"),
  (files.existing_folder, "captions.csv", "--csv: {}/captions.csv is no folder, check the path"),
])  # fmt: skip
def test_what_is_missing_is_said_in_the_same_words(tmp_path, look, name, sentence):
  (tmp_path / "folder").mkdir()
  (tmp_path / "captions.csv").write_text("")
  with pytest.raises(UserError) as error:
    look(tmp_path / name, "--csv")
  assert str(error.value).startswith(sentence.format(tmp_path))


def test_the_sentence_says_what_to_do(tmp_path):
  with pytest.raises(UserError, match=r"^there is no file .*/zzz, export one$"):
    files.existing_file(tmp_path / "zzz", remedy="export one")
