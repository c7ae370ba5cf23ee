"""What a run says of its steps while they go on: the bar, the metrics, the speed."""

import time

import jax
import numpy as np
from jaxtyping import Array, Shaped
from tqdm import tqdm

from sign_jax.train import distributed, prefetch
from sign_jax.train.nonfinite import NotFinite
from sign_jax.train.report import Writer


class Log:
  """The metrics of steps, which stay on the devices until they are to be written."""

  def __init__(
      self, writer: Writer, unit: str, batch_size: int, steps: range, began: float
  ) -> None:
    """
    Args:
      writer: see `report.metrics_writer`.
      unit, batch_size: what a step counts, and how many, for the speed.
      steps: range of the steps that this start will do.
      began: what `time.perf_counter` said when it began.
    """
    self.writer, self._unit, self._batch_size, self._began = writer, unit, batch_size, began
    self._pending, self._clock = [], time.perf_counter()
    self._first_seconds = None
    self._bar = tqdm(
        total=steps[-1], initial=steps[0] - 1, unit="step", dynamic_ncols=True, smoothing=0.2,
        disable=not distributed.is_first(),
    )

  def add(self, metrics: dict[str, Shaped[Array, ""]]) -> None:
    """Keeps the metrics of a step and begins to copy them.

    Waits for the first step of all, then for one `prefetch.DEPTH` steps back: steps that a host
    runs further ahead hold a batch each on the devices.
    """
    if self._first_seconds is None:
      self._time_first(metrics)
    for value in metrics.values():
      value.copy_to_host_async()
    self._pending.append(metrics)
    if len(self._pending) > prefetch.DEPTH:
      jax.block_until_ready(self._pending[-1 - prefetch.DEPTH]["loss"])
    self._bar.update()

  def _time_first(self, metrics: dict[str, Array]) -> None:
    jax.block_until_ready(metrics)
    self._first_seconds = time.perf_counter() - self._began
    self._news = {"seconds_to_first_step": self._first_seconds}
    distributed.say(f"the first step was done after {self._first_seconds:.1f} s")

  def write(self, step: int) -> None:
    """Writes the means of the metrics since the last time; waits for the devices.

    Raises:
      NotFinite: a loss or a gradient is not.
    """
    if not self._pending:
      return
    numbers = _fetch(self._pending, step)
    seconds = time.perf_counter() - self._clock
    speed = len(self._pending) * self._batch_size / seconds
    numbers[f"{self._unit}_per_second"] = speed
    self.writer.write(step, numbers | self._news | _device_memory())
    self._bar.set_postfix_str(f"loss {numbers['loss']:.3f}, {speed:.0f} {self._unit}/s")
    self._pending, self._news = [], {}
    self.restart_clock()

  def restart_clock(self) -> None:
    """Leaves out of the speed what took time until now."""
    self._clock = time.perf_counter()

  def close(self) -> None:
    """Ends the bar."""
    self._bar.close()


def _device_memory() -> dict[str, float]:
  """The most that a device of this process has held so far; {} where it does not say (CPUs)."""
  peaks = [
      stats["peak_bytes_in_use"] for device in jax.local_devices()
      if "peak_bytes_in_use" in (stats := device.memory_stats() or {})
  ]
  return {"device_memory_gib": max(peaks) / 2**30} if peaks else {}


def _fetch(pending: list[dict[str, Array]], step: int) -> dict[str, float]:
  """Means of the metrics of the steps since the last call; raises NotFinite on a bad loss."""
  rows = jax.device_get(pending)
  for number, row in enumerate(rows, step - len(rows) + 1):
    for name in ("loss", "gradient_norm"):  # either ruins the parameters
      if not np.isfinite(row[name]):
        raise NotFinite(name.replace("_", " "), row[name], number)
  return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
