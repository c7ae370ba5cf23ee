"""Rows filled by training: a run for every row and seed."""

import collections
import json
import statistics
import subprocess
import sys

from tqdm import tqdm

from launch import notes
from launch.reproductions import rows
from launch.tables import LEFT_OUT, SECONDS
from sign_jax.errors import UserError
from sign_jax.run import config_paths, settings
from sign_jax.train import report
from sign_jax.untrusted import budget


def measure(table, dataset, seeds, root, extra, train=True):
  """{row label: {column: [a number per seed]}}; trains what is missing unless `train` is False."""
  jobs = [
    (row, seed, root / rows.folder_name(row) / f"seed{seed}") for row in table.rows
    for seed in seeds
  ]  # fmt: skip
  found = collections.defaultdict(lambda: collections.defaultdict(list))
  data = {}
  for row, seed, workdir in tqdm(jobs, unit="run"):
    config = rows.configuration(row, dataset, seed, extra)
    if train:
      run(workdir, rows.arguments(row, dataset, seed, extra), rows.program(row))
    if not rows.scorer(row) and (measured := check_run(workdir, config)):
      data[measured] = workdir
    if len(data) > 1:
      names = " and ".join(str(path) for path in data.values())
      raise UserError(f"{names} were measured on different data: use another --workdirs")
    for column, number in collect(workdir, table.columns, rows.scorer(row)).items():
      found[row.label][column].append(number)
  return found


def run(workdir, given, program="sign_jax.main"):
  """Trains with these flags unless there are results; the output goes to log.txt.

  Raises:
    UserError: with the run's own last line when it fails.
  """
  if (workdir / report.RESULTS).exists():
    return
  workdir.mkdir(parents=True, exist_ok=True)
  command = [sys.executable, "-m", program, "--workdir", str(workdir), *given]
  log = workdir / "log.txt"
  with log.open("a") as file:
    status = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
  if status:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    raise UserError(f"{workdir} failed ({lines[-1] if lines else 'no output'}): see {log}")


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


def collect(workdir, columns, scorer=""):
  """{column: number} of one run's test split, and how many videos it leaves out.

  Args:
    workdir: of the run.
    columns: names of numbers.
    scorer: whose numbers they are, where the run measures several; "" for one.

  Raises:
    UserError: when the run has no results yet.
  """
  results = _results(workdir)
  split = f"test/{scorer}" if scorer else "test"
  numbers = {c: results[f"{split}/{c}"] for c in columns if c != SECONDS}
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
