"""Lexicons: their tables, and the files of their exemplars."""

import collections

from tqdm import tqdm

from data_builders.checks.report import ERROR, WARNING, Item, counted
from sign_jax.data import clip_table, feature_files, feature_segments, lexicon_table
from sign_jax.errors import UserError
from sign_jax.untrusted import csv_table

TABLE = "lexicon.csv"
_KINDS = ("features", "videos")  # folders of a lexicon


def rows(report, path, required, known, of_row):
  """What the right lines of a table hold; the others become errors of the report, all of them.

  Args:
    report: `report.Report`.
    path: of the table.
    required, known: names of columns, see `csv_table.read`.
    of_row: function of {column: text} and of what an error names.
  """
  found, faults = [], {}
  try:
    table = csv_table.read(path, required, known, faults)
  except UserError as error:
    report.add(ERROR, str(error))
    return []
  for line, row in table:
    with csv_table.guard(faults, line):
      found.append(of_row(row, f"{path}, line {line}"))
  if faults:
    items = [Item(f"line {n}", x.removeprefix(f"{path}, line {n}: ")) for n, x in faults.items()]
    report.add(ERROR, f"{path}: {counted(len(faults), 'line')} cannot be used", sorted(
      items, key=lambda item: int(item.name.split()[1])))
  elif not table:
    report.add(ERROR, f"{path} has no rows")
  return found


def check(report, folders):
  """Adds a table of lexicons and what is wrong with them; returns all of their words.

  Args:
    report: `report.Report`.
    folders: of lexicons.
  """
  known, widths, counts = set(), collections.defaultdict(list), report.tables
  counts["lexicon"] = {}
  for folder in folders:
    path = folder / TABLE
    found = rows(report, path, lexicon_table.COLUMNS[:2], lexicon_table.COLUMNS,
                 lexicon_table.of_row)  # fmt: skip
    _check_names(report, path, found)
    if folder.name in counts["lexicon"]:
      report.add(ERROR, f"two lexicons are called {folder.name}, rename a folder")
    if folder.name in lexicon_table.RESERVED:
      report.add(ERROR, f"a lexicon cannot be called {folder.name}, rename its folder")
    words = {x.word for x in found}
    known |= words
    counts["lexicon"][folder.name] = {
      "exemplars": len(found), "words": len(words), **_check_files(report, folder, found, widths),
    }  # fmt: skip
  if len(widths) > 1:
    items = [Item(name, counted(width, "column")) for width, (name, *_) in widths.items()]
    report.add(ERROR, "features of several widths, extract all with one encoder", items)
  return known


def _check_names(report, path, found):
  """An exemplar's features are called after its video, without that one's extension."""
  stems = collections.Counter(clip_table.stem_of(x.exemplar) for x in found)
  twice = [Item(stem, f"{count} times") for stem, count in stems.items() if count > 1]
  if twice:
    report.add(ERROR, f"{path}: {counted(len(twice), 'name')} stand for several exemplars, rename "
               "them", twice)  # fmt: skip


def _check_files(report, folder, found, widths):
  """{kind of file: how many there are, as text}."""
  there = {kind: (folder / kind).is_dir() for kind in _KINDS}
  if not any(there.values()):
    report.add(ERROR, f"{folder} holds neither features/ nor videos/ of its exemplars")
  counts = {}
  for kind in _KINDS:
    lacks = lambda x, kind=kind: there[kind] and not _path(folder, kind, x).exists()
    missing = [Item(x.exemplar) for x in found if lacks(x)]
    if missing:
      report.add(ERROR, f"{folder / kind} lacks the files of {counted(len(missing), 'exemplar')}",
                 missing)  # fmt: skip
    counts[kind] = str(len(found) - len(missing)) if there[kind] else "-"
  if there["features"]:
    _read_features(report, folder, found, widths)
  return counts


def _path(folder, kind, exemplar):
  if kind == "videos":
    return folder / kind / exemplar.exemplar
  return feature_files.path_of(folder / kind, clip_table.stem_of(exemplar.exemplar))


def _read_features(report, folder, found, widths):
  """Notes {width: [names]} in `widths`."""
  unreadable, late = [], []
  for exemplar in tqdm(found, folder.name, unit="exemplar", mininterval=0.5, leave=False):
    path = _path(folder, "features", exemplar)
    if not path.exists():
      continue
    try:
      content = feature_files.read(path)
    except (UserError, OSError) as error:  # a disk may fail for a single file
      unreadable.append(Item(exemplar.exemplar, str(error)))
      continue
    widths[content.feature.shape[1]].append(f"{folder.name}/{exemplar.exemplar}")
    seconds = content.num_frames / (content.fps or feature_segments.FPS)
    if exemplar.start >= seconds:
      late.append(Item(exemplar.exemplar, f"from {exemplar.start:g} s on, of {seconds:.2f} s"))
  if unreadable:
    report.add(ERROR, f"{counted(len(unreadable), 'file')} cannot be read", unreadable)
  if late:
    report.add(
      WARNING, f"{counted(len(late), 'exemplar')} of {folder.name} begin behind the end of their "
      "file: where it is of the sign alone, leave the times out", late,
    )  # fmt: skip
