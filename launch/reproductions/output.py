"""A table of published and measured numbers as text, as Markdown and, for a figure, as a curve."""

import statistics

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from launch.tables import SECONDS  # noqa: E402

NONE = "-"  # for what a paper does not print, and for what was not measured


def write(table, found, dataset, note, stem):
  """Prints a table and writes STEM.txt, STEM.md and, for a figure, STEM.png.

  Args:
    table: `launch.tables.Table`.
    found: {row label: {column: list of numbers}}; rows and columns may be missing.
    dataset: that was measured on.
    note: lines below the table.
    stem: pathlib.Path without a suffix.
  """
  published = f"published on {table.dataset}, " if table.dataset else ""
  title = f"{table.title}; {published}ours on {dataset}"
  header, lines = cells(table, found)
  text = f"{title}\n{as_text(header, lines)}\n{note}\n"
  print(text, end="")
  stem.parent.mkdir(parents=True, exist_ok=True)
  files = {".txt": text, ".md": f"{title}\n\n{as_markdown(header, lines)}\n\n{note}\n"}
  paths = [stem.with_name(stem.name + suffix) for suffix in files]
  for path, content in zip(paths, files.values(), strict=True):
    path.write_text(content)
  if table.x and any(found.values()):
    paths.append(stem.with_name(f"{stem.name}.png"))
    draw(table, found, f"{table.title} ({dataset})", paths[-1])
  print(f"wrote {', '.join(map(str, paths))}")


def cells(table, found):
  """Header and rows of strings: for every column the measured number, beside a published one."""
  digits = {c: 2 if c == SECONDS else 1 for c in table.columns}
  kinds = ("publ.", "ours") if table.dataset else ("ours",)
  header = ["", *(f"{c} {kind}" for c in table.columns for kind in kinds)]
  lines = []
  for row in table.rows:
    line = [row.label]
    for column, published in zip(table.columns, row.published, strict=True):
      if table.dataset:
        line.append(NONE if published is None else f"{published:.{digits[column]}f}")
      line.append(_cell(found.get(row.label, {}).get(column), digits[column]))
    lines.append(line)
  return header, lines


def _cell(numbers, digits):
  if not numbers:
    return NONE
  text = f"{statistics.mean(numbers):.{digits}f}"
  return f"{text} ± {statistics.stdev(numbers):.{digits}f}" if len(numbers) > 1 else text


def as_text(header, lines):
  """Columns aligned by blanks."""
  widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
  pad = lambda line: "  ".join(x.ljust(w) for x, w in zip(line, widths, strict=True)).rstrip()
  return "\n".join(map(pad, [header, *lines]))


def as_markdown(header, lines):
  """The same as a Markdown table."""
  line = lambda parts: "| " + " | ".join(parts) + " |"
  return "\n".join([line(header), line(["---"] * len(header)), *map(line, lines)])


def draw(table, found, title, path):
  """The figure's curve, of the rows that are filled, with standard deviations."""
  column = table.columns[0]
  numbers = {row.label: found.get(row.label, {}).get(column) for row in table.rows}
  numbers = {float(label): measured for label, measured in numbers.items() if measured}
  spread = [statistics.stdev(n) if len(n) > 1 else 0.0 for n in numbers.values()]
  means = [statistics.mean(n) for n in numbers.values()]
  figure, axis = plt.subplots(figsize=(5, 3.4), constrained_layout=True)
  axis.errorbar(list(numbers), means, spread, marker="o", capsize=3)
  axis.set(xlabel=table.x, ylabel=f"{column} (%)", title=title, xticks=list(numbers))
  axis.spines[["top", "right"]].set_visible(False)
  figure.savefig(path, dpi=130)
  plt.close(figure)
