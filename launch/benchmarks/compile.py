"""Time to the end of the first training step, with an empty and a filled compilation cache.

The step is that of configs/upret.py; each start is a process of its own, and programs are kept in a
folder for this benchmark alone. The first start finds it empty.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from launch.benchmarks import _measure
from sign_jax.errors import UserError
from sign_jax.run import host_memory

_ROOT = pathlib.Path(__file__).parent.parent.parent
COLD, WARM = "empty", "filled"
_FIRST = "first step s"


def add_arguments(parser):
  """Sizes."""
  parser.add_argument("--batch_size", type=int, default=32, help="pairs")
  parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                      help="of the configuration, as in model.dtype='float32'")  # fmt: skip


def run(args):
  """Starts a program twice; see `launch.benchmarks`.

  Raises:
    UserError: sizes that cannot be, or a program that fails.
  """
  _measure.check_positive(args, "batch_size")
  _measure.upret_config(args.batch_size, args.set)  # mistakes are told before a process starts
  with tempfile.TemporaryDirectory() as folder:
    found = {name: _start(args, folder) for name in (COLD, WARM)}
  return {
    "settings": {"batch_size": args.batch_size, "set": args.set},
    "rows": [
      {"cache": name, **numbers, "times empty": found[COLD][_FIRST] / numbers[_FIRST]}
      for name, numbers in found.items()
    ],
  }


def _start(args, folder):
  allocator = "default" if args.default_allocator else "kept"
  command = [sys.executable, "-m", "launch.benchmarks.compile", allocator, str(args.batch_size)]
  environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": folder}
  done = subprocess.run(
    [*command, *args.set], env=environment, cwd=_ROOT, capture_output=True, text=True, check=False
  )
  if done.returncode:
    last = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it said nothing"
    raise UserError(f"the program whose first step is timed failed: {last}")
  return json.loads(done.stdout.splitlines()[-1])


def _first_step(batch_size, changes):
  """Prints seconds as JSON."""
  from launch.benchmarks import upret_step
  from sign_jax.run import compile_cache

  compile_cache.enable()
  imported = time.perf_counter()
  step = upret_step.our_step(
    *upret_step.make_trainer(_measure.upret_config(int(batch_size), changes))
  )
  begun = time.perf_counter()
  step()
  compiled = time.perf_counter()
  step()
  now = time.perf_counter()
  print(json.dumps({
    "weights s": begun - imported, _FIRST: compiled - begun, "second step s": now - compiled,
  }))  # fmt: skip


if __name__ == "__main__":
  if sys.argv[1] == "kept":
    host_memory.keep_freed()
  _first_step(sys.argv[2], sys.argv[3:])
