r"""Subtitles of WebVTT and SubRip files, read by webvtt-py.

That library follows the standard, and pysubs2 does not: in WebVTT it takes notes and identifiers of
cues for text of the cue before them, keeps `&amp;`, and takes {laughs} for a style. What webvtt-py
cannot read it leaves out in silence, or gives up the file for; so each line with an arrow is tried
alone first.
"""

import html
import io
import pathlib
import re
from collections.abc import Iterator

from sign_jax.errors import UserError
from sign_jax.untrusted import csv_table

MAX_BYTES = 16 << 20  # subtitles of a day have two
_MOST = 200_000  # cues
_ARROW = "-->"
_STYLE = re.compile(r"\{\\[^{}]{0,200}\}")  # {\an8}, which SubRip has from other formats
_SHORT = re.compile(r":\d{1,9}[,.]\d{1,2}(?!\d)")  # of a second: no milliseconds
_NO_CUE = "this is no cue, correct its times, or the empty line, number or text around it"


def read(path: pathlib.Path, left_out: list) -> Iterator[tuple[int, float, float, str]]:
  """Yields (line, begin, end, text) of each cue, in seconds, without markup; some may have no text.

  Args:
    path: .vtt or .srt.
    left_out: receives (line, sentence) of what is no cue.

  Raises:
    UserError: names the file: it is encoded otherwise, too large, or does not begin as it should.
  """
  if path.stat().st_size > MAX_BYTES:
    raise UserError(f"{path} has more than {MAX_BYTES >> 20} MiB, which no subtitles have")
  reader = _Reader(path.suffix.lower())
  text = csv_table.decoded(path, "save it as UTF-8").replace("\r\n", "\n").replace("\r", "\n")
  lines = text.split("\n")
  arrows = [n for n, line in enumerate(lines) if _ARROW in line]
  if len(arrows) > _MOST:
    raise UserError(f"{path} has {len(arrows)} cues, more than subtitles have, divide it")
  times = {n: reader.times(lines[n]) for n in arrows}
  for number in arrows:
    if times[number] is None:
      left_out.append((number + 1, _NO_CUE))
      _blank(lines, number)
    elif reader.kind == ".srt" and not (number and _is_number(lines[number - 1])):
      _give_number(lines, number)
  found = reader.cues("\n".join(lines))
  if found is None:
    raise UserError(
        f"{path}, line 1: it does not begin as a file of {reader.kind} does, correct it"
    )
  waiting = iter([n for n in arrows if times[n]])
  for cue in found:
    begin, end, words = cue
    for number in waiting:
      if times[number] == (begin, end):
        yield number + 1, begin / 1000, end / 1000, words
        break
      left_out.append((number + 1, _NO_CUE))
  left_out.extend((number + 1, _NO_CUE) for number in waiting)


def _blank(lines, number):
  """Empties the block of a line, so that nothing of it is taken for another cue's text."""
  last = number + 1
  while last < len(lines) and lines[last].strip() and _ARROW not in lines[last]:
    last += 1
  if last < len(lines) and _ARROW in lines[last] and _is_number(lines[last - 1]):
    last -= 1  # of the next cue
  first = number - (number > 0 and _is_number(lines[number - 1]))
  lines[first:last] = [""] * (last - first)


def _give_number(lines, number):
  """Puts a number before a cue that has a name or nothing there; without, it would be text."""
  above = lines[max(number - 2, 0) : number]
  if above and above[-1].strip() and not above[0].strip():
    lines[number - 1] = ""
  lines[number] = f"1\n{lines[number]}"


def _is_number(line):
  return line.strip().isdigit()


class _Reader:
  """Calls the library; times are in milliseconds."""

  def __init__(self, kind):
    self.kind = kind
    self._library = _library()

  def times(self, line):
    """(begin, end) that the library reads in a line, or None."""
    begin, _, end = line.partition(_ARROW)
    if _SHORT.search(begin[-40:] + _ARROW + end[:40]):  # the library takes 1,5 for 1.005 seconds
      return None
    head = "WEBVTT\n\n" if self.kind == ".vtt" else "1\n"
    found = self.cues(f"{head}{line}\nx\n")
    return found[0][:2] if found else None

  def cues(self, text):
    """[(begin, end, text)], or None where it is no such file."""
    try:
      if self.kind == ".vtt":
        cues = self._library.from_string(text)
      else:  # which must begin with its first number
        cues = self._library.from_buffer(io.StringIO(text.lstrip()), format="srt")
      return [
          (x.start_time.in_milliseconds(), x.end_time.in_milliseconds(), self._plain(x.text))
          for x in cues
      ]
    except (self._library.errors.MalformedFileError, self._library.errors.MalformedCaptionError):
      return None

  def _plain(self, text):
    text = html.unescape(text) if self.kind == ".vtt" else _STYLE.sub("", text)
    return " ".join(text.split())


def _library():
  try:
    import webvtt
    import webvtt.errors
  except ImportError as error:
    raise UserError(
        "subtitles are read with webvtt-py: install it with `pip install -e '.[search]'` in the "
        "checkout"
    ) from error
  return webvtt
