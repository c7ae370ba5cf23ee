"""The sentences of a corpus: repeated ones, how far they let R@1 go, and shared ones."""

import collections

from data_builders.checks.report import NOTE, WARNING, Item, counted
from sign_jax.data.splits import SPLITS
from sign_jax.data.tokenizer import clean

RECALL_AT = (1, 5, 10)


def ceilings(clips):
  """The highest R@k that any model can reach in expectation, because sentences repeat.

  The text tower sees a text and not which sentence it belongs to, so c sentences with one text
  have the same scores.

  - Text to video: a sentence ranks the groups of videos of all sentences, a group's score being
    the maximum over its videos, however many these are. The c sentences give the same order of
    groups, and in one order at most k groups stand among the first k. So at most min(c, k) of the
    c sentences find their own group; where groups tie, the probabilities of the c sentences add up
    to at most that. Over all S sentences: R@k = sum over texts of min(c, k) / S, for k = 1 the
    number of different texts over the number of sentences. A model that puts the c groups first,
    in any order, reaches it.
  - Video to text: a video ranks all sentences, and the c sentences with its own text tie. A random
    order of the tied places (`ties="expected"` in `sign_jax.metrics.retrieval`) puts the right one
    among the first k with probability min(1, k / c), where no other sentence scores higher. Over
    all V videos: R@k = sum over texts of n min(1, k / c) / V, with n the number of videos of the c
    sentences together; a model that puts a video's own text first reaches it.

  `ties="released"` breaks ties by the order of a sort, and may by luck come out above.
  Texts are one when the tokenizer reads them as one (`tokenizer.clean`).

  Args:
    clips: not empty list of `Clip`; all of a sentence have its text.

  Returns:
    {"t2v/R@1", "t2v/R@5", "t2v/R@10", "v2t/R@1", ...}: percent.
  """
  videos = [sum(counts.values()) for counts in by_text(clips).values()]
  sentences = [len(counts) for counts in by_text(clips).values()]
  found = {}
  for k in RECALL_AT:
    found[f"t2v/R@{k}"] = 100 * sum(min(c, k) for c in sentences) / sum(sentences)
  for k in RECALL_AT:
    expected = sum(n * min(1, k / c) for n, c in zip(videos, sentences, strict=True))
    found[f"v2t/R@{k}"] = 100 * expected / sum(videos)
  return found


def by_text(clips):
  """{text as the tokenizer reads it: Counter of {sentence_id: number of videos}}."""
  texts = collections.defaultdict(collections.Counter)
  for clip in clips:
    texts[clean(clip.text)][clip.sentence_id] += 1
  return texts


def check(report, splits, published):
  """Adds what is found in {split: clips}; `published` is {split: (videos, sentences)} or less."""
  texts = {split: by_text(clips) for split, clips in splits.items()}
  for split, clips in splits.items():
    highest = report.ceilings[split] = ceilings(clips)
    expected = published.get(split, (None, None))
    report.splits[split] = {
      "videos": len(clips),
      "sentences": len({clip.sentence_id for clip in clips}),
      "published": " / ".join("?" if number is None else str(number) for number in expected),
      "different texts": len(texts[split]),
      "t2v R@1 at most": highest["t2v/R@1"],
      "v2t R@1 at most": highest["v2t/R@1"],
    }
    _untranslated(report, split, clips)
    _repeated(report, split, texts[split])
  _shared(report, texts)


def _untranslated(report, split, clips):
  lacking = [clip for clip in clips if not clip.translation]
  if 0 < len(lacking) < len(clips):
    report.add(
      WARNING,
      f"{split}: no translation for {len(lacking)} of {len(clips)} videos, so that the original "
      "sentence is read among translated ones",
      [Item(clip.video_id) for clip in lacking],
    )


def _repeated(report, split, texts):
  repeated = {text: counts for text, counts in texts.items() if len(counts) > 1}
  if not repeated:
    return
  sentences = sum(map(len, repeated.values()))
  total = sum(map(len, texts.values()))
  items = [
    Item(repr(text[:60]), _size(counts))
    for text, counts in sorted(repeated.items(), key=lambda item: -len(item[1]))
  ]
  report.add(
    NOTE,
    f"{split}: {sentences} of {total} sentences have the text of another, and no model can tell "
    "them apart: R@1 stays below 100 % as the table says",
    items,
  )


def _shared(report, texts):
  for at, split in enumerate(SPLITS):
    for other in SPLITS[at + 1 :]:
      first, second = texts.get(split, {}), texts.get(other, {})
      ids = _ids(first) & _ids(second)
      if ids:
        report.add(
          WARNING,
          f"{counted(len(ids), 'sentence')} of {other}, by id, in {split} too: results say less of "
          "new sentences",
          [Item(name) for name in sorted(ids)],
        )
      same = first.keys() & second.keys()
      count, total = sum(len(second[text]) for text in same), sum(map(len, second.values()))
      if count and not ids:
        report.add(
          NOTE,
          f"{count} of {total} sentences of {other} have a text that is in {split} too",
          [Item(repr(text[:60])) for text in sorted(same)],
        )


def _size(counts):
  return f"{counted(len(counts), 'sentence')}, {counted(sum(counts.values()), 'video')}"


def _ids(texts):
  return {sentence for counts in texts.values() for sentence in counts}
