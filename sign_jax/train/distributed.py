"""Several processes that train together: finding one another, agreeing, speaking with one voice.

Every function of this file but `start` is a collective where it says so: all processes call it,
in the same order. With one process nothing is exchanged.
"""

import contextlib
import hashlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from tqdm import tqdm

from sign_jax.errors import UserError, printable
from sign_jax.train import partners

COORDINATOR, PROCESSES, PROCESS = "SIGN_JAX_COORDINATOR", "SIGN_JAX_PROCESSES", "SIGN_JAX_PROCESS"
TIMEOUT = "SIGN_JAX_TIMEOUT"  # seconds to wait for the others at the start
# Kubernetes numbers the pods of an indexed Job so.
JOB_INDEX = "JOB_COMPLETION_INDEX"

_TIMEOUT_SECONDS = 300
_HEARTBEAT_SECONDS = 60  # without a sign of life until a process counts as dead
_SHUTDOWN_SECONDS = 10  # for which one that ends waits for others: they hang when it failed alone


def find(environment: Mapping[str, str]) -> dict[str, Any] | None:
  """What `jax.distributed.initialize` needs to know, or None for a single process.

  Looked for, in this order: SIGN_JAX_COORDINATOR (host:port of process 0), SIGN_JAX_PROCESSES and
  SIGN_JAX_PROCESS, where an indexed Kubernetes Job may leave the last one to JOB_COMPLETION_INDEX;
  a SLURM step of several tasks; Open MPI; the hosts of a TPU pod slice in GKE.

  Args:
    environment: mapping of environment variables.

  Returns:
    dict of keyword arguments, {} where JAX finds out by itself, or None.

  Raises:
    UserError: on values that are missing or malformed.
  """
  if any(name in environment for name in (COORDINATOR, PROCESSES, PROCESS)):
    return _named(environment)
  if _count(environment, "SLURM_STEP_NUM_TASKS") > 1:
    return {"cluster_detection_method": "slurm"}
  if _count(environment, "OMPI_COMM_WORLD_SIZE") > 1:
    return {"cluster_detection_method": "ompi"}
  if "," in environment.get("TPU_WORKER_HOSTNAMES", ""):
    return {}
  return None


def _named(environment: Mapping[str, str]) -> dict[str, Any] | None:
  """`find` for our own variables."""
  processes = _whole_number(environment, PROCESSES)
  process = _whole_number(environment, PROCESS if PROCESS in environment else JOB_INDEX)
  address = environment.get(COORDINATOR, "")
  host, colon, port = address.rpartition(":")
  if not (host and colon and port.isdigit() and 0 < int(port) < 2**16):
    raise UserError(
        f"{COORDINATOR}={address!r} is not the HOST:PORT of process 0: set it in every process"
    )
  if not 0 <= process < processes:
    raise UserError(
        f"process {process} is not one of {PROCESSES}={processes}: number them from 0 in {PROCESS}"
    )
  if processes == 1:
    return None
  return {
      "coordinator_address": address, "num_processes": processes, "process_id": process,
      # Else JAX asks SLURM, Open MPI or Kubernetes for what is not named here.
      "cluster_detection_method": "deactivate",
  }


def _whole_number(environment: Mapping[str, str], name: str) -> int:
  value = environment.get(name, "")
  if not value.isdigit():
    what = f"{name}={value!r} is not a whole number" if value else f"{name} is missing"
    raise UserError(f"{what}: set {COORDINATOR}, {PROCESSES} and {PROCESS} in every process")
  return int(value)


def _count(environment: Mapping[str, str], name: str) -> int:
  """What a scheduler says of itself; nothing or nonsense is one process."""
  value = environment.get(name, "")
  return int(value) if value.isdigit() else 1


def start(environment: Mapping[str, str] = os.environ) -> None:
  """Joins the other processes, where there are some; before anything touches the devices.

  Ends the program with status 1 and one sentence when the others do not come in time.

  Raises:
    UserError: on malformed variables, when JAX does not find its way by them, or when the devices
      know of other processes that no variable names.
  """
  found = find(environment)
  if found is None:
    if jax.process_count() > 1:  # the hosts of a TPU pod slice without GKE's variables
      raise UserError(
          f"this is one of {jax.process_count()} processes, and nothing says how to meet the "
          f"others: set {COORDINATOR}, {PROCESSES} and {PROCESS} in every process"
      )
    return
  partners.watch()
  # Its handler would keep SIGTERM from ours, and stop several steps later.
  jax.config.update("jax_enable_preemption_service", False)
  seconds = _whole_number(environment, TIMEOUT) if TIMEOUT in environment else _TIMEOUT_SECONDS
  where = found.get("coordinator_address", "process 0's address")
  message = (
      f"the other processes were not met at {where}: see that all of them run and reach it, or "
      f"name another HOST:PORT of process 0 in {COORDINATOR}"
  )
  # JAX's own timeout aborts with a stack trace that nothing can catch.
  watch = threading.Timer(seconds, _give_up, [message])
  watch.daemon = True
  watch.start()
  try:
    jax.distributed.initialize(
        **found,
        initialization_timeout=2 * seconds + 10,
        heartbeat_timeout_seconds=_HEARTBEAT_SECONDS,
        shutdown_timeout_seconds=_SHUTDOWN_SECONDS,
    )
  except (RuntimeError, ValueError, KeyError) as error:
    raise UserError(f"{message} ({' '.join(str(error).split())})") from error
  finally:
    watch.cancel()


def _give_up(message: str) -> None:
  """Ends the program from another thread than the one that waits."""
  print(f"error: {message}", file=sys.stderr, flush=True)
  os._exit(1)


def is_first() -> bool:
  """Whether this process is the one that writes and speaks."""
  return jax.process_index() == 0


def say(text: str) -> None:
  """A line on stderr, of process 0 alone; it does not disturb a progress bar."""
  if is_first():
    tqdm.write(printable(text), file=sys.stderr)


@contextlib.contextmanager
def together() -> Iterator[None]:
  """Ends the program with one sentence and status CRASHED when an exchange with a process fails."""
  try:
    yield
  except Exception as error:
    if not partners.is_lost(error):
      raise
    # Not by way of the interpreter's end, where the runtime would wait for the lost one and abort.
    partners.end()


def any_process(flag: bool) -> bool:
  """Whether `flag` is true in some process; a collective."""
  if jax.process_count() == 1:
    return bool(flag)
  return bool(np.any(multihost_utils.process_allgather(np.bool_(flag))))


def of_first(number: int) -> int:
  """The whole number that process 0 gives, in every process; a collective."""
  if jax.process_count() == 1:
    return number
  return int(multihost_utils.broadcast_one_to_all(np.int32(number)))


def on_first(action: Callable[[], object]) -> None:
  """Calls `action` in process 0 while the others wait; a collective.

  Raises:
    UserError: what `action` raises, in process 0, and that it did, in the others.
  """
  failure = None
  if is_first():
    try:
      action()
    except Exception as error:  # the others must not wait for ever, whatever it was
      failure = error
  failed = any_process(failure is not None)
  if failure is not None:
    raise failure
  if failed:
    raise UserError("process 0 stopped: see what it says")


def check_same(text: str, what: str) -> None:
  """Compares a string over the processes; a collective.

  Raises:
    UserError: when `what` differs.
  """
  if jax.process_count() == 1:
    return
  own = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)
  if (multihost_utils.process_allgather(own) != own).any():
    raise UserError(f"{what} differs between the processes: give all of them the same")
