"""Recognisers that are trained already, whose paths through the glosses others follow."""

import functools
import pathlib
from typing import NamedTuple

import ml_collections

from sign_jax.errors import UserError
from sign_jax.files import existing_folder
from sign_jax.protocols import Variables
from sign_jax.systems.signvtcl import build, settings
from sign_jax.systems.signvtcl.model import SignVTCL
from sign_jax.train import checkpoint

# Whose path through the glosses the loss of glosses follows: a frozen recogniser's, or one's own.
SOURCES = ("teacher", "online")
OPTION = "--config.init.teacher"


class Teacher(NamedTuple):
  """A model and its variables."""

  model: SignVTCL
  variables: Variables


@functools.lru_cache(maxsize=2)
def read(path: str | pathlib.Path) -> Teacher:
  """The best checkpoint of a run of SignVTCL or its base.

  Raises:
    UserError: none is named, there is none, or it is of another system.
  """
  if not path:  # what is only measured or used needs none
    raise UserError(
        "model.align.source=teacher follows the path of a run without alignment: name its folder "
        f"by {OPTION}, or use --config.model.align.source=online"
    )
  folder = existing_folder(path, OPTION, "pass the folder of a run of signvtcl")
  best = checkpoint.best_on_cpu(pathlib.Path(folder) / "checkpoints")
  config, inputs = (best.record.get(key) for key in ("config", "inputs"))
  if not config or not inputs or config["model"].get("name") != "signvtcl":
    raise UserError(f"{path} is no run of signvtcl: pass one by {OPTION}")
  section = ml_collections.ConfigDict(config["model"])
  return Teacher(build.build(settings.decided(section), inputs), best.variables)
