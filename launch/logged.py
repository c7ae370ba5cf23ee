"""Programs of this library as processes of their own, whose output goes to a file."""

import contextlib
import os
import signal
import subprocess
import sys
import threading

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
    start = [sys.executable, "-m", "launch.child", str(os.getpid()), *command]
    # In a session of its own it is told once to stop: by this process.
    child = subprocess.Popen(start, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
    status, was_asked = _wait(child)
  if was_asked or status == Stopped.status:
    raise Stopped(f"stopped: the same command goes on from there, see {log}")
  if status:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    # Below 0: ended by a signal, most often for want of memory, and then without a word.
    reason = f"signal {-status}" if status < 0 else lines[-1]
    raise UserError(f"{command[0]} failed ({reason}): see {log}")


def _wait(child):
  """(the exit status of a process, whether SIGTERM has come); it is told of that, and of Ctrl-C."""
  try:
    with _passed_on(signal.SIGTERM, child) as asked:
      return child.wait(), bool(asked)
  except KeyboardInterrupt:
    child.send_signal(signal.SIGINT)  # it saves what it has done
    child.wait()
    raise


@contextlib.contextmanager
def _passed_on(number, child):
  """Passes a signal on to a process, once; yields a list that is empty until then."""
  asked = []
  if threading.current_thread() is not threading.main_thread():
    yield asked
    return

  def tell(number, frame):
    del frame
    asked.append(number)
    signal.signal(number, before)  # a second one ends this program at once, and the child with it
    child.send_signal(number)

  before = signal.signal(number, tell) or signal.SIG_DFL  # None: of a handler that is not Python
  try:
    yield asked
  finally:
    signal.signal(number, before)
