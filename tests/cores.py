"""One core for each process that runs tests, where these are as many as the cores.

XLA cuts work into as many parts as there are cores, and its threads wait for each other awake. On
cores that the other processes of pytest-xdist keep busy, this is work in vain.
"""

import os


def keep_to_one():
  """Keeps this process of pytest-xdist, and what it will start, on a core of its own.

  To be called before NumPy and JAX count the cores. Nothing changes where cores would be left
  over, in a process that runs all tests, and where the system gives no choice of cores.
  """
  name, count = (os.environ.get(f"PYTEST_XDIST_WORKER{end}", "") for end in ("", "_COUNT"))
  if not name or not hasattr(os, "sched_setaffinity"):
    return
  cores = sorted(os.sched_getaffinity(0))
  if int(count) >= len(cores):
    os.sched_setaffinity(0, [cores[int(name.removeprefix("gw")) % len(cores)]])
