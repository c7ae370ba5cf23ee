"""What the whole way ends with: tables, results.json and a picture."""

from launch.spotting import picture, rounds
from sign_jax.systems.spot_align import published
from sign_jax.train import report

COLUMNS = ("R@1", "R@5", "R@10", "MedR")
_SHARES = (("right", 7), ("right_at_random", 10))  # and widths of their columns
PARTS = {"sr": "SR", "cm": "CM", "comb": "SR + CM"}


def write(run):
  """Writes results.json, table.txt and spotted.png into the run's folder, and prints the tables.

  Args:
    run: `retrieval.Retrieval`, all of whose stages are done.

  Returns:
    {name: number, or the text of "configuration"}, what results.json holds: the names of the other
    protocol's begin with its own.
  """
  by_protocol, found = {x: results(y) for x, y in run.measured().items()}, rounds.yields(run)
  first, other = by_protocol
  numbers = by_protocol[first] | {f"{other}/{x}": y for x, y in by_protocol[other].items()}
  for turn, counts in enumerate(found):
    numbers |= {f"round_{turn}/{name}": value for name, value in counts.items()}
  final = run.results(run.folder(0, joint=False) / "encoder")
  numbers |= {f"recognition/{key}": final[f"validation/{key}"] for key in ("top1", "top5")}
  numbers["configuration"] = run.settings_digest  # that tables compare with their rows'
  report.write_json(run.root / report.RESULTS, numbers)
  skipped = run.mouthing.skipped
  left_out = [f"{count} mouthings {why} are left out" for why, count in skipped.items()]
  begun = f"every encoder began with {run.spotting.weights or 'random weights'}"
  tables = (_table6(name, x) for name, x in by_protocol.items())
  text = "\n\n".join(("\n".join((_yields(found), *left_out, begun)), *tables))
  (run.root / "table.txt").write_text(text + "\n")
  print(text)
  picture.draw(run, run.root / "spotted.png")
  drawn = ", spotted.png" if run.rounds else ""
  print(f"results are in {run.root}: {report.RESULTS}, table.txt{drawn}")
  return numbers


def results(measured):
  """{"test/sr/t2v/R@1": percent, ...} of an evaluation of both scorers."""
  found = {}
  for key, value in measured.items():
    split, _, name = key.partition("/")
    if split not in ("validation", "test") or not isinstance(value, int | float):
      continue
    part = name.partition("/")[0]
    found[f"{split}/{name}" if part in PARTS else f"{split}/comb/{name}"] = value
  return found


def _yields(found):
  lines = [f"{'annotations':14}{'number':>10}{'words':>8}{'right':>9}{'at random':>12}"]
  for turn, counts in enumerate(found):
    name = f"D{turn}" if turn else "M (mouthings)"
    right = "".join(f"{counts[key]:{width}.1f} %" for key, width in _SHARES if key in counts)
    lines.append(f"{name:14}{counts['annotations']:10}{counts['words']:8}{right}")
  return "\n".join(lines)


def _table6(protocol, numbers):
  """The paper's table 6, text to video, published (by the protocol pair) and measured."""
  table = published.TABLES["spot_align/table6"]
  lines = [
      f"table 6, text to video: published (How2Sign) | measured (test, protocol {protocol})",
      f"{'':10}" + "".join(f"{c:>8}" for c in COLUMNS) + "  |" + "".join(
          f"{c:>8}" for c in COLUMNS),
  ]  # fmt: skip
  for (part, label), row in zip(PARTS.items(), table.rows, strict=True):
    measured = [numbers[f"test/{part}/t2v/{column}"] for column in COLUMNS]
    cells = ("".join(map(_cell, x)) for x in (row.published[: len(COLUMNS)], measured))
    lines.append(f"{label:10}" + "  |".join(cells))
  return "\n".join(lines)


def _cell(number):
  return f"{'':>8}" if number is None else f"{number:8.1f}"
