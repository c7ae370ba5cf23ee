"""Stopping a run in good order when a person or a scheduler asks for it."""

import signal
import time
import types

import jax
from jaxtyping import PyTree

from sign_jax.train import distributed

ASKING_SECONDS = 30  # between two questions of several processes to each other, or one step
_MEASURED_STEPS = 2  # behind the first, to know the time of one


class Interruption:
  """Turns SIGTERM and the first Ctrl-C into a flag that the loop polls."""

  def __enter__(self) -> "Interruption":
    self.asked, self._steps, self._every = False, 0, None
    self._before = {s: signal.signal(s, self._ask) for s in (signal.SIGTERM, signal.SIGINT)}
    return self

  def _ask(self, number: int, frame: types.FrameType | None) -> None:
    del frame
    self.asked = True
    signal.signal(number, self._before[number])  # a second one ends the program at once

  def __exit__(self, *error: object) -> None:
    for number, handler in self._before.items():
      signal.signal(number, handler)

  def due(self, metrics: PyTree) -> bool:
    """Whether several processes are to ask each other after this step, wherever they log.

    To be called once after each step; the same in every process. The clock of process 0 decides how
    many steps take ASKING_SECONDS, from two at the start that all wait for.

    Args:
      metrics: arrays that are ready when the step is done.
    """
    if jax.process_count() == 1:
      return False
    self._steps += 1
    if self._steps == 1:
      jax.block_until_ready(metrics)
      self._clock = time.perf_counter()
    elif self._steps == 1 + _MEASURED_STEPS:
      jax.block_until_ready(metrics)
      seconds = (time.perf_counter() - self._clock) / _MEASURED_STEPS
      self._every = distributed.of_first(int(min(max(ASKING_SECONDS / seconds, 1), 2**30)))
    return self._every is not None and self._steps % self._every == 0

  def agreed(self, asking: bool) -> bool:
    """Whether to stop after this step.

    Several processes must stop after the same one: they ask each other, and not after every step,
    because the answer waits for the devices.

    Args:
      asking: whether to ask after this step; the same in every process.
    """
    if jax.process_count() == 1:
      return self.asked
    return asking and distributed.any_process(self.asked)
