"""What a run has trained, or a file of weights holds, without its data set."""

import functools
import pathlib
from typing import Any

import flax
import jax
import ml_collections
import numpy as np

from sign_jax.errors import UserError
from sign_jax.run import checks, settings
from sign_jax.systems import registry
from sign_jax.train import checkpoint, optim, released_float16
from sign_jax.weights import convert

# Of a system without released names: paths in our variables, with dots.
OWN_NAMES = (convert.Rule("{path}", "{path}"),)


@flax.struct.dataclass
class Trained:
  """The best checkpoint of a run.

  Attributes:
    system: `systems.base.System`.
    config: the settings, ml_collections.ConfigDict.
    variables: nested dict of arrays on the CPU.
    record: of the checkpoint, see `train.checkpoint`.
    inputs: `protocols.Inputs`; None where a run of an earlier version did not note them.
    workdir: pathlib.Path of the run, or of the file of weights where there is no run.
    flow_note: how the optical flow was made that it was trained on, see `data.flow_recipe`; None
      where nothing says it.
    clip_windows: median number of windows of the clips that it was trained on; None where nothing
      says it.
  """

  system: Any
  config: ml_collections.ConfigDict
  variables: Any
  record: dict
  inputs: dict | None
  workdir: pathlib.Path
  flow_note: dict | None = None
  clip_windows: int | None = None

  @functools.cached_property
  def model(self):
    """The Flax module.

    Raises:
      UserError: nothing tells what it was built for.
    """
    if self.inputs is None:
      raise UserError(
          f"{self.workdir} was made by an earlier version, which did not note what its model "
          "reads: evaluate it once, with --mode evaluate"
      )
    return self.system.build(self.config.model, self.inputs)

  @property
  def state(self):
    """The variables as a PyTorch state dict, {released name: numpy array}."""
    names = self.system.export_names(self.config.model)
    return convert.export(self.variables, names or OWN_NAMES)

  @property
  def saved_state(self):
    """`state` in the dtypes in which the released code saves it: float16 what was trained so."""
    if optim.precision(self.config.optim) == "float32":
      return self.state
    params = self.variables["params"]
    narrow = lambda x, yes: np.asarray(x, np.float16) if yes else x
    is_float16 = released_float16.mask(params, self.system.parameter_kinds)
    params = jax.tree.map(narrow, params, is_float16)
    return self.replace(variables={**self.variables, "params": params}).state


def load(workdir):
  """The `Trained` of a run.

  Args:
    workdir: pathlib.Path.

  Raises:
    UserError: there is no run, no readable checkpoint, or its system is not known.
  """
  if not workdir.is_dir():
    raise UserError(f"{workdir} holds no run: pass the --workdir of one")
  values = settings.tuples(settings.of_run(workdir))
  model = values.get("model")
  name = model.get("name") if isinstance(model, dict) else None
  if not isinstance(name, str):
    raise UserError(f"{workdir / settings.FILE} names no system: it is of something else")
  try:
    system = registry.get(name)
  except UserError as error:
    raise UserError(f"{workdir} is a run of another system: {error}") from error
  config = ml_collections.ConfigDict(values)
  best = checkpoint.best_on_cpu(workdir / "checkpoints")
  inputs = best.record.get("inputs") or settings.inputs_of_run(workdir)
  flow_note = settings.flow_note_of_run(workdir)
  clip_windows = settings.clip_windows_of_run(workdir)
  run = Trained(
      system, config, best.variables, best.record, inputs, workdir, flow_note, clip_windows
  )
  return run if inputs else run.replace(inputs=_told_by_weights(run))


def _told_by_weights(run):
  """The `protocols.Inputs` of a run of an earlier version, which noted none; None if unknown."""
  shapes = {name: value.shape for name, value in run.state.items()}
  try:
    return checks.TASKS[run.system.task].inputs_of(run.config, run.system, shapes)
  except (KeyError, AttributeError):  # of a version that had not all of these settings yet
    return None
