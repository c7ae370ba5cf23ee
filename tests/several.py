"""The loop with a small task in several processes: `python -m tests.several WORKDIR SIGNAL STEP`.

Process 1, or that of SEVERAL_PROCESS, sends itself the signal of that number in that step.
"""

import os
import pathlib
import sys

import jax

from sign_jax.data.assemble import shard_rows
from sign_jax.errors import crash_status, one_sentence
from sign_jax.train import distributed, loop
from tests.train import test_loop

CHANGES = {"steps": 12, "log_every": 4, "eval_every": 6}


class Shared(test_loop.Regression):
  """Each process reads its own rows."""

  def train_batches(self, start_step):
    rows = shard_rows(self.batch_size, jax.process_index(), jax.process_count())
    for batch in super().train_batches(start_step):
      yield {name: x[rows] for name, x in batch.items()}


if __name__ == "__main__":
  workdir, number, step = sys.argv[1:]
  distributed._HEARTBEAT_SECONDS = int(os.environ.get("SEVERAL_HEARTBEAT", "60"))
  with crash_status(), one_sentence():
    distributed.start()
    who = int(os.environ.get("SEVERAL_PROCESS", "1"))
    hit = lambda: jax.process_index() == who and os.kill(os.getpid(), int(number))
    task = Shared(at_step={int(step): hit})
    with distributed.together():
      loop.train(task, test_loop.config(**CHANGES), pathlib.Path(workdir))
