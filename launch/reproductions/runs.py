"""Rows filled by training: a run for every row and seed."""

import collections
import json
import statistics
import sys

from tqdm import tqdm

from launch import logged, notes
from launch.reproductions import rows
from launch.tables import LEFT_OUT, SECONDS
from sign_jax.errors import Stopped, UserError
from sign_jax.run import config_paths, settings
from sign_jax.train import report
from sign_jax.untrusted import budget

_REMEDY = "give the same --config flags and data, or another --workdirs"


def measure(table, dataset, seeds, root, extra, train=True):
  """Trains what is missing unless `train` is False, and collects.

  Rows that go a system's whole way share the stages that they have in common.

  Returns:
    ({row label: {column: [a number per seed]}}, {label of a row whose training fails: why}).

  Raises:
    UserError: what is there was made with other settings or data, or lacks numbers.
    Stopped: a run was asked to stop.
  """
  jobs = [
    (row, seed, root / rows.folder_name(row) / f"seed{seed}") for row in table.rows
    for seed in seeds
  ]  # fmt: skip
  found = collections.defaultdict(lambda: collections.defaultdict(list))
  data, failed = {}, {}
  for row, seed, workdir in tqdm(jobs, unit="run"):
    if row.label in failed:
      continue
    filled = rows.following(row, table, dataset, seed, extra, root)
    config = rows.configuration(filled, dataset, seed, extra)
    given = rows.arguments(filled, dataset, seed, extra)
    if rows.scorer(row):
      _check_program(workdir, config)
    try:
      if train:
        run(workdir, [*given, *rows.sharing(row, root)], rows.program(row))
    except Stopped:  # an error too, but of no row
      raise
    except UserError as reason:
      failed[row.label] = str(reason)
      found.pop(row.label, None)
      continue
    if not rows.scorer(row) and (measured := check_run(workdir, config)):
      data[measured] = workdir
    if len(data) > 1:
      names = " and ".join(str(path) for path in data.values())
      raise UserError(f"{names} were measured on different data: use another --workdirs")
    for column, number in collect(workdir, table.columns, rows.scorer(row)).items():
      found[row.label][column].append(number)
  return found, failed


def run(workdir, given, program="sign_jax.main"):
  """Trains with these flags unless there are results; the output goes to log.txt.

  Raises:
    UserError: with the run's own last line when it fails.
    Stopped: as it was asked to.
  """
  if (workdir / report.RESULTS).exists():
    return
  logged.call([program, "--workdir", workdir, *given], workdir / "log.txt")


def _check_program(workdir, config):
  """Compares the settings with those that a run's numbers were made with, where these are there."""
  if (workdir / report.RESULTS).exists():
    if _results(workdir).get("configuration") != rows.settings_digest(config):
      raise UserError(f"{workdir} holds numbers of other settings: {_REMEDY}")


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
  before, now = (
      settings.flat(x) for x in (settings.of_run(workdir), json.loads(config.to_json()))
  )
  if changed := [f"{x}={before.get(x)}, not {now.get(x)}" for x in settings.differing(before, now)]:
    raise UserError(f"{workdir} holds a run with other settings ({', '.join(changed)}): {_REMEDY}")
  data_dir = config_paths.expanded({"data.data_dir": config.data.data_dir})["data.data_dir"]
  today = notes.data_fingerprint(config.data.name, data_dir or None)
  measured = _results(workdir).get("fingerprint")
  if not measured:
    tqdm.write(f"nothing says on which version of the data {workdir} was measured", sys.stderr)
  elif today and today != measured:
    raise UserError(f"{workdir} was measured on another version of {config.data.name}: {_REMEDY}")
  return measured


def collect(workdir, columns, scorer=""):
  """{column: number} of one run's test split, and how many videos it leaves out.

  What some data sets alone can measure, such as times of signs, may be missing.

  Args:
    workdir: of the run.
    columns: names of numbers.
    scorer: whose numbers they are, where the run measures several; "" for one.

  Raises:
    UserError: when the run has no results yet.
  """
  results = _results(workdir)
  name = lambda column: f"test/{scorer}/{column}" if scorer else rows.full_name(column)
  numbers = {c: results[name(c)] for c in columns if c != SECONDS and name(c) in results}
  numbers[LEFT_OUT] = results.get(f"test/{LEFT_OUT}", 0)
  if SECONDS in columns:
    numbers[SECONDS] = _seconds_per_step(workdir)
  return numbers


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


def _seconds_per_step(workdir):
  config = settings.of_run(workdir)
  found = report.read_metrics(workdir / "metrics.jsonl")
  speeds = [row["pairs_per_second"] for row in found if "pairs_per_second" in row]
  return config["batch_size"] / statistics.median(speeds)
