"""What a check has found, for people and for programs."""

import dataclasses
import json
import pathlib
from typing import NamedTuple

from sign_jax.files import replacing

ERROR, WARNING, NOTE = LEVELS = ("error", "warning", "note")
SHOWN = 20  # items of a finding that are printed


class Item(NamedTuple):
  """One video, file or sentence that a finding is about."""

  name: str
  reason: str = ""


class Finding(NamedTuple):
  """One kind of damage, or of what is unusual.

  An error is something that a build stops at or leaves out; a warning changes what results mean;
  a note explains.
  """

  level: str  # one of `LEVELS`
  text: str
  items: tuple[Item, ...] = ()


def counted(count, noun):
  """"1 video", "2 videos"."""
  return f"{count} {noun}{'' if count == 1 else 's'}"


@dataclasses.dataclass
class Report:
  """All findings of one corpus, or of a data set that was built of one.

  Attributes:
    name, protocol, manual_dir: what was checked; "" and the folder of the records for a data set.
    splits: {split: {fact: number or text}}, one line of the table each.
    ceilings: {split: {metric: percent}}, see `sentences.ceilings`.
    classes: {split: {class: number of clips}} of isolated signs.
    files: {kind of file: {split: {"found", "missing", "unreadable": count}}}.
    tables: {what is counted: {name: {fact: number or text}}}, of what is in no corpus.
    findings: list of `Finding`.
    origins: {split: where it comes from}, of splits that are not as they were released.
  """

  name: str
  protocol: str
  manual_dir: str
  splits: dict = dataclasses.field(default_factory=dict)
  ceilings: dict = dataclasses.field(default_factory=dict)
  classes: dict = dataclasses.field(default_factory=dict)
  files: dict = dataclasses.field(default_factory=dict)
  tables: dict = dataclasses.field(default_factory=dict)
  findings: list = dataclasses.field(default_factory=list)
  origins: dict = dataclasses.field(default_factory=dict)

  def add(self, level, text, items=()):
    """Adds a finding; `items` are `Item`s."""
    self.findings.append(Finding(level, text, tuple(items)))

  def counts(self):
    """{level: number of findings}."""
    return {level: sum(f.level == level for f in self.findings) for level in LEVELS}

  def lines(self):
    """The report as lines of text, the worst findings last."""
    protocol = f"protocol {self.protocol}, " if self.protocol else ""
    yield f"{self.name}, {protocol}{self.manual_dir}"
    for heading, rows in {"split": self.splits, **self.tables}.items():
      if rows:
        cells = [[name, *map(_text, row.values())] for name, row in rows.items()]
        yield from _table([[heading, *next(iter(rows.values()))], *cells])
    if self.files:
      rows = [
        [kind, split, *map(str, counts.values())]
        for kind, splits in self.files.items()
        for split, counts in splits.items()
      ]
      yield from _table([["files", "split", "found", "missing", "unreadable"], *rows])
    for level in LEVELS[::-1]:
      for finding in self.findings:
        if finding.level == level:
          yield from _lines(finding)
    yield ", ".join(counted(count, level) for level, count in self.counts().items())

  def write(self, path):
    """Writes everything, with all items, as JSON; the file is whole or not there."""
    path = pathlib.Path(path)
    content = {
      **dataclasses.asdict(self),
      "findings": [
        {**f._asdict(), "items": [item._asdict() for item in f.items]} for f in self.findings
      ],
      "counts": self.counts(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
      partial.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _lines(finding):
  yield f"{finding.level}: {finding.text}"
  for item in finding.items[:SHOWN]:
    yield f"  {item.name}: {item.reason}" if item.reason else f"  {item.name}"
  if len(finding.items) > SHOWN:
    yield f"  and {len(finding.items) - SHOWN} more"


def _table(rows):
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  for first, *others in rows:
    cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
    yield "  ".join([first.ljust(widths[0]), *cells])


def _text(value):
  return f"{value:.2f}" if isinstance(value, float) else str(value)
