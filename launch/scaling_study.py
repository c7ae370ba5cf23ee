"""Measures throughput, memory, loss and R@1 by batch size, learning-rate rule and devices.

    python -m launch.scaling_study --workdir runs/scaling --batch_sizes 32 64 128 \
      --rules constant linear sqrt --devices 1 4 -- --config configs/cico.py

Every run sees the same number of examples. It uses the devices of this machine or, with --devices,
that many simulated CPU devices. Finished runs are collected, and stopped ones are continued. Writes
scaling.txt, scaling.json and scaling.png. What follows "--" goes to every run.
"""

import argparse
import hashlib
import math
import os
import statistics
import subprocess
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from absl import flags  # noqa: E402
from ml_collections import config_flags  # noqa: E402
from tqdm import tqdm  # noqa: E402

from launch import notes  # noqa: E402
from sign_jax.errors import UserError, one_sentence  # noqa: E402
from sign_jax.files import path_argument  # noqa: E402
from sign_jax.run import command_line, config_paths  # noqa: E402
from sign_jax.train import report  # noqa: E402
from sign_jax.untrusted import budget  # noqa: E402

RULES = {  # batch relative to the base -> factor of the learning rate
    "constant": lambda ratio: 1.0,
    "linear": lambda ratio: ratio,
    "sqrt": math.sqrt,
}
COLUMNS = (
    ("pairs_per_second", "pairs/s"), ("memory_gib", "memory GiB"), ("loss", "loss"),
    ("recall", "T2V R@1"),
)
HERE = "here"  # the devices of this machine


def rate(base_lr, base_batch, batch, rule):
  """The learning rate of a batch size by a rule (Goyal et al., 2017; Krizhevsky, 2014)."""
  return base_lr * RULES[rule](batch / base_batch)


def _read(path):
  """The content of a JSON file of this study.

  Raises:
    UserError: when it is damaged.
  """
  try:
    return budget.read_json(path)
  except ValueError as error:
    raise UserError(f"{path} is damaged: start again with a new --workdir") from error


class Study:
  """A grid of runs in one folder."""

  def __init__(self, root, given, extra):
    """
    Args:
      root: pathlib.Path.
      given: what `_arguments` parses.
      extra: flags of every run.
    """
    self.root, self._given, self._extra = root, given, extra

  def check(self):
    """Writes down what all runs share.

    Raises:
      UserError: when runs that are there were started otherwise.
    """
    path = self.root / "study.json"
    keys = ("base_lr", "base_batch", "examples")
    shared = {key: getattr(self._given, key) for key in keys}
    shared |= {"flags": " ".join(self._extra), **_facts(_configuration(self._extra))}
    there = any(self.root.glob("*/results.json"))
    notes.check(path, shared, self.root, "use these or a new --workdir", there)

  def folder(self, batch, rule, devices):
    """The workdir of a run."""
    return self.root / f"batch{batch},{rule},devices={devices}"

  def command(self, batch, rule, devices):
    """The words that start a run."""
    steps = max(1, self._given.examples // batch)
    settings = {
        "batch_size": batch, "steps": steps, "eval_every": steps,
        "optim.lr": rate(self._given.base_lr, self._given.base_batch, batch, rule),
    }
    flags = [f"--config.{key}={value}" for key, value in settings.items()]
    program = ["sign_jax.main"]
    if devices != HERE:
      program = ["launch.local", "--processes", "1", "--devices_per_process", str(devices), "--"]
    workdir = ["--workdir", str(self.folder(batch, rule, devices))]
    return [sys.executable, "-m", *program, *self._extra, *workdir, *flags]

  def run(self, batch, rule, devices):
    """Trains, unless the results are there.

    Raises:
      UserError: with the program's last line when it fails.
    """
    workdir = self.folder(batch, rule, devices)
    if (workdir / "results.json").exists():
      return
    log = self.root / "log.txt"
    with log.open("ab") as file:
      start = file.tell()
      child = subprocess.Popen(
          self.command(batch, rule, devices), stdout=file, stderr=subprocess.STDOUT
      )
      _, status, usage = os.wait4(child.pid, 0)
      child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
      lines = log.read_bytes()[start:].decode(errors="replace").split("\n")
      last = next((line for line in reversed(lines) if line.strip()), child.returncode)
      raise UserError(f"{workdir.name} failed ({last}): see {log}")
    report.write_json(workdir / "memory.json", {"host_gib": usage.ru_maxrss / 2**20})

  def collect(self, batch, rule, devices):
    """{"batch", "rule", "devices", and a number for each of COLUMNS}.

    The memory is None where the study ended before it could write it down.
    """
    workdir = self.folder(batch, rule, devices)
    rows = [row for row in report.read_metrics(workdir / "metrics.jsonl") if "loss" in row]
    results, path = _read(workdir / "results.json"), workdir / "memory.json"
    memory = _read(path)["host_gib"] if path.exists() else None
    # The first row holds the time of compiling.
    speeds = [row["pairs_per_second"] for row in rows[1:] or rows]
    return {
        "batch": batch, "rule": rule, "devices": devices,
        "pairs_per_second": statistics.median(speeds),
        "memory_gib": rows[-1].get("device_memory_gib", memory),
        "loss": rows[-1]["loss"], "recall": results["test/t2v/R@1"],
    }


def table(rows):
  """The collected runs as a text."""
  head = ("batch", "rule", "devices", *(label for _, label in COLUMNS))
  lines = ["".join(f"{name:>12}" for name in head)]
  for row in rows:
    numbers = ("-" if row[key] is None else f"{row[key]:.2f}" for key, _ in COLUMNS)
    cells = (row["batch"], row["rule"], row["devices"], *numbers)
    lines.append("".join(f"{cell!s:>12}" for cell in cells))
  return "\n".join(lines)


def draw(rows, path):
  """A picture for each of COLUMNS, a line for each rule and number of devices."""
  figure, axes = plt.subplots(1, len(COLUMNS), figsize=(15, 3.6), constrained_layout=True)
  lines = sorted({(row["rule"], str(row["devices"])) for row in rows})
  for ax, (key, label) in zip(axes, COLUMNS, strict=True):
    for rule, devices in lines:
      points = sorted(
          (row["batch"], math.nan if row[key] is None else row[key]) for row in rows
          if (row["rule"], str(row["devices"])) == (rule, devices)
      )
      ax.plot(*zip(*points, strict=True), marker=".", label=f"{rule}, devices: {devices}")
    ax.set(xlabel="batch size", ylabel=label)
    ax.set_ylim(0, 1.1 * max(row[key] or 0 for row in rows) or 1)
    ax.set_xscale("log", base=2)
    batches = sorted({row["batch"] for row in rows})
    ax.set_xlim(batches[0] / 1.2, batches[-1] * 1.2)
    ax.set_xticks(batches, [str(batch) for batch in batches])
    ax.spines[["top", "right"]].set_visible(False)
  axes[0].legend(frameon=False, fontsize="small")
  figure.savefig(path, dpi=130)
  plt.close(figure)


def _arguments(argv):
  parser = argparse.ArgumentParser(
    "python -m launch.scaling_study", description=__doc__.split("\n\n")[0]
  )
  parser.add_argument("--workdir", default="runs/scaling", type=path_argument)
  parser.add_argument("--batch_sizes", type=int, nargs="+", default=[32, 64, 128])
  parser.add_argument("--rules", nargs="+", choices=RULES, default=["constant"])
  parser.add_argument("--devices", type=int, nargs="+", help="simulated; default: this machine's")
  parser.add_argument("--base_lr", type=float, default=1e-3, help="learning rate at --base_batch")
  parser.add_argument("--base_batch", type=int, default=128, help="see --base_lr")
  parser.add_argument("--examples", type=int, default=20_000, help="that each run trains on")
  cut = argv.index("--") if "--" in argv else len(argv)
  return parser.parse_args(argv[:cut]), argv[cut + 1 :]


def _configuration(extra):
  """The configuration behind "--"; None where it has a mistake, which its run tells."""
  values = flags.FlagValues()
  config_flags.DEFINE_config_file("config", flag_values=values)
  try:
    argv, _ = command_line.with_config_file(["launch.scaling_study", *extra])
    values(argv, known_only=True)
    values.config.to_json()  # a file that cannot be read is told at its first use
    return values.config
  except (UserError, OSError, AttributeError, KeyError, TypeError, ValueError, flags.Error):
    return None


def _facts(config):
  """Digests of the configuration's values and of the data set; None of what is not there."""
  if config is None:
    return {"configuration": None, "data": None}
  values = hashlib.sha256(config.to_json().encode()).hexdigest()
  data_dir = config_paths.expanded({"data.data_dir": config.data.data_dir})["data.data_dir"]
  return {
      "configuration": values, "data": notes.data_fingerprint(config.data.name, data_dir or None)
  }


def _check(given, extra):
  """Raises UserError on flags that no study can be made of."""
  for name in ("batch_sizes", "devices", "base_batch", "examples", "base_lr"):
    value = getattr(given, name)
    if value is not None and min(value if isinstance(value, list) else [value]) <= 0:
      raise UserError(f"--{name} must be more than 0")
  if not extra:
    raise UserError("no configuration: put -- --config configs/cico.py at the end")
  config = _configuration(extra)
  if config is not None and config.task != "retrieval":
    raise UserError("the study compares T2V R@1: use a configuration of retrieval")


def main(argv):
  """Runs and collects; returns the rows of the table."""
  given, extra = _arguments(argv)
  _check(given, extra)
  study = Study(given.workdir.absolute(), given, extra)
  study.check()
  grid = [
      (batch, rule, devices)
      for devices in given.devices or [HERE] for rule in given.rules for batch in given.batch_sizes
  ]
  for point in tqdm(grid, unit="run"):
    study.run(*point)
  rows = [study.collect(*point) for point in grid]
  print(table(rows))
  (study.root / "scaling.txt").write_text(table(rows) + "\n")
  report.write_json(study.root / "scaling.json", rows)
  draw(rows, study.root / "scaling.png")
  return rows


if __name__ == "__main__":
  with one_sentence():
    main(sys.argv[1:])
