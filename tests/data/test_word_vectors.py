"""Which vector stands for a word: its own, its lemma's, or that of a spelling that is near."""

import numpy as np
import pytest

from sign_jax.data import word_vectors, words
from sign_jax.data.word_table import FIRST, MEAN, NONE, WordTable
from sign_jax.errors import UserError

LEMMAS = {"children": "child", "ran": "run", "mice": "mouse"}
FILE = {
  "The": [1, 0], "the": [2, 0], "Child": [3, 0], "run": [4, 0], "mountain": [5, 0],
  "fountain": [6, 0], "storm": [7, 0], "storms": [8, 0], "unrelated": [99, 0],
}  # fmt: skip


@pytest.fixture
def lemma():
  return words.of_table(LEMMAS)


def written(path, rows=None):
  rows = FILE if rows is None else rows
  path.write_text("".join(f"{word} {' '.join(map(str, x))}\n" for word, x in rows.items()))
  return path


def numbers(table, text):
  ids = table.ids([text], 8)[0]
  return [float(row[0]) for row, number in zip(table.rows()[ids], ids, strict=True) if number]


def of(path, texts, lemma):
  return word_vectors.of_file(path, [word for text in texts for word in text.split()], lemma)


def test_a_word_then_its_lemma_then_a_spelling(tmp_path, lemma):
  texts = ["the children ran", "mountian storm", "mountaim xyzzyxyzzy"]
  table = of(written(tmp_path / "a"), texts, lemma)
  assert numbers(table, texts[0]) == [2, 3, 4]  # in lower case before others
  assert numbers(table, texts[1]) == [5, 7]
  assert numbers(table, texts[2]) == [5]  # the other one is dropped
  assert "unrelated" not in table.words  # which no caption can need


def test_words_that_are_left_out_are_told(tmp_path, lemma, capsys):
  path = written(tmp_path / "a")
  of(path, ["the children ran mountian", "xyzzyxyzzy bcdefghij"], lemma)
  assert capsys.readouterr().err == (
    f"{path} lacks 3 of 6 words of the captions; read as a word that is spelled like it: 1 "
    "('mountian' as 'mountain'); left out: 2 ('xyzzyxyzzy', 'bcdefghij')\n"
  )
  of(path, ["the " + " ".join(f"xyzzyxyzzy{i}" for i in range(12))], lemma)
  assert capsys.readouterr().err.endswith("left out: 12 ('xyzzyxyzzy0', " + ", ".join(
    f"'xyzzyxyzzy{i}'" for i in range(1, 10)) + ", ...)\n")  # fmt: skip
  of(path, ["the children"], lemma)
  assert not capsys.readouterr().err


def test_a_text_without_a_known_word_has_the_mean(tmp_path, lemma):
  table = of(written(tmp_path / "a"), ["the run", "xyzzyxyzzy"], lemma)
  for text in ("xyzzyxyzzy", "", "?!"):
    assert table.ids([text], 4).tolist() == [[MEAN, NONE, NONE, NONE]]
  np.testing.assert_array_equal(table.rows()[MEAN], [3, 0])
  np.testing.assert_array_equal(table.rows()[NONE], [0, 0])


def test_the_first_of_spellings_that_are_as_near(tmp_path, lemma):
  rows = {"bat": [1], "cat": [2], "rat": [3], "at": [4]}
  assert numbers(of(written(tmp_path / "a", rows), ["zat"], lemma), "zat") == [1]
  assert numbers(of(written(tmp_path / "b", dict(reversed(rows.items()))), ["zat"], lemma),
                 "zat") == [4]  # fmt: skip
  nearer = {"xxt": [9], **rows}
  assert numbers(of(written(tmp_path / "c", nearer), ["zat"], lemma), "zat") == [1]


def test_spellings_are_found_over_blocks(tmp_path, lemma, monkeypatch):
  rows = {f"filler{i}word": [0] for i in range(50)} | {"mountxin": [1], "mountains": [2]}
  rows |= {f"more{i}word": [0] for i in range(50)} | {"mountainx": [3], "mauntain": [4]}
  path = written(tmp_path / "a", rows)
  for block in (4096, 1, 7):
    monkeypatch.setattr(word_vectors, "_BLOCK", block)
    assert numbers(of(path, ["mountain"], lemma), "mountain") == [1]


def test_new_words_are_looked_up_among_those_that_are_known(tmp_path, lemma):
  table = of(written(tmp_path / "a"), ["the child mountain"], lemma)
  assert numbers(table, "children mountaun") == [3, 5]
  assert table.ids(["fountain"], 2)[0, 0] == table.ids(["mountain"], 2)[0, 0]  # two edits


def test_long_texts_are_cut(tmp_path, lemma):
  table = of(written(tmp_path / "a"), ["the run"], lemma)
  ids = table.ids(["xyzzyxyzzy the run the run", "run"], 3)
  the, run = (table.words.index(word) + FIRST for word in ("the", "run"))
  assert ids.dtype == np.int32 and ids.tolist() == [[the, run, the], [run, NONE, NONE]]


def test_captions_are_repaired_first(tmp_path, lemma):
  table = of(written(tmp_path / "a"), ["the run"], lemma)
  assert numbers(table, "THE &amp; Run!") == [2, 4]


def test_a_wrong_row_is_named_by_its_line(tmp_path, lemma):
  path = tmp_path / "a"
  path.write_text("2 2\nxyz 1\nthe 1\n")
  with pytest.raises(UserError, match=r"config.model.text.file: .*a, line 3: there are not 2"):
    of(path, ["the"], lemma)
  path.write_text("2 2\nxyz 1\nthe 1 2\n")
  assert of(path, ["the"], lemma).words == ["the"]  # what nobody needs is not looked at


def test_a_binary_file(tmp_path, lemma):
  path = tmp_path / "a.bin"
  rows = b"".join(
    word.encode() + b" " + np.array(x, "<f4").tobytes() + b"\n" for word, x in FILE.items()
  )
  path.write_bytes(f"{len(FILE)} 2\n".encode() + rows)
  assert numbers(of(path, ["the ran mountian"], lemma), "the ran mountian") == [2, 4, 5]


def test_a_file_of_another_language(tmp_path, lemma):
  with pytest.raises(UserError, match="has none of the 2 words of the captions"):
    of(written(tmp_path / "a"), ["donaudampfschiff fahrt"], lemma)


def test_no_file(tmp_path, lemma):
  with pytest.raises(UserError, match="config.model.text.file: there is no file .*none"):
    of(tmp_path / "none", ["a"], lemma)


def test_drawn_vectors_are_those_of_lemmas(lemma):
  table = word_vectors.DrawnVectors(64, lemma)
  ids = table.ids(["children run", "child ran!", "?"], 3)
  np.testing.assert_array_equal(ids[0], ids[1])
  assert ids[2].tolist() == [MEAN, NONE, NONE]
  rows = table.rows()
  assert rows.shape == (2 + 2, 64) and rows.dtype == np.float32 and not rows[:2].any()
  # Another table draws the same, whatever it was asked before.
  other = word_vectors.DrawnVectors(64, lemma)
  again = other.ids(["a storm", "run"], 3)[1, 0]
  np.testing.assert_array_equal(other.rows()[again], rows[ids[0, 1]])


def test_drawn_vectors_are_normal_and_the_same_everywhere(lemma):
  table = word_vectors.DrawnVectors(300, lemma)
  table.look_up(f"word{i}" for i in range(50))
  drawn = table.rows()[FIRST:]
  assert abs(drawn.mean()) < 0.03 and abs(drawn.std() - 1) < 0.03
  assert np.abs(np.corrcoef(drawn) - np.eye(50)).max() < 0.3
  first = word_vectors.DrawnVectors(4, lemma)
  first.look_up(["run"])
  assert (first.rows()[FIRST] * 4096).tolist() == [4945, -7489, -2909, 620]


def test_words_without_vectors(lemma):
  table = WordTable(["child", "run"], None, lemma)
  assert table.ids(["children runn zzzzzz"], 4).tolist() == [[FIRST, FIRST + 1, NONE, NONE]]
