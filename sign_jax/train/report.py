"""What a run writes for people: metrics.jsonl, TensorBoard files, results.json, the loss curve."""

import json

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from tensorboardX import SummaryWriter  # noqa: E402

from sign_jax.files import replacing  # noqa: E402
from sign_jax.train import distributed  # noqa: E402


def write_json(path, content):
  """Writes a JSON file whole or not at all."""
  with replacing(path) as partial:
    partial.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def read_metrics(path):
  """The objects of metrics.jsonl; a last line cut off by a kill is left out."""
  rows = []
  for line in path.read_text().splitlines() if path.exists() else ():
    try:
      rows.append(json.loads(line))
    except json.JSONDecodeError:
      break
  return rows


class MetricsWriter:
  """Appends named numbers to metrics.jsonl and TensorBoard."""

  def __init__(self, workdir, start_step):
    """Keeps what an earlier run wrote up to `start_step` and forgets what came after it."""
    self._path = workdir / "metrics.jsonl"
    kept = [row for row in read_metrics(self._path) if row["step"] <= start_step]
    with replacing(self._path) as partial:
      partial.write_text("".join(json.dumps(row) + "\n" for row in kept))
    self._file = self._path.open("a")
    self._board = SummaryWriter(str(workdir / "tensorboard"), purge_step=start_step + 1)

  def write(self, step, numbers):
    """numbers: {name: float}."""
    self._file.write(json.dumps({"step": step, **numbers}) + "\n")
    self._file.flush()
    for name, value in numbers.items():
      self._board.add_scalar(name, value, step)

  def close(self):
    """Flushes both."""
    self._file.close()
    self._board.close()


class NoWriter:
  """Stands in for a `MetricsWriter` in processes that write nothing."""

  def write(self, step, numbers):
    """Nothing."""

  def close(self):
    """Nothing."""


def metrics_writer(workdir, start_step):
  """A `MetricsWriter` in process 0, a `NoWriter` elsewhere."""
  return MetricsWriter(workdir, start_step) if distributed.is_first() else NoWriter()


def draw_curves(workdir, selection, title):
  """Draws the training loss and the validation numbers over steps into curves.png."""
  rows = read_metrics(workdir / "metrics.jsonl")
  figure, left = plt.subplots(figsize=(7, 3.6), constrained_layout=True)
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
  plt.close(figure)
