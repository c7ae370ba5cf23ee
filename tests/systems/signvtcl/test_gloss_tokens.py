"""The tokens of glosses, by vocabularies that the tests make."""

import builtins

import pytest
import sentencepiece

from sign_jax.errors import UserError
from sign_jax.systems.signvtcl.gloss_tokens import LANGUAGES, GlossTokens, MBartTokens
from tests.systems.signvtcl import texts


@pytest.fixture(scope="module")
def content():
  return texts.vocabulary()


@pytest.fixture
def path(content, tmp_path):
  path = tmp_path / "sentencepiece.bpe.model"
  path.write_bytes(content)
  return path


def test_every_token_of_mbart_is_of_one_gloss(path, content):
  tokens = MBartTokens(path, "de_DE", True)
  processor = sentencepiece.SentencePieceProcessor(model_proto=content)
  pieces = processor.get_piece_size()
  whole = processor.encode("nordsonne regen nord")
  found = tokens.of(("NORDSONNE", "REGEN", "NORD"))
  assert found.ids == (*(piece + 1 for piece in whole), 2, pieces + 3)
  assert found.ids[found.end] == 2
  assert len(found.glosses) == len(found.ids)
  assert found.glosses[-2:] == (-1, -1)
  words = [
      [processor.id_to_piece(id - 1) for id, place in zip(*found, strict=True) if place == number]
      for number in range(3)
  ]
  assert ["".join(word) for word in words] == ["▁nordsonne", "▁regen", "▁nord"]
  assert len(words[0]) > 1  # else nothing was shown


def test_codes_of_languages_follow_the_pieces(path):
  tokens = MBartTokens(path, "zh_CN", False)
  assert tokens.of(("REGEN",)).ids[-1] == tokens.pieces + 25
  assert len(tokens) == tokens.pieces + 27  # 250027 of 250000 pieces
  assert len(set(LANGUAGES)) == 25


def test_what_a_vocabulary_lacks_is_unknown(path):
  tokens = MBartTokens(path, "zh_CN", False)
  found = tokens.of(("雨", "\u3000", ""))
  assert set(found.ids[: found.end]) >= {3}
  assert set(found.glosses) == {0, 1, 2, -1}  # no gloss is without a token
  lower, upper = MBartTokens(path, "zh_CN", True).of(("REGEN",)), tokens.of(("REGEN",))
  assert lower == tokens.of(("regen",)) != upper


def test_own_glosses_are_tokens():
  tokens = GlossTokens([("B", "A"), ("C", "B")])
  assert tokens.of(("C", "A", "D")) == ((6, 4, 3, 2, 7), (0, 1, 2, -1, -1))
  assert (tokens.mask, len(tokens)) == (8, 9)


@pytest.mark.parametrize(("damage", "message"), [
    (lambda x: b"", "is empty and is no vocabulary"),
    (lambda x: x[: len(x) // 2], "is no SentencePiece vocabulary"),
    (lambda x: b"\x80\x04K\x01.", "is no SentencePiece vocabulary"),
    (lambda x: b"a b c\n" * 20, "is no SentencePiece vocabulary"),
    (lambda x: bytes((64 << 20) + 1), "has more than 64 MiB"),
])
def test_another_file_is_one_sentence(path, content, damage, message):
  path.write_bytes(damage(content))
  with pytest.raises(UserError, match=message):
    MBartTokens(path, "de_DE", True)


def test_no_file_and_no_language(path):
  with pytest.raises(UserError, match="pass it by --config.text.vocabulary"):
    MBartTokens("", "de_DE", True)
  with pytest.raises(UserError, match="there is no file"):
    MBartTokens(path.with_name("other"), "de_DE", True)
  with pytest.raises(UserError, match="did you mean 'de_DE'"):
    MBartTokens(path, "de_De", True)


def test_without_the_library(path, monkeypatch):
  there = builtins.__import__

  def missing(name, *args, **kwargs):
    if name == "sentencepiece":
      raise ImportError(name)
    return there(name, *args, **kwargs)

  monkeypatch.setattr(builtins, "__import__", missing)
  with pytest.raises(UserError, match="needs sentencepiece, install it with"):
    MBartTokens(path, "de_DE", True)
