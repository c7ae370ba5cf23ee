"""Stopping a run in good order when a person or a scheduler asks for it."""

import signal

import jax

from sign_jax.train import distributed


class Interruption:
  """Turns SIGTERM and the first Ctrl-C into a flag that the loop polls."""

  def __enter__(self):
    self.asked = False
    self._before = {s: signal.signal(s, self._ask) for s in (signal.SIGTERM, signal.SIGINT)}
    return self

  def _ask(self, number, frame):
    del frame
    self.asked = True
    signal.signal(number, self._before[number])  # a second one ends the program at once

  def __exit__(self, *error):
    for number, handler in self._before.items():
      signal.signal(number, handler)

  def agreed(self, synchronised):
    """Whether to stop after this step.

    Several processes must stop after the same one: they ask each other, and only after steps after
    which they wait for the devices anyway.

    Args:
      synchronised: whether this is such a step; the same in every process.
    """
    if jax.process_count() == 1:
      return self.asked
    return synchronised and distributed.any_process(self.asked)
