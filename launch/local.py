"""Runs the training program, or a search, in several processes on this machine, as on a pod.

    python -m launch.local --processes 2 --devices_per_process 4 -- \
      --config configs/upret.py --workdir runs/upret
    python -m launch.local --processes 2 --program sign_jax.search -- \
      query --index archive --workdir runs/upret "It will rain tonight."

Every process simulates its devices on the CPU. Process 0 prints as a single run does; lines of the
others go to stderr, with the number of the process in front. When one fails, the others are ended,
and the exit status is that of the first to fail. Ctrl-C and SIGTERM reach all processes: they stop
after the same step with status 75, and the same command continues from there. A second one kills
them.
"""

import argparse
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

from sign_jax.errors import Stopped, UserError, one_sentence
from sign_jax.train.distributed import COORDINATOR, PROCESS, PROCESSES

GRACE_SECONDS = 5.0  # for those that are left to write down what they can, when one has failed
_STOPPING_SECONDS = 60.0  # for those that are left when one has stopped as it was asked to
_POLL_SECONDS = 0.05
_PROGRAMS = ("sign_jax.main", "sign_jax.search")
_DEVICES_FLAG = r"--xla_force_host_platform_device_count=\S*"


def free_port():
  """A TCP port of this machine that nobody listens on."""
  with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    return listener.getsockname()[1]


def threads(devices):
  """The variable that gives XLA enough threads for simulated devices, {} for a single one.

  XLA has as many threads as devices. Each holds one where it waits for the others in a collective
  operation, and a device may wait in two of them at once: then all threads wait, and the program
  ends after 40 seconds.
  """
  return {"PJRT_NPROC": str(4 * devices)} if devices > 1 else {}


def environment(process, processes, devices, port):
  """The variables of one process with `devices` simulated devices."""
  flags = re.sub(_DEVICES_FLAG, "", os.environ.get("XLA_FLAGS", ""))
  return {
      **os.environ,
      "JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": str(devices), "XLA_FLAGS": flags,
      **threads(devices),
      COORDINATOR: f"127.0.0.1:{port}", PROCESSES: str(processes), PROCESS: str(process),
  }


class Group:
  """Processes that live and die together."""

  def __init__(self, command, processes, devices):
    """Starts `command` (a list of words) in each process."""
    port, self.children, self._readers, self.asked = free_port(), [], [], False
    for index in range(processes):
      # Out of the terminal's group: Ctrl-C must reach them once, from here.
      child = subprocess.Popen(
          command, env=environment(index, processes, devices, port), start_new_session=True,
          **({} if index == 0 else {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}),
      )
      self.children.append(child)
      if index:
        self._readers.append(threading.Thread(target=_prefix, args=(child.stdout, index)))
        self._readers[-1].start()

  def send(self, number):
    """Sends a signal to all that still run."""
    for child in self.children:
      with contextlib.suppress(ProcessLookupError):
        child.send_signal(number)

  def wait(self):
    """The exit status: 0, or that of the first one to fail, as shells report it."""
    try:
      return self._first_failure()
    finally:
      self.send(signal.SIGKILL)
      for child in self.children:
        child.wait()
      for reader in self._readers:
        reader.join()

  def _first_failure(self):
    while True:
      codes = [child.poll() for child in self.children]
      failed = [(index, code) for index, code in enumerate(codes) if code]
      if failed:
        self._end(*failed[0])
        return failed[0][1] if failed[0][1] > 0 else 128 - failed[0][1]
      if all(code == 0 for code in codes):
        return 0
      time.sleep(_POLL_SECONDS)

  def _end(self, index, code):
    """Ends those that are left, which may wait for the lost one inside a collective."""
    stopped = code == Stopped.status  # so the others are about to end by themselves
    deadline = time.monotonic() + (_STOPPING_SECONDS if stopped else GRACE_SECONDS)
    if not (stopped or self.asked) and any(child.poll() is None for child in self.children):
      print(f"process {index} ended with status {code}: ending the others", file=sys.stderr)
    if not stopped:
      self.send(signal.SIGTERM)
    while time.monotonic() < deadline and None in [child.poll() for child in self.children]:
      time.sleep(_POLL_SECONDS)


def _prefix(stream, index):
  with stream:
    for line in stream:
      sys.stderr.buffer.write(b"[%d] " % index + line)
      sys.stderr.flush()


@contextlib.contextmanager
def forwarding(group):
  """Passes SIGTERM and Ctrl-C on to the group; the second one kills it."""

  def forward(number, frame):
    del frame
    group.send(signal.SIGKILL if group.asked else number)
    group.asked = True

  before = {s: signal.signal(s, forward) for s in (signal.SIGTERM, signal.SIGINT)}
  try:
    yield
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)


def main(argv):
  """Runs the program with what stands behind "--"; returns the exit status."""
  parser = argparse.ArgumentParser("python -m launch.local", description=__doc__.split("\n\n")[0])
  parser.add_argument("--processes", type=int, required=True)
  parser.add_argument("--devices_per_process", type=int, default=1, help="simulated ones")
  parser.add_argument("--program", choices=_PROGRAMS, default=_PROGRAMS[0],
                      help=f"default: {_PROGRAMS[0]}")  # fmt: skip
  own, program = (argv, []) if "--" not in argv else (
      argv[: argv.index("--")], argv[argv.index("--") + 1 :]
  )
  given = parser.parse_args(own)
  if not program:
    raise UserError(f"no arguments for {given.program}: put them behind --")
  for name in ("processes", "devices_per_process"):
    if getattr(given, name) < 1:
      raise UserError(f"--{name}={getattr(given, name)} must be 1 or more")
  group = Group(
      [sys.executable, "-m", given.program, *program], given.processes, given.devices_per_process
  )
  with forwarding(group):
    return group.wait()


if __name__ == "__main__":
  with one_sentence():
    sys.exit(main(sys.argv[1:]))
