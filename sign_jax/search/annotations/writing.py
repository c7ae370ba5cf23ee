"""Writes the hits of a search into files, one for each video that has any."""

import errno
import json
import os
import pathlib
import shutil
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tqdm import tqdm

from sign_jax.data import clip_table
from sign_jax.data.annotations import eaf, eaf_times, subtitles
from sign_jax.errors import UserError, shown
from sign_jax.files import replacing
from sign_jax.search.annotations import documents, eaf_tier, found
from sign_jax.search.annotations.eaf_tier import Span
from sign_jax.search.annotations.found import Row

# What the system says of one name, and not of all files of the folder.
_OF_ONE = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP)


class Summary(NamedTuple):
  """What became of the hits.

  Attributes:
    written: {file: hits in it}.
    new: how many of these files are documents of ELAN that were not there.
    failed: {video or file: why nothing was written}.
    without_times: hits that no file can show.
  """

  written: dict[str, int]
  new: int
  failed: dict[str, str]
  without_times: int


def write(
    rows: Sequence[Row], kind: str, out: pathlib.Path, *, videos: pathlib.Path | None = None,
    into: pathlib.Path | None = None, tier: str = eaf_tier.TIER,
) -> Summary:
  """Writes a file for each video; one that cannot be written does not stop the others.

  Args:
    rows: hits.
    kind: "vtt", "srt", "json" or "eaf".
    out: folder of the files, which are called as their videos.
    videos: folder of the videos, for the links of new documents of ELAN.
    into: folder of documents of ELAN that get the tier; those written lie in `out` as they do here.
      A document that is in `out` already keeps what it holds.
    tier: its name.
  """
  timed = [row for row in rows if row.has_times]
  by_video, failed = found.by_video(timed)
  names = found.file_names(by_video)
  summary = Summary({}, 0, failed, len(rows) - len(timed))
  if kind == "eaf":
    return _write_documents(by_video, names, out, videos, into, tier, summary)
  for video in tqdm(by_video, "writing", unit="file", mininterval=1):
    path = out / f"{names[video]}.{kind}"
    make = lambda video=video: (content(kind, video, by_video[video]), len(by_video[video]))
    _guarded(summary, video, path, make)
  return summary


def content(
    kind: str, video: str, rows: Sequence[Row], videos: pathlib.Path | None = None
) -> bytes:
  """A file of one video's hits: its bytes, without a file.

  Args:
    kind: "vtt", "srt", "json", or "eaf" for a new document of ELAN.
    video: relative to the folder of the videos.
    rows: its hits; those without times are left out.
    videos: that folder, for the link of a new document.
  """
  rows = [row for row in rows if row.has_times]
  if kind == "eaf":
    path = (videos or pathlib.Path()) / f"{clip_table.stem_of(video)}{documents.ENDING}"
    return _with_tier(documents.new(path, video, videos), {video: rows}, eaf_tier.TIER)[0]
  return {"vtt": _vtt, "srt": _srt, "json": _json}[kind](video, rows).encode()


def _vtt(video, rows):
  return subtitles.vtt(_cues(rows))


def _srt(video, rows):
  return subtitles.srt(_cues(rows))


def _cues(rows):
  return [(row.start, row.end, row.label) for row in sorted(rows, key=lambda x: (x.start, x.end))]


def _json(video, rows):
  hits = [row._asdict() for row in rows]
  return json.dumps({"video": video, "hits": hits}, indent=2, ensure_ascii=False) + "\n"


def _guarded(summary, name, path: pathlib.Path, content: Callable[[], tuple[bytes, int]]):
  """Writes a file of bytes and so many hits, or notes why not."""
  try:
    if path.is_symlink():
      raise UserError(f"{path} is a link, which a file would replace: put the file there")
    data, count = content()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_bytes() != data:
      with replacing(path) as partial:
        partial.write_bytes(data)
        if path.exists():
          shutil.copymode(path, partial)
    summary.written[str(path)] = count
  except UserError as error:
    summary.failed[name] = str(error)
  except OSError as error:
    if error.errno not in _OF_ONE:
      raise
    summary.failed[name] = f"{path} cannot be written ({error.strerror})"


def _write_documents(by_video, names, out, videos, into, tier, summary):
  own = documents.find(into) if into else None
  members = {}  # {path in `out`: (document of annotators or None, [video])}
  for video in by_video:
    try:
      source = own.of(video, by_video) if own else None
    except UserError as error:
      summary.failed[video] = str(error)
      continue
    inside = source.relative_to(into) if source else f"{names[video]}{documents.ENDING}"
    members.setdefault(out / inside, (source, []))[1].append(video)
  new = 0
  for path, (source, its) in tqdm(members.items(), "writing", unit="file", mininterval=1):
    is_new = not source and not os.path.exists(path)  # False of names that are too long
    rows = {video: by_video[video] for video in its}
    make = lambda path=path, source=source, rows=rows: _document(path, source, rows, videos, tier)
    _guarded(summary, its[0] if len(its) == 1 else str(path), path, make)
    new += is_new and str(path) in summary.written
  return summary._replace(new=new)


def _document(path, source, rows, videos, tier):
  """(The bytes of a document with the hits of its videos, how many of them)."""
  return _with_tier(_base(path, source, next(iter(rows)), videos, tier), rows, tier)


def _with_tier(base, rows, tier):
  """(The bytes of a document with the hits {video: rows}, how many lie in its time)."""
  spans = []
  for video, its in rows.items():
    begin = eaf_times.origin(base, video)
    spans += [(n, _span(row, begin)) for n, row in enumerate(its)]
  # The best first, of all videos: overlapping ones go to further tiers.
  spans = [span for _, span in sorted(spans, key=lambda x: x[0]) if span]
  return eaf_tier.put(base, spans, tier), len(spans)


def _base(path, source, video, videos, tier):
  """The document that gets the tier; raises UserError where one would be lost for it."""
  there = eaf.read(path) if path.exists() else None
  if source is None:
    return there or documents.new(path, video, videos)
  given = eaf.read(source)
  if there and not path.samefile(source):
    bare = [eaf_tier.taken_out(x, tier) for x in (given, there)]
    if bare[0] != bare[1]:
      raise UserError(
          f"{path} holds something else than {source}: pass another --out, or --into {path.parent}"
      )
  return given


def _span(row, begin):
  start = max(round(1000 * row.start) - begin, 0)
  end = max(round(1000 * row.end) - begin, start + 1)
  return Span(start, end, row.label) if end <= eaf.LAST and 1000 * row.end > begin else None


def table(summary: Summary) -> list[str]:
  """Lines for people."""
  lines = [
      f"{name:<24}{count:>8}" for name, count in (
          ("files written", len(summary.written)), ("new documents", summary.new),
          ("hits in them", sum(summary.written.values())),
          ("hits without times", summary.without_times), ("failed", len(summary.failed)),
      )
  ]  # fmt: skip
  return lines + [f"  {shown(name)}: {reason}" for name, reason in summary.failed.items()]
