"""What a table of a paper is: which configurations fill its rows, and what was published."""

from typing import Any, NamedTuple

NARROW = ("t2v/R@1", "t2v/R@5", "t2v/R@10", "t2v/MnR")
WIDE = tuple(f"{d}/{c}" for d in ("t2v", "v2t") for c in ("R@1", "R@5", "R@10", "MedR", "MnR"))
RANKS = tuple(x for x in WIDE if not x.endswith("MnR"))
SECONDS = "seconds per step"


class Row(NamedTuple):
  """One line of a table.

  Attributes:
    overrides: keys of the configuration without "config." in front.
    published: numbers in the order of the table's columns; None where the paper prints none.
    teacher: label of an earlier row of the table, whose run of the same seed this one follows where
      its configuration has a teacher; "" for none.
  """

  label: str
  system: str  # a file in configs/
  overrides: dict
  published: tuple
  teacher: str = ""


def switch(system: str, label: str, **overrides: Any) -> Row:
  """A row without published numbers; overrides are keys of "model." with "__" for dots."""
  overrides = {f"model.{key.replace('__', '.')}": value for key, value in overrides.items()}
  return Row(label, system, overrides, (None, None))


class Table(NamedTuple):
  """A table, or a figure where `x` names the quantity that changes from row to row.

  Columns are named as in results.json, those of the test split without "test/" in front.
  """

  title: str
  dataset: str  # that the published numbers are of; "" without any
  columns: tuple
  rows: tuple
  x: str = ""
