"""What a user reads of an evaluation of continuous recognition."""

from collections.abc import Mapping, Sequence
from typing import Any

from sign_jax.metrics import word_error

_ERRORS = (
    ("wer", "WER"), ("substitutions", "substitutions"), ("deletions", "deletions"),
    ("insertions", "insertions"),
)
_OTHERS = (
    ("segments", "overlap of segments with the signs"), ("equal_cuts", "the same of equal cuts"),
    ("align_positives", "share of the right glosses in the softmax of a sentence's"),
    ("align_positives_chance", "the same of a uniform one"),
    ("align_sentence_R@1", "videos that find their own sentence among those of the split"),
    ("align_sentence_chance", "the same by chance"),
    ("align_entropy", "entropy of the sentences' channels, of the most there can be"),
)
_ODD = (
    ("empty", "references without a gloss"), ("unknown", "words that training has not seen"),
    ("infeasible", "videos with fewer steps than glosses"),
)


def table(results: Mapping[str, float], split: str, facts: Mapping[str, Any]) -> str:
  """The error rates of a split in percent, and what is odd about it.

  Args:
    results: {"SPLIT/wer": percent, ...}.
    split: its name.
    facts: of the task, see `continuous.Continuous.facts`.
  """
  words, videos = facts[f"{split}/words"], facts[f"{split}/videos"]
  title = f"{facts['data']}, {split}: {videos} videos, {words} glosses; {facts['decode']}"
  if f"{split}/wer" not in results:
    return title
  cells = [(f"{results[f'{split}/{key}']:.1f}", name) for key, name in _ERRORS]
  widths = [max(map(len, cell)) + 2 for cell in cells]
  row = lambda texts: "".join(
      f"{text:>{width}}" for text, width in zip(texts, widths, strict=True)
  )
  lines = [title, row(name for _, name in cells), row(number for number, _ in cells)]
  lines += [
      f"  {name}: {results[f'{split}/{key}']:.1f}" for key, name in _OTHERS
      if f"{split}/{key}" in results
  ]
  lines += [f"  {name}: {count}" for key, name in _ODD if (count := facts[f"{split}/{key}"])]
  return "\n".join(lines)


def alignments(pairs: Sequence[Sequence[word_error.Pair]], names: Sequence[str]) -> str:
  """All sentences, reference above hypothesis, with their errors.

  Args:
    pairs: `metrics.word_error.align` of each.
    names: what each is called.
  """
  parts = []
  for one, name in zip(pairs, names, strict=True):
    counts = word_error.count(one)
    parts.append(
        f"{name}\nScores: (#C #S #D #I) {counts.words - counts.substitutions - counts.deletions} "
        f"{counts.substitutions} {counts.deletions} {counts.insertions}\n{word_error.lines(one)}\n"
    )
  return "\n".join(parts)
