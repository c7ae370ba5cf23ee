"""Trains the rows of a paper's table and prints published beside measured numbers.

    python -m launch.reproduce upret/table4

Trains every row with every seed. Finished runs are collected, and stopped ones are continued.
Writes TABLE.txt, TABLE.md and, for a figure, TABLE.png. Arguments that begin with --config. go to
every run.
"""

import argparse
import ast
import collections
import importlib
import json
import statistics
import subprocess
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from tqdm import tqdm  # noqa: E402

from launch import notes  # noqa: E402
from launch.tables import SECONDS, TABLES  # noqa: E402
from sign_jax.errors import UserError, did_you_mean, one_sentence  # noqa: E402
from sign_jax.files import path_argument  # noqa: E402
from sign_jax.run import (
  config_paths,  # noqa: E402
  settings,  # noqa: E402
)
from sign_jax.systems.retrieval_settings import DATASETS  # noqa: E402
from sign_jax.train import report  # noqa: E402
from sign_jax.untrusted import budget  # noqa: E402

LEFT_OUT = "left_out"  # in results: see `tasks.retrieval.Retrieval.evaluate`


def folder_name(row):
  """Of a row's runs: its system and overrides, so that tables share what they have in common."""
  overrides = (f"{key.removeprefix('model.')}={value}" for key, value in row.overrides.items())
  return ",".join([row.system, *overrides])


def arguments(row, dataset, seed, extra):
  """The flags that configure one row with one seed."""
  overrides = [f"--config.{key}={value}" for key, value in {**row.overrides, "seed": seed}.items()]
  return [f"--config=configs/{row.system}.py:{dataset}", *overrides, *extra]


def configuration(row, dataset, seed, extra):
  """The configuration that `arguments` describes.

  Raises:
    UserError: `extra` has what no configuration takes.
  """
  config = importlib.import_module(f"configs.{row.system}").get_config(dataset)
  config.update_from_flattened_dict({**row.overrides, "seed": seed})
  for argument in extra:
    key, _, text = argument.removeprefix("--config.").partition("=")
    try:
      config.update_from_flattened_dict({key: _value(text)})
    except (AttributeError, KeyError, TypeError) as error:
      raise UserError(f"{argument} does not fit configs/{row.system}.py") from error
  return config


def check_run(workdir, config):
  """Compares the settings and the data of a run that is there with today's.

  Returns:
    The fingerprint of the data set that its results are of; None without results, or where they
    do not say it.

  Raises:
    UserError: they are others.
  """
  if not (workdir / report.RESULTS).exists():
    return None  # the run compares what it has left with what it is started with
  remedy = "give the same --config flags and data, or another --workdirs"
  before, now = (
      settings.flat(x) for x in (settings.of_run(workdir), json.loads(config.to_json()))
  )
  if changed := [f"{x}={before.get(x)}, not {now.get(x)}" for x in settings.differing(before, now)]:
    raise UserError(f"{workdir} holds a run with other settings ({', '.join(changed)}): {remedy}")
  data_dir = config_paths.expanded({"data.data_dir": config.data.data_dir})["data.data_dir"]
  today = notes.data_fingerprint(config.data.name, data_dir or None)
  measured = _results(workdir).get("fingerprint")
  if not measured:
    tqdm.write(f"nothing says on which version of the data {workdir} was measured", sys.stderr)
  elif today and today != measured:
    raise UserError(f"{workdir} was measured on another version of {config.data.name}: {remedy}")
  return measured


def _results(workdir):
  path = workdir / report.RESULTS
  try:
    results = budget.read_json(path)
  except FileNotFoundError as error:
    raise UserError(
        f"{workdir} has no {path.name}: leave --collect out to train what is missing"
    ) from error
  except ValueError:
    results = None
  if not isinstance(results, dict):
    raise UserError(f"{path} is damaged: delete it, and the run writes it anew")
  return results


def _value(text):
  """What a flag's text stands for: true, false, a number, or the text itself."""
  try:
    return ast.literal_eval(text.title() if text in ("true", "false") else text)
  except (ValueError, SyntaxError):
    return text


def run(workdir, given):
  """Trains with these flags unless there are results; the output goes to log.txt.

  Raises:
    UserError: with the run's own last line when it fails.
  """
  if (workdir / "results.json").exists():
    return
  workdir.mkdir(parents=True, exist_ok=True)
  command = [sys.executable, "-m", "sign_jax.main", "--workdir", str(workdir), *given]
  log = workdir / "log.txt"
  with log.open("a") as file:
    status = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
  if status:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    raise UserError(f"{workdir} failed ({lines[-1] if lines else 'no output'}): see {log}")


def collect(workdir, columns):
  """{column: number} of one run's test split, and how many videos it leaves out.

  Raises:
    UserError: when the run has no results yet.
  """
  results = _results(workdir)
  numbers = {c: results[f"test/{c}"] for c in columns if c != SECONDS}
  numbers[LEFT_OUT] = results.get(f"test/{LEFT_OUT}", 0)
  if SECONDS in columns:
    numbers[SECONDS] = _seconds_per_step(workdir)
  return numbers


def _seconds_per_step(workdir):
  config = settings.of_run(workdir)
  rows = report.read_metrics(workdir / "metrics.jsonl")
  speeds = [row["pairs_per_second"] for row in rows if "pairs_per_second" in row]
  return config["batch_size"] / statistics.median(speeds)


def measure(table, dataset, seeds, root, extra, train=True):
  """{row label: {column: [a number per seed]}}; trains what is missing unless `train` is False."""
  jobs = [(r, seed, root / folder_name(r) / f"seed{seed}") for r in table.rows for seed in seeds]
  found = collections.defaultdict(lambda: collections.defaultdict(list))
  data = {}
  for row, seed, workdir in tqdm(jobs, unit="run"):
    config = configuration(row, dataset, seed, extra)
    if train:
      run(workdir, arguments(row, dataset, seed, extra))
    if measured := check_run(workdir, config):
      data[measured] = workdir
    if len(data) > 1:
      names = " and ".join(str(path) for path in data.values())
      raise UserError(f"{names} were measured on different data: use another --workdirs")
    for column, number in collect(workdir, table.columns).items():
      found[row.label][column].append(number)
  return found


def _cell(numbers, digits):
  text = f"{statistics.mean(numbers):.{digits}f}"
  return f"{text} ± {statistics.stdev(numbers):.{digits}f}" if len(numbers) > 1 else text


def cells(table, found):
  """Header and rows of strings: for every column the measured number, beside a published one."""
  digits = {c: 2 if c == SECONDS else 1 for c in table.columns}
  kinds = ("publ.", "ours") if table.dataset else ("ours",)
  header = ["", *(f"{c} {kind}" for c in table.columns for kind in kinds)]
  rows = []
  for row in table.rows:
    line = [row.label]
    for column, published in zip(table.columns, row.published, strict=True):
      if table.dataset:
        line.append("-" if published is None else f"{published:.{digits[column]}f}")
      line.append(_cell(found[row.label][column], digits[column]))
    rows.append(line)
  return header, rows


def as_text(header, rows):
  """Columns aligned by blanks."""
  widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
  pad = lambda line: "  ".join(x.ljust(w) for x, w in zip(line, widths, strict=True)).rstrip()
  return "\n".join(map(pad, [header, *rows]))


def as_markdown(header, rows):
  """The same as a Markdown table."""
  line = lambda parts: "| " + " | ".join(parts) + " |"
  return "\n".join([line(header), line(["---"] * len(header)), *map(line, rows)])


def draw(table, found, title, path):
  """The figure's curve with standard deviations, and the published point."""
  column = table.columns[0]
  xs = [float(row.label) for row in table.rows]
  numbers = [found[row.label][column] for row in table.rows]
  spread = [statistics.stdev(n) if len(n) > 1 else 0.0 for n in numbers]
  figure, axis = plt.subplots(figsize=(5, 3.4), constrained_layout=True)
  axis.errorbar(xs, [statistics.mean(n) for n in numbers], spread, marker="o", capsize=3)
  axis.set(xlabel=table.x, ylabel=f"{column} (%)", title=title, xticks=xs)
  axis.spines[["top", "right"]].set_visible(False)
  figure.savefig(path, dpi=130)
  plt.close(figure)


def main(argv=None):
  """The command line."""
  parser = argparse.ArgumentParser(
    prog="python -m launch.reproduce", description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )  # fmt: skip
  parser.add_argument("table", help=f"one of {', '.join(TABLES)}")
  parser.add_argument("--dataset", default="signing_sim", choices=DATASETS)
  parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one run each")
  parser.add_argument("--workdirs", default="runs/reproduce", type=path_argument,
                      help="folder of the runs")  # fmt: skip
  parser.add_argument("--collect", action="store_true", help="train nothing, collect what is there")
  args, extra = parser.parse_known_args(argv)
  with one_sentence():
    wrong = [argument for argument in extra if not argument.startswith("--config.")]
    if wrong:
      raise UserError(f"{wrong[0]!r} is not an argument: overrides are --config.KEY=VALUE")
    if any(argument.startswith("--config.seed") for argument in extra):
      raise UserError("the seeds of a table are --seeds, not --config.seed")
    if args.table not in TABLES:
      raise UserError(
          f"there is no table {args.table!r}: choose one of {', '.join(TABLES)}"
          + did_you_mean(args.table, TABLES)
      )
    _report(args, extra)


def check_extra(table, extra):
  """Raises UserError where an argument for all rows changes what makes a row."""
  keys = {argument.removeprefix("--config.").partition("=")[0] for argument in extra}
  for row in table.rows:
    if own := sorted(keys & row.overrides.keys()):
      raise UserError(f"the row {row.label!r} sets {own[0]} itself: leave --config.{own[0]} out")


def _report(args, extra):
  table = TABLES[args.table]
  check_extra(table, extra)
  root = args.workdirs / args.dataset
  found = measure(table, args.dataset, args.seeds, root, extra, train=not args.collect)
  header, rows = cells(table, found)
  published = f"published on {table.dataset}, " if table.dataset else ""
  title = f"{table.title}; {published}ours on {args.dataset}"
  note = f"mean ± standard deviation over seeds {', '.join(map(str, args.seeds))}"
  if fewer := [row.label for row in table.rows if any(found[row.label].get(LEFT_OUT, ()))]:
    note += f"; without the videos that show no usable hand: {', '.join(fewer)}"
  text = f"{title}\n{as_text(header, rows)}\n{note}\n"
  print(text, end="")
  stem = root / args.table.replace("/", "-")
  stem.with_suffix(".txt").write_text(text)
  markdown = f"{title}\n\n{as_markdown(header, rows)}\n\n{note}\n"
  stem.with_suffix(".md").write_text(markdown)
  if table.x:
    draw(table, found, f"{table.title} ({args.dataset})", stem.with_suffix(".png"))
  print(f"wrote {stem}.txt, {stem}.md" + (f", {stem}.png" if table.x else ""))


if __name__ == "__main__":
  main()
