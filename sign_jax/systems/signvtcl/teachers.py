"""Recognisers that are trained already, whose paths through the glosses others follow."""

import functools
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import ml_collections

from sign_jax.errors import UserError
from sign_jax.files import existing_folder
from sign_jax.protocols import Inputs, Variables
from sign_jax.systems.signvtcl import build, settings, stages
from sign_jax.systems.signvtcl.model import SignVTCL
from sign_jax.train import checkpoint, distributed

# Whose path through the glosses the loss of glosses follows: a frozen recogniser's, or one's own.
SOURCES = ("teacher", "online")
OPTION = "--config.init.teacher"
_REMEDY = "pass a run with the same settings, or --config.model.align.source=online"
# Beside the size of pictures, what decides what a stream sees of a clip.
_OF_CLIPS = ("data.centre",)
_OF_KEYPOINTS = ("model.heatmap_canvas", "model.heatmap_sigma")


class Teacher(NamedTuple):
  """A model and its variables.

  Attributes:
    config: the settings of its run.
    inputs: what it was built for.
  """

  model: SignVTCL
  variables: Variables
  config: ml_collections.ConfigDict
  inputs: Inputs


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
  config = ml_collections.ConfigDict(config)
  model = build.build(settings.decided(config.model), inputs)
  return Teacher(model, best.variables, config, inputs)


def check(config: ml_collections.ConfigDict, classes: Sequence[str] | None = None) -> None:
  """Checks the teacher of a run that is to follow one.

  Args:
    config: the whole configuration of the run.
    classes: names of its classes; None where they are not known yet.

  Raises:
    UserError: there is no teacher, or it reads other clips, or says other glosses.
  """
  if not settings.follows_teacher(config.model):
    return
  path = config.init.teacher
  teacher = read(path)
  if fault := _other_clips(config, teacher) or _other_glosses(path, teacher, classes):
    raise UserError(f"the teacher {path} {fault}: {_REMEDY}")


def _other_clips(config, teacher):
  """How a teacher reads other clips than a run does; "" where it reads the same."""
  streams = settings.streams_of(settings.decided(config.model))
  if lacking := [name for name in teacher.model.streams if name not in streams]:
    return f"reads {', '.join(lacking)}, which this model does not"
  for name in teacher.model.streams:
    own = settings.map_size(config) if name == "keypoint" else config.data.size
    its = teacher.inputs[name][0][1]
    if its != own:
      return f"reads {name} of {its} pixels, and this model of {own}"
  for key in (*_OF_CLIPS, *_OF_KEYPOINTS * ("keypoint" in teacher.model.streams)):
    its, own = _value(teacher.config, key), _value(config, key)
    if its is not None and its != own:  # None: of a version that did not have it
      return f"was trained with {key}={its}, and this model has {own}"
  return ""


def _value(config: ml_collections.ConfigDict, key: str) -> Any:
  section, name = key.split(".")
  value = config[section].get(name)
  return tuple(value) if isinstance(value, list | tuple) else value


def _other_glosses(path, teacher, classes):
  if classes is None:
    return ""
  noted, count = stages.classes_of(path), teacher.inputs["classes"]
  is_same = count == len(classes) if noted is None else noted == list(classes)
  if is_same and noted is None:
    distributed.say(
        f"warning: the teacher {path} does not say which gloss each of its {count} classes is, so "
        "they are taken for those of this model"
    )
  return "" if is_same else f"has other classes than the {len(classes)} of this model"
