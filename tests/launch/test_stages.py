"""Stages: what is there is not made again, and roots share what is made with and from the same."""

import pytest

from launch import notes
from launch.stages import Stages
from sign_jax.errors import UserError


class Written(Stages):
  """Stages whose command writes its words into the last one's folder."""

  def start(self, *command):
    folder = command[-1]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "done").write_text(" ".join(map(str, command[:-1])))
    self.began = getattr(self, "began", 0) + 1


def stage(root, shared=None, word="word", source="source", **origin):
  """Runs one stage in `root`; returns (how many commands began, what the result holds)."""
  table = root / "table"
  root.mkdir(exist_ok=True)
  table.write_text(source)
  stages, product = Written(root, shared, origin), root / "part" / "product"
  stages.run(product / "done", "module", word, product, made_from=[table], products=[product])
  return getattr(stages, "began", 0), (product / "done").read_text()


def test_a_result_of_other_words_or_files_is_refused(tmp_path):
  assert stage(tmp_path / "a") == (1, "module word")
  assert stage(tmp_path / "a") == (0, "module word")
  with pytest.raises(UserError, match="made with other settings .command="):
    stage(tmp_path / "a", word="other")
  with pytest.raises(UserError, match="made with other settings .table="):
    stage(tmp_path / "a", source="other")


def test_roots_share_what_is_made_with_and_from_the_same(tmp_path):
  shared = tmp_path / "shared"
  assert stage(tmp_path / "a", shared)[0] == 1
  assert stage(tmp_path / "b", shared) == (0, "module word")
  products = [(tmp_path / x / "part" / "product").resolve() for x in "ab"]
  assert products[0] == products[1] and products[0].is_relative_to(shared)
  assert stage(tmp_path / "b", shared)[0] == 0
  assert stage(tmp_path / "c", shared, word="other") == (1, "module other")
  assert stage(tmp_path / "d", shared, source="other")[0] == 1
  assert stage(tmp_path / "e", shared, seed=1)[0] == 1
  assert stage(tmp_path / "f")[0] == 1


@pytest.mark.parametrize("lost", ["a", "shared"])
def test_what_is_gone_is_made_again_where_it_is_needed(tmp_path, lost):
  shared = tmp_path / "shared"
  stage(tmp_path / "a", shared), stage(tmp_path / "b", shared)
  (tmp_path / lost).rename(tmp_path / "gone")
  assert stage(tmp_path / "b", shared)[0] == (lost == "shared")
  assert stage(tmp_path / "c", shared)[0] == 0


@pytest.mark.parametrize("changed", "ab")
def test_a_result_that_is_deleted_and_made_anew_changes_no_other_root(tmp_path, changed):
  shared = tmp_path / "shared"
  stage(tmp_path / "a", shared), stage(tmp_path / "b", shared)
  (tmp_path / changed / "part" / "product" / "done").unlink()
  assert stage(tmp_path / changed, shared, word="other") == (1, "module other")
  kept = {"a": "b", "b": "a"}[changed]
  assert stage(tmp_path / kept, shared) == (1, "module word")
  assert stage(tmp_path / "c", shared) == (0, "module word")
  assert stage(tmp_path / changed, shared, word="other") == (0, "module other")


def test_what_was_begun_is_gone_on_with(tmp_path):
  shared = tmp_path / "shared"
  begun = tmp_path / "b" / "part" / "product"
  begun.mkdir(parents=True)
  stage(tmp_path / "a", shared)
  assert stage(tmp_path / "b", shared)[0] == 1
  assert not begun.is_symlink()


def test_a_mark_is_made_when_the_command_is_done(tmp_path):
  stages, product = Written(tmp_path), tmp_path / "product"
  stages.run(product / "complete", "module", product, products=[product], is_marked=True)
  stages.run(product / "complete", "module", product, products=[product], is_marked=True)
  assert (product / "complete").exists() and stages.began == 1


def test_a_folder_of_other_files_has_another_digest(tmp_path):
  for name in ("a", "b"):
    (tmp_path / name).mkdir()
    (tmp_path / name / "x.npz").write_bytes(b"1" * 100)
  first = notes.folder_digest(tmp_path / "a")
  assert notes.folder_digest(tmp_path / "b") == first
  (tmp_path / "b" / "x.npz").write_bytes(b"1" * 99 + b"2")
  assert notes.folder_digest(tmp_path / "b") != first
  (tmp_path / "a" / "y.npz").touch()
  assert notes.folder_digest(tmp_path / "a") != first
