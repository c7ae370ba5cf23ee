"""What a run writes for people: metrics.jsonl, TensorBoard files, results.json, the loss curve."""

import importlib.metadata
import json
import pathlib
import platform
from collections.abc import Sequence
from typing import Any

from ml_collections import ConfigDict

import sign_jax
from sign_jax.files import replacing
from sign_jax.protocols import Task
from sign_jax.train import distributed
from sign_jax.train.board import SummaryWriter

RESULTS = "results.json"
_PACKAGES = ("jax", "jaxlib", "flax", "optax", "ott-jax", "numpy")


def write_json(path: pathlib.Path, content: Any) -> None:
  """Writes a JSON file whole or not at all."""
  with replacing(path) as partial:
    partial.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def results_name(changed: Sequence[str] = (), name: str = RESULTS) -> str:
  """The name of a file that an evaluation writes.

  Args:
    changed: what differs from the run's own settings and data, as "KEY=VALUE"; the file of the
      run's own results has none of it in its name.
    name: of that file.
  """
  words = ("".join(c if c.isalnum() or c in "=._" else "_" for c in text) for text in changed)
  stem, dot, ending = name.rpartition(".")
  return "-".join([stem, *words]) + dot + ending


def measured(
    task: Task, config: ConfigDict, splits: Sequence[str] = ("validation", "test")
) -> dict[str, Any]:
  """What the numbers of an evaluation were measured with and on: {name: JSON value}."""
  versions = {
      # Ours by the code that runs: it may not be what is installed, if anything is.
      "sign_jax": sign_jax.__version__,
      **{name: importlib.metadata.version(name) for name in _PACKAGES},
      "python": platform.python_version(),
  }
  facts = task.facts(splits) if hasattr(task, "facts") else {}
  return {
      "fingerprint": task.fingerprint, "seed": config.seed,
      "versions": ", ".join(f"{name} {version}" for name, version in versions.items()), **facts,
  }


def read_metrics(path: pathlib.Path) -> list[dict[str, float]]:
  """The objects of metrics.jsonl in its order; lines that are none of ours are left out."""
  return [row for row in map(_row, _lines(path)) if row is not None]


def _lines(path: pathlib.Path) -> list[bytes]:
  return path.read_bytes().split(b"\n") if path.exists() else []


def _row(line: bytes) -> dict[str, float] | None:
  """The object of a line, or None: cut off by a kill, or damaged."""
  try:
    row = json.loads(line)
  except (ValueError, RecursionError):
    return None
  named = isinstance(row, dict) and type(row.get("step")) is int
  numbers = named and all(isinstance(x, int | float) for x in row.values())
  return row if numbers else None


class MetricsWriter:
  """Appends named numbers to metrics.jsonl and TensorBoard."""

  def __init__(self, workdir: pathlib.Path, start_step: int) -> None:
    """Keeps what an earlier run wrote up to `start_step` and forgets what came after it."""
    self._path = workdir / "metrics.jsonl"
    self._set_damage_aside()
    kept = [row for row in read_metrics(self._path) if row["step"] <= start_step]
    with replacing(self._path) as partial:
      partial.write_text("".join(json.dumps(row) + "\n" for row in kept))
    self._file = self._path.open("a")
    self._board = SummaryWriter(str(workdir / "tensorboard"), purge_step=start_step + 1)

  def _set_damage_aside(self) -> None:
    """Says how many lines cannot be read, and keeps them; the last one may be cut by a kill."""
    *lines, _ = _lines(self._path) or [b""]
    bad = [line for line in lines if _row(line) is None]
    if bad:
      aside = self._path.with_suffix(".damaged")
      with aside.open("ab") as file:
        file.writelines(line + b"\n" for line in bad)
      distributed.say(f"{self._path} has {len(bad)} damaged lines, which are moved to {aside}")

  def write(self, step: int, numbers: dict[str, float]) -> None:
    """numbers: {name: float}."""
    self._file.write(json.dumps({"step": step, **numbers}) + "\n")
    self._file.flush()
    for name, value in numbers.items():
      self._board.add_scalar(name, value, step)

  def close(self) -> None:
    """Flushes both."""
    self._file.close()
    self._board.close()


class NoWriter:
  """Stands in for a `MetricsWriter` in processes that write nothing."""

  def write(self, step: int, numbers: dict[str, float]) -> None:
    """Nothing."""

  def close(self) -> None:
    """Nothing."""


Writer = MetricsWriter | NoWriter


def metrics_writer(workdir: pathlib.Path, start_step: int) -> Writer:
  """A `MetricsWriter` in process 0, a `NoWriter` elsewhere."""
  return MetricsWriter(workdir, start_step) if distributed.is_first() else NoWriter()


def draw_curves(workdir: pathlib.Path, selection: str, title: str) -> None:
  """Draws the training loss and the validation numbers over steps into curves.png."""
  from matplotlib.figure import Figure  # a sixth of the imports of every program

  rows = read_metrics(workdir / "metrics.jsonl")
  figure = Figure(figsize=(7, 3.6), layout="constrained")
  left = figure.subplots()
  points = lambda name: zip(*[(r["step"], r[name]) for r in rows if name in r], strict=True)
  if any("loss" in row for row in rows):
    left.plot(*points("loss"), color="tab:blue", label="training loss")
  left.set(xlabel="step", ylabel="loss", title=title)
  left.spines[["top"]].set_visible(False)
  name = f"validation/{selection}"
  if any(name in row for row in rows):
    right = left.twinx()
    right.plot(*points(name), color="tab:orange", marker=".", label=name)
    right.set(ylabel=name, ylim=(0, None))
    right.spines[["top"]].set_visible(False)
  if any(axes.lines for axes in figure.axes):
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
  figure.savefig(workdir / "curves.png", dpi=130)
