"""The folder of a run: one program at a time, and what it notes there before it begins."""

import contextlib
import json

from sign_jax.files import claimed
from sign_jax.run import settings
from sign_jax.train import distributed, report


@contextlib.contextmanager
def claim(workdir):
  """Keeps a second program out of `workdir`; the system frees the claim of a killed one.

  Process 0 claims for all.

  Raises:
    UserError: when another program is at work there, or nothing can be written there.
  """
  with contextlib.ExitStack() as held:
    busy = f"another run is at work in {workdir}: wait for it or use another --workdir"
    way = claimed(workdir, f"--workdir {workdir}", "run", busy)
    distributed.on_first(lambda: held.enter_context(way))
    yield


def begin(workdir, config, inputs, labels=None, flow_note=None, clip_windows=None):
  """Compares with an earlier start's configuration and writes this one's down.

  Args:
    workdir: pathlib.Path.
    config: ml_collections.ConfigDict.
    inputs: `protocols.Inputs` of the task.
    labels: names of the classes, None where there are none.
    flow_note: how the data set's optical flow was made, None where none is read.
    clip_windows: median number of windows of the training clips, None where none are read.

  Raises:
    UserError: the run was started with other settings.
  """
  settings.check(config, workdir)
  _write(workdir, json.loads(config.to_json()), inputs, labels, flow_note, clip_windows)


def note_inputs(workdir, inputs):
  """Writes down what a run's model was built for, where an earlier version did not."""
  if settings.inputs_of_run(workdir) is None:
    _write(workdir, settings.of_run(workdir), inputs)


def _write(workdir, config, inputs, labels=None, flow_note=None, clip_windows=None):
  noted = {
      settings.INPUTS: inputs, settings.LABELS: labels, settings.FLOW_NOTE: flow_note,
      settings.CLIP_WINDOWS: clip_windows,
  }
  noted = {key: value for key, value in noted.items() if value or key == settings.INPUTS}
  report.write_json(workdir / settings.FILE, {**config, **noted})
