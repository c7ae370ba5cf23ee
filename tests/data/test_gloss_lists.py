"""Which class of a file of weights is which gloss."""

import json
import pickle

import pytest

from sign_jax.data import gloss_lists
from sign_jax.errors import UserError

RELEASED = {"<s>": 0, "<unk>": 1, "<mask>": 2, "regen": 2, "über": 4, "APP": 3}


def write(path, content):
  if path.suffix == ".pkl":
    path.write_bytes(pickle.dumps(content))
  else:
    path.write_text(content if path.suffix == ".txt" else json.dumps(content), "utf-8")
  return path


@pytest.mark.parametrize(("name", "content", "wanted"), [
    ("a.txt", "SNOW\nRAIN\n", ["<blank>", "SNOW", "RAIN"]),
    ("a.txt", "<blank>\nSNOW\n\nSNOW\n", ["<blank>", "SNOW", "<class 2>", "<class 3>"]),
    ("a.json", ["<si>", "B", "A"], ["<blank>", "B", "A"]),
    ("a.json", {"A": 3, "<si>": 0}, ["<blank>", "<class 1>", "<class 2>", "A"]),
    ("a.pkl", RELEASED, ["<blank>", "<unk>", "regen", "APP", "über"]),
])
def test_the_forms_of_files(tmp_path, name, content, wanted):
  assert gloss_lists.read(write(tmp_path / name, content)) == wanted


def test_names_are_those_of_the_data_set(tmp_path):
  path = write(tmp_path / "a.pkl", RELEASED)
  found = gloss_lists.vocabulary(path, ["APP", "REGEN", "WIND", "ÜBER"])
  assert found.glosses == ("<unk>", "REGEN", "APP", "ÜBER")
  assert found.encode(["APP", "REGEN"]) == [3, 2]
  both = write(tmp_path / "b.txt", "app\nApp\nwind\n")
  assert gloss_lists.vocabulary(both, ["APP", "wind"]).glosses == ("app", "App", "wind")


@pytest.mark.parametrize(("name", "content", "words"), [
    ("a.json", {"A": "1"}, "does not say of each gloss"),
    ("a.json", {"A": -1}, "does not say of each gloss"),
    ("a.json", {"A": 2**40}, "does not say of each gloss"),
    ("a.json", {"A": True}, "does not say of each gloss"),
    ("a.json", {}, "does not say of each gloss"),
    ("a.json", {"A": 0}, "class 0 is 'A', which must be the blank"),
    ("a.json", 3, "holds no list of glosses"),
    ("a.json", ["A", 2], "holds no list of glosses"),
    ("a.txt", "", "holds no list of glosses"),
    ("a.txt", "SNOW\n", "has none of the data set's 1 glosses"),
])
def test_other_files_are_refused(tmp_path, name, content, words):
  with pytest.raises(UserError, match=words):
    gloss_lists.vocabulary(write(tmp_path / name, content), ["RAIN"])


def test_damaged_and_hostile_files(tmp_path):
  (tmp_path / "a.json").write_text("{")
  (tmp_path / "b.txt").write_bytes(b"\xff\xfe")
  (tmp_path / "c.pkl").write_bytes(pickle.dumps(print))
  for name in ("a.json", "b.txt", "c.pkl", "none.txt"):
    with pytest.raises(UserError, match=name):
      gloss_lists.read(tmp_path / name)
