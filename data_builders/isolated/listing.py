"""The clips of a corpus of isolated signs as a table: of clips, and of labels."""

import math

from data_builders.isolated import presence
from data_builders.isolated.signs import WHOLE
from data_builders.isolated.videos import Videos
from sign_jax.data import clip_table
from sign_jax.data import splits as split_names
from sign_jax.video.boxes import Box

COLUMNS = (*clip_table.COLUMNS, "label", "gloss")


def table(splits, root, findings):
  """The rows of a table.

  Args:
    splits: {split: [`SignClip`]}.
    root: pathlib.Path of the manual_dir.
    findings: `Findings`; clips whose video is damaged are damaged too.

  Returns:
    ([(`clip_table.Row`, `SignClip`)], `Presence`). Of a video that is missing, the times are those
    of the annotations, if these say a rate; its box is left out if they do not say a size.
  """
  videos = Videos(root)
  found, rows = presence.find(splits, videos, findings), []
  for split, clips in splits.items():
    for clip in clips:
      with findings.guard(split, clip.video_id):
        rows.append((_row(clip, split, found.places.get(clip.video_id), videos), clip))
  return rows, found


def write(path, rows):
  """Writes what `table` gives; whoever reads tables of clips, or of labels, reads this one."""
  lines = [(*clip_table.values(row), clip.label, clip.gloss) for row, clip in rows]
  clip_table.write_boxed(path, COLUMNS, lines, [row.box for row, _ in rows])


def _row(clip, split, location, videos):
  if location:
    extract = videos.read(clip, location)
    start, end = _seconds(extract.first, extract.end, extract.fps)
    if extract.end == extract.count and extract.fps:
      end = extract.count / extract.fps
    video, box = location.video, _box(extract.box, extract.size)
  else:
    start, end = _seconds(clip.first_frame, clip.end_frame, clip.fps)
    video, box = clip.video, _box(clip.box, clip.size)
  return clip_table.Row(
    line=0,
    video=video,
    name=f"{split_names.NAMES[split][0]}/{clip.video_id}",
    start=start,
    end=end,
    sentence=clip.gloss or f"class {clip.label}",
    split=split,
    signer=clip.signer,
    box=box,
  )


def _seconds(first, end, fps):
  """Times of frames first <= i < end, half a frame early, so that rounding moves no frame."""
  if not fps or not end:
    return 0.0, math.inf
  return max(first - 0.5, 0.0) / fps, (end - 0.5) / fps


def _box(shares, size):
  if shares == WHOLE or not all(size):
    return None
  left, top, right, bottom = (round(x * n) for x, n in zip(shares, size * 2, strict=True))
  return Box(left, top, max(right - left, 1), max(bottom - top, 1))
