"""The classes of continuous recognition: 0 is CTC's blank, then the training split's glosses."""

from collections.abc import Iterable, Sequence

from sign_jax.errors import UserError, printable

BLANK = 0


class GlossVocabulary:
  """Glosses and their numbers.

  Attributes:
    glosses: in the order of their numbers, from 1 on.
  """

  def __init__(self, glosses: Sequence[str]) -> None:
    """A vocabulary of distinct glosses."""
    self.glosses = tuple(glosses)
    self._numbers = {gloss: number for number, gloss in enumerate(self.glosses, BLANK + 1)}
    if len(self._numbers) < len(self.glosses):
      raise ValueError("a gloss stands twice in a vocabulary")

  @classmethod
  def of_sentences(cls, sentences: Iterable[Sequence[str]]) -> "GlossVocabulary":
    """The glosses that occur, sorted."""
    return cls(sorted({gloss for sentence in sentences for gloss in sentence}))

  def __len__(self) -> int:
    """The number of classes, the blank among them."""
    return BLANK + 1 + len(self.glosses)

  def encode(self, sentence: Sequence[str]) -> list[int]:
    """The numbers of a training sentence's glosses.

    Raises:
      UserError: a gloss is not there.
    """
    unknown = [gloss for gloss in sentence if gloss not in self._numbers]
    if unknown:
      raise UserError(
          f"the gloss {printable(unknown[0])!r} is not one of the {len(self.glosses)} that this "
          "model knows: use the vocabulary of its training data"
      )
    return [self._numbers[gloss] for gloss in sentence]

  def numbers(self, sentence: Sequence[str]) -> list[int]:
    """The same of any sentence: [] where a gloss is not there."""
    found = [self._numbers.get(gloss) for gloss in sentence]
    return [] if None in found else found

  def decode(self, numbers: Iterable[int]) -> list[str]:
    """The glosses of a row of numbers; blanks, and so what lies behind the end, are left out."""
    return [self.glosses[number - BLANK - 1] for number in numbers if number != BLANK]
