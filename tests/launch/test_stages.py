"""Stages: what is there is not made again, and roots share what is made with and from the same."""

import pathlib

import pytest

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
  assert (tmp_path / "b" / "part" / "product").resolve() == tmp_path / "a" / "part" / "product"
  assert stage(tmp_path / "b", shared)[0] == 0
  assert stage(tmp_path / "c", shared, word="other") == (1, "module other")
  assert stage(tmp_path / "d", shared, source="other")[0] == 1
  assert stage(tmp_path / "e", shared, seed=1)[0] == 1
  assert stage(tmp_path / "f")[0] == 1


def test_what_is_gone_is_made_again(tmp_path):
  shared = tmp_path / "shared"
  stage(tmp_path / "a", shared), stage(tmp_path / "b", shared)
  (tmp_path / "a").rename(tmp_path / "gone")
  assert stage(tmp_path / "b", shared)[0] == 1
  assert stage(tmp_path / "c", shared)[0] == 0
  product = tmp_path / "c" / "part" / "product"
  assert product.resolve() == pathlib.Path(tmp_path / "b" / "part" / "product")


def test_what_was_begun_is_gone_on_with(tmp_path):
  shared = tmp_path / "shared"
  begun = tmp_path / "b" / "part" / "product"
  begun.mkdir(parents=True)
  stage(tmp_path / "a", shared)
  assert stage(tmp_path / "b", shared)[0] == 1
  assert not begun.is_symlink()
