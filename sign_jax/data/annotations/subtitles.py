"""Subtitles as text in the formats WebVTT and SubRip."""

from collections.abc import Iterable

_REPLACED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
Cues = Iterable[tuple[float, float, str]]


def vtt(cues: Cues) -> str:
  """A whole WebVTT file.

  Args:
    cues: (begin, end, text) of each, in seconds; markup in texts is shown and not obeyed.
  """
  blocks = ["WEBVTT"]
  for first, last, content in _shown(cues):
    escaped = "".join(_REPLACED.get(x, x) for x in content)
    blocks.append(f"{_time(first)} --> {_time(last)}\n{escaped}")
  return "\n\n".join(blocks) + "\n"


def srt(cues: Cues) -> str:
  """As `vtt`, a whole SubRip file. That format has no escapes: some players obey `<i>` in texts."""
  blocks = [
      f"{number}\n{_time(first, ',')} --> {_time(last, ',')}\n{content.replace('-->', '->')}\n"
      for number, (first, last, content) in enumerate(_shown(cues), 1)
  ]
  return "\n".join(blocks)


def _shown(cues):
  """Yields (begin, end, text) in milliseconds, a text on one line: an empty line would end it."""
  for begin, end, content in cues:
    first = max(round(1000 * begin), 0)  # some videos begin before their first frame is shown
    last = max(round(1000 * end), first + 1)  # a cue without length is none
    yield first, last, "".join(x if x.isprintable() else " " for x in " ".join(content.split()))


def _time(milliseconds, mark="."):
  seconds, milliseconds = divmod(milliseconds, 1000)
  minutes, seconds = divmod(seconds, 60)
  hours, minutes = divmod(minutes, 60)
  return f"{hours:02d}:{minutes:02d}:{seconds:02d}{mark}{milliseconds:03d}"
