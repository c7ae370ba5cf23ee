"""What a user reads of an evaluation of retrieval."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32

COLUMNS = ("R@1", "R@5", "R@10", "MedR", "MnR")
DIRECTIONS = (("t2v", "text to video"), ("v2t", "video to text"))


def table(
    results: dict[str, float], title: str, data: Any, split: str, protocol: str = "sentence",
    parts: Sequence[str] = ("",),
) -> str:
  """The two directions as a text table.

  Args:
    results: {"SPLIT/t2v/R@1": percent, ...}.
    title: of the table.
    data: `data.source.RetrievalSplit`, whose origin and sizes are told.
    split: its name.
    protocol: "sentence", or "pair" where each video has a sentence of its own.
    parts: names of scorers, whose numbers are told too; "" are all together.
  """
  if origin := getattr(data, "origin", ""):
    title += f" ({origin})"
  if protocol == "pair":
    title += f": {data.num_videos} pairs, each video with a sentence of its own"
  else:
    title += f": {data.num_sentences} sentences, {data.num_videos} videos"
  if left_out := getattr(data, "left_out", {}):
    title += f" ({len(left_out)} without usable hands are left out)"
  lines = [title, f"{'':14}" + "".join(f"{c:>8}" for c in COLUMNS)]
  for part in parts:
    lines += [part] if part else []
    for key, label in DIRECTIONS:
      place = "/".join(filter(None, (split, part, key)))
      values = (results[f"{place}/{column}"] for column in COLUMNS)
      lines.append(f"{label:14}" + "".join(f"{v:8.1f}" for v in values))
  return "\n".join(lines)


def first_bad(scores: Float32[np.ndarray, "V S"], split: Any) -> str:
  """Of which video or sentence scores (videos, sentences) are not finite."""
  bad = ~np.isfinite(scores)
  videos, sentences = np.flatnonzero(bad.all(1)), np.flatnonzero(bad.all(0))
  if len(videos) == len(scores):
    return "all of them"
  if len(videos):
    return f"those of {len(videos)} videos, the first {split.video_ids[videos[0]]!r}"
  if len(sentences):
    return f"those of {len(sentences)} sentences, the first {split.sentence_ids[sentences[0]]!r}"
  video, sentence = np.argwhere(bad)[0]
  return (
      f"the first of video {split.video_ids[video]!r} with sentence "
      f"{split.sentence_ids[sentence]!r}"
  )
