"""Child processes that share their imports: these take longer than most programs of the tests.

`python -m tests.forked SOCKET` imports the library once, and for each request on that file
descriptor forks a child that goes on as `python -m MODULE ARGS` would. JAX has started nothing
by then, so a child chooses its own devices.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pathlib
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile

from absl import flags

ROOT = pathlib.Path(__file__).parent.parent
_DOORS = ("sign_jax.main",)
# What most programs come to import.
_PARTS = (
    *(f"sign_jax.systems.{name}.card" for name in ("cico", "seds", "upret")),
    "sign_jax.data.source", "grain.python", "matplotlib.backends.backend_agg", "matplotlib.figure",
)


class Child:
  """Of `start`; used as a `subprocess.Popen` is, whose name for a number this class keeps."""

  def __init__(self, pid, status, out, error):
    self.pid, self.returncode = pid, None
    self._status, self._files = status, (out, error)

  def poll(self, timeout=0):
    """The exit status, minus a signal's number, or None as long as the program runs."""
    if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
      self.returncode = os.waitstatus_to_exitcode(int(self._status.readline()))
      self._status.close()
    return self.returncode

  def kill(self):
    if self.poll() is None:
      with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
        os.kill(self.pid, signal.SIGKILL)

  def communicate(self):
    """(stdout, stderr) of the whole program, str."""
    self.poll(timeout=None)
    texts = []
    for file in self._files:
      with file:
        file.seek(0)
        texts.append(file.read().decode())
    return tuple(texts)


@functools.cache
def _server(*environment):
  """The socket of a server in an environment."""
  ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
  server = subprocess.Popen(
      [sys.executable, "-m", "tests.forked", str(theirs.fileno())], cwd=ROOT,
      env={**os.environ, **dict(environment)}, pass_fds=[theirs.fileno()],
  )
  theirs.close()

  @atexit.register
  def end():
    ours.close()
    server.wait()

  return ours


def start(*args, environment):
  """`python -m ARGS` as a `Child`, in the root of the repository."""
  read_by_imports = {
      name: x for name, x in environment.items()
      if name.startswith("JAX_") and name != "JAX_COMPILATION_CACHE_DIR"  # asked for by programs
  }
  server = _server(*sorted(read_by_imports.items()))
  files = tempfile.TemporaryFile(), tempfile.TemporaryFile()
  read, write = os.pipe()
  request = json.dumps([args, environment]).encode()
  socket.send_fds(server, [request], [write, *(file.fileno() for file in files)])
  os.close(write)
  status = os.fdopen(read)
  return Child(int(status.readline()), status, *files)


def _import():
  """What programs share, without the doors themselves: each of them is executed anew."""
  for door in _DOORS:
    package, name = door.split(".")
    importlib.import_module(door)
    for flag in [*flags.FLAGS.flags_by_module_dict().get(door, ())]:
      delattr(flags.FLAGS, flag.name)
    delattr(sys.modules[package], name)
    del sys.modules[door]
  for name in _PARTS:
    importlib.import_module(name)
  spare_collector()  # children share what is frozen, too


def spare_collector():
  """Spares the collector of garbage what was imported, which stays, and many a look at the rest.

  Python's own thresholds cost a tenth of the time of tracing.
  """
  gc.freeze()
  gc.set_threshold(500_000, 10, 10)


def _fork(status):
  """Returns in a new process alone; its parent writes its id and its status."""
  if os.fork():
    return False
  child = os.fork()
  if not child:
    return True
  with os.fdopen(status, "w") as file:
    print(child, file=file, flush=True)
    print(os.waitpid(child, 0)[1], file=file)
  os._exit(0)


def _next_request(server):
  """Waits for requests; returns (args, environment) in the process that is to run them."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # is meant for the programs
  while True:
    request, descriptors, *_ = socket.recv_fds(server, 2**20, 3)
    if not request:
      sys.exit()
    status, *files = descriptors
    if _fork(status):
      break
    for descriptor in descriptors:
      os.close(descriptor)
    with contextlib.suppress(ChildProcessError):
      while os.waitpid(-1, os.WNOHANG)[0]:
        pass
  signal.signal(signal.SIGINT, signal.default_int_handler)
  for target, file in enumerate(files, start=1):
    os.dup2(file, target)
  for descriptor in (status, *files):
    os.close(descriptor)
  return json.loads(request)


if __name__ == "__main__":
  _import()
  with socket.socket(fileno=int(sys.argv.pop())) as _socket:
    _arguments, _environment = _next_request(_socket)
  os.environ.clear()
  os.environ.update(_environment)
  sys.argv[1:] = _arguments[1:]
  runpy.run_module(_arguments[0], run_name="__main__", alter_sys=True)
