"""Text augmentation of EDA (Wei and Zou 2019), of which CiCo and UPRet use the random swap.

EDA applies one operation to a copy of a text, to a share of its words. Here the operations follow
one another, each with a probability of its own: swap, synonyms, deletion.
"""

import re
from typing import NamedTuple

from sign_jax.data.tokenizer import clean

_WORD = re.compile(r"(\W*)(.*?)(\W*)", re.DOTALL)  # with the punctuation around it


def random_swap(text, rng, probability=0.5):
  """`text` with two of its words exchanged, or as it is.

  Args:
    text: str; its words are what white space separates.
    rng: np.random.Generator.
    probability: of a swap. A text of fewer than two words never changes.

  Returns:
    str; swapped words are joined by single blanks.
  """
  words = text.split()
  if len(words) < 2 or rng.random() >= probability:
    return text
  first, second = rng.choice(len(words), size=2, replace=False)
  words[first], words[second] = words[second], words[first]
  return " ".join(words)


def synonym_replacement(text, rng, probability, synonyms):
  """`text` with words replaced by synonyms, joined by single blanks.

  Args:
    text, rng: as for `random_swap`.
    probability: of each word that has synonyms.
    synonyms: {lower-case word: list of the groups, tuples of words, that it belongs to}; one of
      the other words of one of the groups is drawn. Punctuation around a word stays.
  """
  words = text.split()
  for place, chance in enumerate(rng.random(len(words))):
    before, word, after = _WORD.fullmatch(words[place]).groups()
    groups = synonyms.get(word.lower()) if chance < probability else None
    if groups:
      others = [w for w in groups[rng.integers(len(groups))] if w != word.lower()]
      words[place] = before + others[rng.integers(len(others))] + after
  return " ".join(words)


def random_deletion(text, rng, probability):
  """`text` without the words that are drawn, each with `probability`; one word always stays."""
  words = text.split()
  kept = [word for word, chance in zip(words, rng.random(len(words)), strict=True)
          if chance >= probability]
  if words and not kept:
    kept = [words[rng.integers(len(words))]]
  return " ".join(kept)


class Augmentation(NamedTuple):
  """All operations in turn; the defaults are the released augmentation.

  Attributes:
    swap_probability: of a swap of two words of a caption.
    synonym_probability: of the replacement of a word that has synonyms.
    deletion_probability: of the deletion of a word.
    synonyms: see `synonym_replacement`.
  """

  swap_probability: float = 0.5
  synonym_probability: float = 0.0
  deletion_probability: float = 0.0
  synonyms: dict | None = None

  def __call__(self, text, rng):
    """The augmented text, never one without tokens; the same object when nothing was drawn."""
    changed = random_swap(text, rng, self.swap_probability)
    if self.synonym_probability:
      changed = synonym_replacement(changed, rng, self.synonym_probability, self.synonyms or {})
    if self.deletion_probability:
      changed = random_deletion(changed, rng, self.deletion_probability)
    # What is left may be an entity that stands for a blank.
    return changed if changed is text or clean(changed) else text
