"""The folder of a run: one program at a time, and what it notes there before it begins."""

import contextlib
import errno
import fcntl
import json
import sys

from sign_jax.errors import UserError
from sign_jax.run import settings
from sign_jax.train import distributed, report

# How a file system says that it has no locks (some network and FUSE ones).
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)


@contextlib.contextmanager
def claim(workdir):
  """Keeps a second program out of `workdir`; the system frees the claim of a killed one.

  Process 0 claims for all.

  Raises:
    UserError: when another program is at work there, or nothing can be written there.
  """
  with contextlib.ExitStack() as held:
    distributed.on_first(lambda: held.enter_context(_lock(workdir)))
    yield


@contextlib.contextmanager
def _lock(workdir):
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    lock = open(workdir / ".lock", "w")
  except OSError as error:
    raise UserError(f"--workdir {workdir} cannot be written to: {error.strerror}") from error
  with lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      raise UserError(
          f"another run is at work in {workdir}: wait for it or use another --workdir"
      ) from error
    except OSError as error:
      if error.errno not in NO_LOCKS:
        raise
      print(
          f"{workdir} is on a file system without locks ({error.strerror}): see that no second run "
          "is at work there", file=sys.stderr,
      )
    yield


def begin(workdir, config, inputs, labels=None, flow_note=None):
  """Compares with an earlier start's configuration and writes this one's down.

  Args:
    workdir: pathlib.Path.
    config: ml_collections.ConfigDict.
    inputs: `protocols.Inputs` of the task.
    labels: names of the classes, None where there are none.
    flow_note: how the data set's optical flow was made, None where none is read.

  Raises:
    UserError: the run was started with other settings.
  """
  settings.check(config, workdir)
  _write(workdir, json.loads(config.to_json()), inputs, labels, flow_note)


def note_inputs(workdir, inputs):
  """Writes down what a run's model was built for, where an earlier version did not."""
  if settings.inputs_of_run(workdir) is None:
    _write(workdir, settings.of_run(workdir), inputs)


def _write(workdir, config, inputs, labels=None, flow_note=None):
  noted = {settings.INPUTS: inputs, settings.LABELS: labels, settings.FLOW_NOTE: flow_note}
  noted = {key: value for key, value in noted.items() if value or key == settings.INPUTS}
  report.write_json(workdir / settings.FILE, {**config, **noted})
