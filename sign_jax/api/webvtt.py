"""Subtitles in the format WebVTT."""

from collections.abc import Iterable

_REPLACED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def text(cues: Iterable[tuple[float, float, str]]) -> str:
  """A whole file.

  Args:
    cues: (begin, end, text) of each, in seconds; markup in texts is shown and not obeyed.
  """
  blocks = ["WEBVTT"]
  for begin, end, content in cues:
    first = max(round(1000 * begin), 0)  # some videos begin before their first frame is shown
    last = max(round(1000 * end), first + 1)  # a cue without length is none
    blocks.append(f"{_time(first)} --> {_time(last)}\n{_escaped(content)}")
  return "\n\n".join(blocks) + "\n"


def _time(milliseconds):
  seconds, milliseconds = divmod(milliseconds, 1000)
  minutes, seconds = divmod(seconds, 60)
  hours, minutes = divmod(minutes, 60)
  return f"{hours:02d}:{minutes:02d}:{seconds:02d}.{milliseconds:03d}"


def _escaped(content):
  """On one line: an empty one would end the cue."""
  plain = "".join(x if x.isprintable() else " " for x in " ".join(content.split()))
  return "".join(_REPLACED.get(x, x) for x in plain)
