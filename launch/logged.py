"""Programs of this library as processes of their own, whose output goes to a file."""

import os
import subprocess
import sys

from sign_jax.errors import Stopped, UserError


def call(command, log):
  """`python -m COMMAND`, which ends with this process.

  Args:
    command: module and arguments.
    log: pathlib.Path of the file that the command and its output are added to.

  Raises:
    UserError: with the command's own last line when it fails.
    Stopped: as it was asked to.
  """
  log.parent.mkdir(parents=True, exist_ok=True)
  command = list(map(str, command))
  with log.open("a") as file:
    file.write(f"python -m {' '.join(command)}\n")
    file.flush()
    child = [sys.executable, "-m", "launch.child", str(os.getpid()), *command]
    status = _wait(subprocess.Popen(child, stdout=file, stderr=subprocess.STDOUT))
  if status == Stopped.status:
    raise Stopped(f"stopped: the same command goes on from there, see {log}")
  if status:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    # Below 0: ended by a signal, most often for want of memory, and then without a word.
    reason = f"signal {-status}" if status < 0 else lines[-1]
    raise UserError(f"{command[0]} failed ({reason}): see {log}")


def _wait(child):
  """The exit status of a process; Ctrl-C reaches it too, and it saves what it has done."""
  try:
    return child.wait()
  except KeyboardInterrupt:
    child.wait()
    raise
