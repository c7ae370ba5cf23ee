"""Tables of synonyms: ours, users', and broken ones."""

import pytest

from sign_jax.data import synonyms
from sign_jax.data.tokenizer import encode
from sign_jax.errors import UserError


def test_our_table_is_whole():
  table = synonyms.read()
  assert len(table) > 300
  for word, groups in table.items():
    for group in groups:
      assert word in group and len(set(group)) == len(group) >= 2
    assert encode(word) and word == word.strip().lower()
  groups = [group for groups in table.values() for group in groups]
  assert len({frozenset(group) for group in groups}) == len(set(map(id, groups)))  # none twice


def test_a_user_s_table(tmp_path):
  path = tmp_path / "table.txt"
  path.write_text("# mine\nRegen, Schauer # both\n\n schön,  sehr   gut,schön,\nSchauer,Guss\n",
                  encoding="utf-8")
  assert synonyms.read(path) == {
    "regen": [("regen", "schauer")], "schauer": [("regen", "schauer"), ("schauer", "guss")],
    "schön": [("schön", "sehr gut")], "sehr gut": [("schön", "sehr gut")],
    "guss": [("schauer", "guss")],
  }


def test_a_long_group_is_held_once(tmp_path):
  path = tmp_path / "table.txt"
  path.write_text(",".join(map(str, range(20_000))))
  table = synonyms.read(path)
  assert len({id(group) for groups in table.values() for group in groups}) == 1


@pytest.mark.parametrize(("content", "message"), [
  (b"a, b\nalone\n", "line 2 of .*table.txt has only the word 'alone'"),
  (b"a, A", "line 1 of .* only the word 'a'"),
  (b"\xff\xfe,b", "is not UTF-8 text"),
  (bytes(100), "only the word"),
])
def test_broken_tables(tmp_path, content, message):
  path = tmp_path / "table.txt"
  path.write_bytes(content)
  with pytest.raises(UserError, match=message) as caught:
    synonyms.read(path)
  assert "\n" not in str(caught.value)


def test_no_table(tmp_path, monkeypatch):
  with pytest.raises(UserError, match="--config.data.synonyms: there is no file .*none.txt"):
    synonyms.read(tmp_path / "none.txt")
  with pytest.raises(UserError, match="--config.data.synonyms: .* is no file"):
    synonyms.read(tmp_path)
  (tmp_path / "table.txt").write_text("a, b")
  monkeypatch.setattr(synonyms, "MAX_BYTES", 3)
  with pytest.raises(UserError, match="table.txt has more than"):
    synonyms.read(tmp_path / "table.txt")
