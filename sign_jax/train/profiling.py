"""A trace of a few training steps, for TensorBoard, XProf or Perfetto."""

import contextlib
import pathlib

import jax
from jaxtyping import PyTree

from sign_jax.train import distributed

SKIPPED = 2  # steps of a start: the first one compiles
TRACED = 3  # steps
NAME = "training step"  # of each in the trace


class Profile:
  """Traces steps of process 0 into `folder`, where `wanted`; a context manager."""

  def __init__(self, folder: pathlib.Path, steps: range, wanted: bool | None) -> None:
    """
    Args:
      folder: pathlib.Path that the trace goes to.
      steps: range of the steps that this start will do.
      wanted: False or None traces nothing.
    """
    self._folder, self._running = folder, False
    self._first = steps[min(SKIPPED, len(steps) - 1)]
    self._last = min(self._first + TRACED - 1, steps[-1])
    self._wanted = wanted and distributed.is_first()

  def before(self, step: int, state: PyTree) -> None:
    """Begins the trace when `step` is the first one to be traced."""
    if self._wanted and step == self._first:
      jax.block_until_ready(state)  # earlier steps do not belong to it
      jax.profiler.start_trace(str(self._folder))
      self._running = True

  def naming(self, step: int) -> contextlib.AbstractContextManager:
    """A context for the step's work, by which tools tell steps apart."""
    if not self._running:
      return contextlib.nullcontext()
    return jax.profiler.StepTraceAnnotation(NAME, step_num=step)

  def after(self, step: int, state: PyTree) -> None:
    """Ends the trace when `step` was the last one."""
    if self._running and step == self._last:
      jax.block_until_ready(state)
      self._stop()
      distributed.say(f"a trace of steps {self._first} to {step} is in {self._folder}")

  def _stop(self) -> None:
    jax.profiler.stop_trace()
    self._running = False

  def __enter__(self) -> "Profile":
    return self

  def __exit__(self, *error: object) -> None:
    if self._running:  # interrupted
      self._stop()
