"""The glosses of a corpus: how many there are, which are new in a split, and which do not fit."""

import collections
import itertools

from data_builders.checks.report import NOTE, WARNING, Item, counted

STRIDE = 4  # frames of a step of continuous recognition


def check(report, splits):
  """Adds what is found in {split: clips}, where a clip has glosses."""
  words = {split: [clip.glosses.split() for clip in clips] for split, clips in splits.items()}
  if not any(map(any, words.values())):
    return
  counts = {split: collections.Counter(itertools.chain(*x)) for split, x in words.items()}
  known = counts.get("train")
  for split, sentences in words.items():
    new = {} if known is None else {x: n for x, n in counts[split].items() if x not in known}
    report.tables.setdefault("glosses", {})[split] = {
        "signed": counts[split].total(),
        "different": len(counts[split]),
        "not in train": "?" if known is None else len(new),
        "videos with equal neighbours": sum(needed(x) > len(x) for x in sentences),
    }
    if new:
      report.add(
          NOTE, f"{split}: {len(new)} of {len(counts[split])} glosses do not occur in train, and "
          f"are signed {counted(sum(new.values()), 'time')}: each time counts as an error",
          [Item(gloss, counted(count, "time")) for gloss, count in sorted(new.items())],
      )  # fmt: skip
    empty = [clip for clip, x in zip(splits[split], sentences, strict=True) if not x]
    if empty:
      report.add(
          WARNING, f"{split}: {counted(len(empty), 'video')} without glosses, which the config "
          "continuous cannot hold", [Item(clip.video_id) for clip in empty],
      )  # fmt: skip


def needed(glosses):
  """Steps that CTC needs at least for a list of glosses: a blank stands between equal ones."""
  return len(glosses) + sum(a == b for a, b in itertools.pairwise(glosses))


def lacking(clip, num_frames):
  """Why nothing can be learnt from a clip of so many frames; "" where all is well."""
  glosses, steps = clip.glosses.split(), num_frames // STRIDE
  if not num_frames or not glosses or steps >= needed(glosses):
    return ""
  return (
      f"{counted(num_frames, 'frame')} make {counted(steps, 'step')}, and {len(glosses)} glosses "
      f"need {needed(glosses)}"
  )
