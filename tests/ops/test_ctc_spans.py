import itertools

import numpy as np

from sign_jax.ops import ctc, ctc_spans
from tests.reference.ctc_decode import log_softmax

STEPS, CLASSES = 5, 3


def likeliest(scores, glosses):
  """[(first, last)] by trying all paths; None where none says the glosses."""
  best = -np.inf, None
  for path in itertools.product(range(CLASSES), repeat=len(scores)):
    runs = [(gloss, list(part)) for gloss, part in
            itertools.groupby(range(len(path)), key=path.__getitem__) if gloss]
    if [gloss for gloss, _ in runs] == glosses:
      total = scores[np.arange(len(path)), list(path)].sum()
      best = max(best, (total, [(part[0], part[-1]) for _, part in runs]))
  return best[1]


def test_spans_are_those_of_the_best_of_all_paths():
  draw = np.random.default_rng(0)
  scores = draw.standard_normal((40, STEPS, CLASSES)).astype(np.float32)
  steps, counts = draw.integers(1, STEPS + 1, 40), draw.integers(0, 4, 40)
  glosses = draw.integers(1, CLASSES, (40, 3)) * (np.arange(3)[None] < counts[:, None])
  found = np.asarray(ctc_spans.gloss_spans(scores, steps, glosses))
  kinds = set()
  for n, (row, count) in enumerate(zip(log_softmax(scores), counts, strict=True)):
    best = likeliest(row[: steps[n]], list(glosses[n, :count]))
    kinds.add(best is None)
    assert bool(ctc.feasible(steps[n : n + 1], glosses[n : n + 1])[0]) == (best is not None)
    expected = [[-1, -1]] * 3 if best is None else [*best, *[(-1, -1)] * (3 - count)]
    np.testing.assert_array_equal(found[n], expected)
  assert kinds == {True, False}


def test_paths_over_several_blocks(monkeypatch):
  draw = np.random.default_rng(2)
  scores, glosses = draw.standard_normal((12, 7, CLASSES)).astype(np.float32), np.array([[2, 1, 1]])
  glosses, steps = np.repeat(glosses, 12, 0), np.array([4, 5, 6, 7] * 3)
  whole = np.asarray(ctc_spans.gloss_spans(scores, steps, glosses))
  monkeypatch.setattr(ctc_spans, "_BLOCK", 2)  # of a batch of another size, so compiled anew
  found = np.asarray(ctc_spans.gloss_spans(scores[1:], steps[1:], glosses[1:]))
  np.testing.assert_array_equal(found, whole[1:])
  for row, count, spans in zip(log_softmax(scores)[1:], steps[1:], found, strict=True):
    assert spans.tolist() == [list(x) for x in likeliest(row[:count], [2, 1, 1])]


def test_padding_is_not_read():
  draw = np.random.default_rng(1)
  scores, glosses = draw.standard_normal((1, 6, 4)).astype(np.float32), np.array([[2, 1]])
  wild = np.array(scores)
  wild[:, 4:] = np.nan
  np.testing.assert_array_equal(
      ctc_spans.gloss_spans(wild, np.array([4]), glosses),
      ctc_spans.gloss_spans(scores[:, :4], np.array([4]), glosses),
  )
