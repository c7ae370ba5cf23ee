"""Where streams begin: runs of one stream, released files, or an S3D trained on Kinetics-400."""

import functools
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import Any

from sign_jax.errors import UserError
from sign_jax.modules import s3d
from sign_jax.protocols import Variables
from sign_jax.systems import registry, stream_files
from sign_jax.systems.signvtcl import released_names
from sign_jax.systems.signvtcl import streams as names
from sign_jax.systems.signvtcl.model import BLOCKS
from sign_jax.untrusted import budget

# What stands before a stream's S3D in files of several: ours, TwoStream-SLR's, NLA-SLR's, whose
# longer clips are nearer to sentences.
_VIDEO = (
    "branch.video.backbone.", "visual_backbone_twostream.rgb_stream.backbone.",
    "ts_high.rgb_stream.backbone.", "rgb_stream.backbone.",
)
_STARTS = {
    "video": _VIDEO,
    "keypoint": (
        "branch.keypoint.backbone.", "visual_backbone_twostream.pose_stream.backbone.",
        "ts_high.pose_stream.backbone.", "pose_stream.backbone.",
    ),
    "flow": ("branch.flow.backbone.", *_VIDEO),
}
_LAYERS = "|".join(map(str, range(s3d.ENDS[len(BLOCKS) - 1] + 1)))  # of the blocks that are used


def init_files() -> dict[str, Callable[[Variables, str, Sequence[str]], Variables]]:
  """{key of the section `init`: function (variables, path, names of the classes) -> variables}."""
  return {name: functools.partial(load_stream, name=name) for name in names.STREAMS}


def load_stream(
    variables: Variables, path: str | pathlib.Path, classes: Sequence[str], name: str
) -> Variables:
  """Fresh variables with a stream's S3D, and where they are there its pyramid and its heads.

  The S3D is the stream's own of a run or a file; for flow, also a video's; or the only one there
  is. A stream of keypoints takes all but the first convolution of an S3D that reads something else.
  Heads are those of a run on the same glosses: of a file nobody knows which its classes are. What
  begins afresh is told on stderr.

  Args:
    variables: of a `model.SignVTCL`. One without the stream is returned as it is.
    path: of a run's folder, of SignVTCL or NLA-SLR, or a file of weights.
    classes: the glosses of the model's heads.
    name: of the stream.

  Raises:
    UserError: there is no such S3D, or several; it does not fit; the file cannot be read.
  """
  if name not in variables["params"]:  # what all rows of a table are given
    stream_files.say(path, f"this model has no stream of {name}: init.{name} is not read")
    return variables
  rules = *released_names.PAPER, *released_names.BASE, *registry.get("nla_slr").names
  state = stream_files.state_of(path, rules, "signvtcl or nla_slr")
  start = stream_files.start_of(state, _STARTS[name], stream_files.FIRST, path)
  variables = _with_s3d(variables, state, start, path, name)
  variables = _with_pyramid(variables, state, start, path, name)
  return _with_heads(variables, state, path, classes, name)


def _with_s3d(variables, state, start, path, name):
  own = f"branch.{name}.backbone."
  found = stream_files.renamed(state, re.escape(start) + rf"(?=base\.({_LAYERS})\.)", own)
  keep, first = [stream_files.all_but([name])], own + stream_files.FIRST
  if found[first].ndim == 5 and found[first].shape[1] != names.CHANNELS[name]:
    if name != "keypoint":
      raise UserError(
          f"{path} holds no network that reads pictures, which init.{name} is for: pass another"
      )
    del found[first]
    keep.append(rf"params/{name}/base_0/conv_s/kernel")
    stream_files.say(
        path, f"its first convolution reads something else, so that of {name} begins afresh"
    )
  return _merged(variables, found, keep, path)


def _with_pyramid(variables, state, start, path, name):
  beside = start.removesuffix("backbone.") + "pyramid."
  found = stream_files.renamed(state, re.escape(beside), f"branch.{name}.pyramid.")
  part = f"pyramid_{name}"
  if part not in variables["params"]:
    return variables
  if not found:
    stream_files.say(path, f"the pyramid of {name} begins afresh: there is none")
    return variables
  return _merged(variables, found, [stream_files.all_but([part])], path)


def _with_heads(variables, state, path, classes, name):
  """The head of a stream, and those on its pyramid."""
  for part in (name, *(f"{name}_{level}" for level in names.PYRAMID)):
    if f"head_{part}" not in variables["params"]:
      continue
    own = f"head.{part}."
    found = stream_files.renamed(state, re.escape(own), own)
    if why := _unlike(path, found, classes):
      stream_files.say(path, f"the head of {part} begins afresh: {why}")
    else:
      keep = [stream_files.all_but([f"head_{part}"])]
      variables = _merged(variables, found, keep, path)
  return variables


def _unlike(path: str | pathlib.Path, head: dict[str, Any], classes: Sequence[str]) -> str:
  """Why a head cannot be that of these classes; "" where it can."""
  if not pathlib.Path(path).is_dir():
    return "a file does not say which glosses its classes are"
  if not head:
    return "this run has none"
  return "" if classes_of(path) == list(classes) else "this run is on other glosses"


def classes_of(path: str | pathlib.Path) -> list[str] | None:
  """The names of the classes that a run has noted; None where they cannot be read."""
  try:
    noted = budget.read_json(pathlib.Path(path) / "config.json")
  except (OSError, ValueError):
    return None
  return noted.get("labels") if isinstance(noted, dict) else None


def _merged(variables, state, keep, path):
  rules = released_names.PAPER, released_names.IGNORE
  return stream_files.merged(variables, state, *rules, keep, path)
