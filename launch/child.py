"""Runs a module as a program, and ends where the program ends that has started it.

    python -m launch.child PARENT MODULE ARGS

A stage that went on after its program was killed would write the same files as the next start's. On
Linux alone; elsewhere the module just runs.
"""

import contextlib
import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent, argv):
  """Runs `argv`, a module's name and its arguments; `parent`: the id of the starting process."""
  with contextlib.suppress(OSError, AttributeError):
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before
      return
  sys.argv = argv
  runpy.run_module(argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
  main(int(sys.argv[1]), sys.argv[2:])
