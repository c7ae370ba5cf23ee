"""Where streams begin: runs and files of earlier stages, or an S3D trained on Kinetics-400."""

import functools
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from sign_jax.errors import UserError
from sign_jax.protocols import Variables
from sign_jax.systems import stream_files
from sign_jax.systems.nla_slr import released_names
from sign_jax.systems.nla_slr import streams as names

_COLOURS = names.CHANNELS["video"]


def init_files() -> dict[str, Callable[[Variables, str], Variables]]:
  """{key of the section `init`: function (variables, path) -> variables}."""
  of_lengths = {name: functools.partial(load_length, length=name) for name in names.LENGTHS}
  of_streams = {name: functools.partial(load_stream, name=name) for name in names.STREAMS}
  return of_lengths | of_streams


def check(values: Mapping[str, Any]) -> None:
  """Raises UserError where two settings of {dotted name: value} fill one stream."""
  for name in names.STREAMS:
    length = name.split("_")[1]
    if values.get(f"init.{length}") and values.get(f"init.{name}"):
      raise UserError(f"init.{length} and init.{name} both fill {name}: pass only one of them")


def load_stream(variables: Variables, path: str | pathlib.Path, name: str) -> Variables:
  """Fresh variables with one stream's S3D from a run or a file that holds it, or a single S3D.

  All else there is left out. Of an S3D that reads videos, a stream of keypoints takes all but the
  first convolution, and stderr says so.

  Args:
    variables: of a `model.VKNet`.
    path: of a run's folder or a file.
    name: of the stream.

  Raises:
    UserError: the model has no such stream; there is none, or several others, in the file; it does
      not fit.
  """
  _check_there(variables, (name,), name)
  state, own = _state_of(path), released_names.stream(name)
  start = stream_files.start_of(state, [own], released_names.FIRST, path)
  found = stream_files.renamed(state, re.escape(start) + r"(?=base\.)", own)
  keep = [stream_files.all_but([name])]
  first = found[own + released_names.FIRST]
  if name.startswith("keypoint") and first.ndim == 5 and first.shape[1] == _COLOURS:
    del found[own + released_names.FIRST]
    keep.append(rf"params/{name}/base_0/conv_s/kernel")
    stream_files.say(
        path, f"its first convolution reads colours, so that of {name} begins afresh"
    )
  return _merged(variables, found, keep, path)


def load_length(variables: Variables, path: str | pathlib.Path, length: str) -> Variables:
  """The same with both streams of a length and the connections between them."""
  video, keypoint = pair = tuple(f"{modality}_{length}" for modality in names.MODALITIES)
  _check_there(variables, pair, length)
  state, own = _state_of(path), released_names.stream(video).removesuffix(_VIDEO)
  start = stream_files.start_of(state, [own], _VIDEO + released_names.FIRST, path)
  found = stream_files.renamed(state, re.escape(start) + r"(?=(rgb|pose)_stream(_lateral)?\.)", own)
  inside = video, keypoint, f"{video}_to_{keypoint}_.", f"{keypoint}_to_{video}_."
  return _merged(variables, found, [stream_files.all_but(inside)], path)


_VIDEO = "rgb_stream.backbone."


def _check_there(variables, needed, key):
  if missing := [name for name in needed if name not in variables["params"]]:
    raise UserError(
        f"init.{key} fills {' and '.join(missing)}, which this model does not have: leave it out, "
        "or change model.modalities and model.lengths"
    )


def _state_of(path):
  return stream_files.state_of(path, released_names.NAMES, "nla_slr")


def _merged(variables, state, keep, path):
  rules = released_names.NAMES, released_names.IGNORE
  return stream_files.merged(variables, state, *rules, keep, path)
