"""The classes of a corpus of isolated signs, of which a subset takes the first ones."""

import numbers

from data_builders.corpus.clips import shown
from sign_jax.errors import UserError


class Vocabulary:
  """The classes of a subset.

  Attributes:
    count: how many the subset has: those with labels below that.
    total: how many the annotations have, of this subset and of larger ones.
    names: list of `count` str by label, None where classes have no names.
  """

  def __init__(self, count, total, glosses=None):
    """`glosses` are the names of all `total` classes, or None."""
    self.count, self.total = count, total
    self.names = glosses and list(glosses[:count])
    self._labels = {gloss: label for label, gloss in enumerate(glosses or ())}

  def is_beyond(self, value):
    """Whether a label or a gloss is one of the larger subsets alone."""
    label = self._index(value)
    return label is not None and self.count <= label < self.total

  def label(self, value, where):
    """The label that annotations give as a whole number or as a gloss.

    Args:
      value: of any type.
      where: what the error names.

    Raises:
      UserError: it is none of the subset's.
    """
    label = self._index(value)
    if isinstance(value, str) and label is None:
      raise UserError(f"{where}: the gloss {shown(value)} is in no vocabulary, correct it")
    if label is None or not 0 <= label < self.count:
      said = f"of type {type(value).__name__}" if label is None else label
      raise UserError(
        f"{where}: the label {said} is none of the {self.count} classes, which count from 0, "
        "correct it"
      )
    return label

  def gloss(self, label):
    """The name of a class, "" where it has none."""
    return self.names[label] if self.names else ""

  def _index(self, value):
    if isinstance(value, str):
      return self._labels.get(value.strip())
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return int(value) if is_whole else None


def check_glosses(glosses, least, where):
  """Checks the names of classes: at least so many, texts, none empty, each once.

  Raises:
    UserError: names the first that is not.
  """
  if len(glosses) < least:
    raise UserError(f"{where} names {len(glosses)} classes, and {least} are needed, get it anew")
  seen = set()
  for label, gloss in enumerate(glosses):
    if not isinstance(gloss, str) or not gloss.strip() or not gloss.isprintable():
      raise UserError(f"{where}: the class {label} has no name but {shown(gloss)}, correct it")
    if gloss in seen:
      raise UserError(f"{where}: the gloss {shown(gloss)} is there twice, remove one")
    seen.add(gloss)
