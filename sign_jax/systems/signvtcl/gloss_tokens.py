"""Glosses as tokens of a text encoder, each of which knows the gloss that it belongs to.

Tokens are those of mBART: 0 `<s>`, 1 padding, 2 the end of a sentence, 3 what is unknown; then
pieces of words, the codes of languages and a mask. A sentence is the tokens of its glosses, the
end, and the code of its language.
"""

import functools
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sign_jax.errors import UserError, did_you_mean, first_line
from sign_jax.files import existing_file
from sign_jax.modules.mbart import PAD

END, UNKNOWN = 2, 3
SPECIAL = (0, PAD, END, UNKNOWN)
# In the order of their tokens (Liu et al. 2020, "cc25").
LANGUAGES = (
    "ar_AR", "cs_CZ", "de_DE", "en_XX", "es_XX", "et_EE", "fi_FI", "fr_XX", "gu_IN", "hi_IN",
    "it_IT", "ja_XX", "kk_KZ", "ko_KR", "lt_LT", "lv_LV", "my_MM", "ne_NP", "nl_XX", "ro_RO",
    "ru_RU", "si_LK", "tr_TR", "vi_VN", "zh_CN",
)
OPTION = "--config.text.vocabulary"
_MOST_BYTES = 64 << 20  # of a vocabulary; mBART's has 5 MB
_REMEDY = "pass the file sentencepiece.bpe.model that lies beside mBART's weights"


class Tokens(NamedTuple):
  """A sentence.

  Attributes:
    ids: of its tokens.
    glosses: as many, the place of the gloss that a token belongs to; -1 for none.
  """

  ids: tuple[int, ...]
  glosses: tuple[int, ...]

  @property
  def end(self) -> int:
    """The place of the token that ends the sentence."""
    return len(self.ids) - 2


def _joined(pieces: Iterable[Sequence[int]], language: int) -> Tokens:
  """Of the tokens of each gloss."""
  ids, places = [], []
  for place, piece in enumerate(pieces):
    ids += piece
    places += [place] * len(piece)
  return Tokens((*ids, END, language), (*places, -1, -1))


class GlossTokens:
  """One token a gloss: the vocabulary of a data set's own glosses.

  Attributes:
    glosses: sorted; the first has token 4.
    mask: the token that hides another one, the last.
  """

  def __init__(self, sentences: Iterable[Sequence[str]]) -> None:
    """The glosses of some sentences."""
    self.glosses = tuple(sorted({gloss for sentence in sentences for gloss in sentence}))
    self._ids = {gloss: number for number, gloss in enumerate(self.glosses, len(SPECIAL))}
    self._language = len(SPECIAL) + len(self.glosses)
    self.mask = self._language + 1

  def __len__(self) -> int:
    """The number of tokens there are."""
    return self.mask + 1

  def of(self, sentence: Sequence[str]) -> Tokens:
    """A sentence's tokens; glosses of other sentences are unknown."""
    return _joined(([self._ids.get(gloss, UNKNOWN)] for gloss in sentence), self._language)


class MBartTokens:
  """The tokens of mBART (cc25), by its SentencePiece vocabulary.

  Each gloss is read apart, as a word behind a blank is, so that every token is of one gloss.
  """

  def __init__(self, path: str | pathlib.Path, language: str, lower_case: bool) -> None:
    """Reads a vocabulary.

    Args:
      path: of the SentencePiece model.
      language: of `LANGUAGES`.
      lower_case: whether glosses are read in lower case.

    Raises:
      UserError: no such language, no such file, one that is no vocabulary; there is no
        `sentencepiece` to read it with.
    """
    if language not in LANGUAGES:
      raise UserError(
          f"--config.text.language={language} is not one that mBART knows"
          f"{did_you_mean(language, LANGUAGES)}: choose one of {', '.join(LANGUAGES)}"
      )
    self._content, self._lower_case = _read(path), lower_case
    self._path = path
    self._language = self.pieces + 1 + LANGUAGES.index(language)

  @property
  def pieces(self) -> int:
    """The number of pieces of words in the vocabulary."""
    return self._processor.get_piece_size()

  def __len__(self) -> int:
    """The number of tokens: one is put in before the pieces, behind them are codes and a mask."""
    return 1 + self.pieces + len(LANGUAGES) + 1

  def of(self, sentence: Sequence[str]) -> Tokens:
    """A sentence's tokens; a gloss of which nothing is left is one unknown token."""
    return _joined(map(self._of_gloss, sentence), self._language)

  def _of_gloss(self, gloss):
    text, unknown = gloss.lower() if self._lower_case else gloss, self._processor.unk_id()
    pieces = self._processor.encode(text)
    return [UNKNOWN if piece == unknown else piece + 1 for piece in pieces] or [UNKNOWN]

  @functools.cached_property
  def _processor(self) -> Any:
    library = _library()
    try:
      return library.SentencePieceProcessor(model_proto=self._content)
    except (RuntimeError, ValueError, TypeError, OSError) as error:
      raise UserError(
          f"{OPTION}: {self._path} is no SentencePiece vocabulary ({first_line(error)}), {_REMEDY}"
      ) from error


def _library():
  try:
    import sentencepiece
  except ImportError as error:
    raise UserError(
        "reading mBART's vocabulary needs sentencepiece, install it with "
        "`pip install 'sentencepiece>=0.2'`"
    ) from error
  return sentencepiece


def _read(path):
  if not path:
    raise UserError(f"mBART reads words by its vocabulary: pass it by {OPTION}")
  with existing_file(path, OPTION, _REMEDY).open("rb") as file:
    content = file.read(_MOST_BYTES + 1)
  if not 0 < len(content) <= _MOST_BYTES:
    fault = "is empty" if not content else f"has more than {_MOST_BYTES >> 20} MiB"
    raise UserError(f"{OPTION}: {path} {fault} and is no vocabulary, {_REMEDY}")
  return content
