"""CTC's beam search in plain Python, one example at a time; scores are float64 arrays (T, V)."""

import itertools

import numpy as np

NEVER = -np.inf


def log_softmax(scores):
  scores = scores - scores.max(-1, keepdims=True)
  return scores - np.log(np.exp(scores).sum(-1, keepdims=True))


def standard(scores, width):
  """(glosses, log-probability) of the best prefix; a dict of prefixes keeps who came first."""
  beam = {(): (0.0, NEVER)}
  for row in log_softmax(np.asarray(scores, np.float64)):
    found = {}

    def add(prefix, blank, label, found=found):
      before = found.get(prefix, (NEVER, NEVER))
      found[prefix] = np.logaddexp(before[0], blank), np.logaddexp(before[1], label)

    for prefix, (blank, label) in beam.items():
      total = np.logaddexp(blank, label)
      add(prefix, total + row[0], label + row[prefix[-1]] if prefix else NEVER)
      for gloss in range(1, len(row)):
        is_equal = prefix[-1:] == (gloss,)
        add((*prefix, gloss), NEVER, (blank if is_equal else total) + row[gloss])
    ranked = sorted(found.items(), key=lambda item: -np.logaddexp(*item[1]))
    beam = dict(ranked[:width])
  best = max(beam.items(), key=lambda item: np.logaddexp(*item[1]))
  return list(best[0]), np.logaddexp(*best[1])


def tensorflow(scores, width):
  """The same as TensorFlow searches: prefixes in turn, candidates one after the other."""
  beam = {(): (0.0, NEVER)}
  for row in log_softmax(np.asarray(scores, np.float64)):
    def extension(prefix, gloss, beam=beam, row=row):
      blank, label = beam[prefix]
      from_ = blank if prefix[-1:] == (gloss,) else np.logaddexp(blank, label)
      return from_ + row[gloss]

    kept = {}
    for prefix, (blank, label) in beam.items():
      again = NEVER
      if prefix:
        again = label + row[prefix[-1]]
        if prefix[:-1] in beam:
          again = np.logaddexp(again, extension(prefix[:-1], prefix[-1]))
      kept[prefix] = np.logaddexp(blank, label) + row[0], again
    skipped = set()
    for prefix, gloss in itertools.product(beam, range(1, len(row))):
      offered = (*prefix, gloss)
      if prefix in skipped or offered in kept:
        continue
      score = extension(prefix, gloss)
      if offered in beam:  # it has left
        skipped.add(offered)
      worst = min(reversed(kept), key=lambda name: np.logaddexp(*kept[name]))
      if len(kept) >= width and score <= np.logaddexp(*kept[worst]):
        continue
      if len(kept) >= width:
        del kept[worst]
      kept[offered] = NEVER, score
    beam = dict(sorted(kept.items(), key=lambda item: -np.logaddexp(*item[1])))
  best = next(iter(beam.items()))
  return list(best[0]), np.logaddexp(*best[1])


def best_path(scores):
  """(glosses, log-probability) of the likeliest path."""
  scores = log_softmax(np.asarray(scores, np.float64))
  runs = [gloss for gloss, _ in itertools.groupby(scores.argmax(1))]
  return [gloss for gloss in runs if gloss], scores.max(1).sum()
