"""Texts beside the videos that are measured, and how far both agree."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Int, Shaped

from sign_jax.metrics import text_agreement
from sign_jax.protocols import Batch, Words


class Texts:
  """Glosses and features of the texts of the videos of some indices; may be pickled.

  Attributes:
    glosses: (V, N) int32 numbers, 0 behind the end.
    known: (V,) bool, which videos have a text: one of whose glosses none is new, and not too long.
  """

  def __init__(
      self, targets: Callable[[Int[np.ndarray, " B"]], Batch], found: Sequence[Sequence[str]],
      words: Words,
  ) -> None:
    """
    Args:
      targets: gives the glosses, as `sentences.Targets` without words.
      found: the glosses of every video.
      words: features of sentences.
    """
    self.glosses = targets(np.arange(len(found)))["glosses"]
    self.known = self.glosses.any(1) & np.array([sentence in words for sentence in found], bool)
    self._targets, self._words = targets, words
    # A batch has a text in each row: videos without one get that of another, and are not counted.
    other = found[int(self.known.argmax())]
    pairs = zip(found, self.known, strict=True)
    self._sentences = [sentence if known else other for sentence, known in pairs]

  def __call__(self, chosen: Int[np.ndarray, " B"]) -> Batch:
    """As `sentences.Targets` with words."""
    rows = self._words.rows([self._sentences[index] for index in chosen])
    return {**self._targets(chosen), **rows}


def numbers(
    found: Mapping[str, Shaped[np.ndarray, "V ..."]], texts: Texts,
    references: Sequence[Sequence[str]],
) -> dict[str, float]:
  """Of all videos that have a text, in percent.

  Args:
    found: of each video, what `protocols.GlossRecognizer.agreement` gives, and "segments", the
      steps of its glosses, -1 where there is no path.
    texts: that the model was given.
    references: the glosses of every video.

  Returns:
    Those of `metrics.text_agreement` of what `found` has, and "align_entropy": the mean.
  """
  known, made = texts.known, {}
  if "positives" in found:
    has_path = known & (found["segments"] >= 0).any((1, 2))
    made |= text_agreement.of_glosses(found["positives"], texts.glosses, has_path)
  if "video" in found:
    own = [sentence for sentence, counts in zip(references, known, strict=True) if counts]
    made |= text_agreement.of_sentences(found["video"][known], found["text"][known], own)
  if "entropy" in found and known.any():
    made["align_entropy"] = 100 * float(found["entropy"][known].mean())
  return made
