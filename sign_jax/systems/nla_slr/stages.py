"""Where streams begin: runs and files of earlier stages, or an S3D trained on Kinetics-400."""

import functools
import pathlib
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from sign_jax.errors import UserError, printable
from sign_jax.protocols import Variables
from sign_jax.systems.nla_slr import released_names
from sign_jax.systems.nla_slr import streams as names
from sign_jax.train import checkpoint
from sign_jax.weights import convert, readers

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


def state_of(path: str | pathlib.Path) -> dict[str, Any]:
  """{released name: array} of a run's best checkpoint, or of a file of weights.

  Raises:
    UserError: the run is of another system or has no checkpoint; the file cannot be read.
  """
  if not pathlib.Path(path).is_dir():
    return readers.read(path)
  variables = checkpoint.best_on_cpu(pathlib.Path(path) / "checkpoints").variables
  try:
    return convert.export(variables, released_names.NAMES)
  except UserError as error:
    raise UserError(f"{path} is no run of nla_slr: pass one, or a file of weights") from error


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
  state, own = state_of(path), released_names.stream(name)
  start = _start(state, own, released_names.FIRST, path)
  found = _renamed(state, re.escape(start) + r"(?=base\.)", own)
  keep = [rf"\w+/(?!{name}/).+"]
  first = found[own + released_names.FIRST]
  if name.startswith("keypoint") and first.ndim == 5 and first.shape[1] == _COLOURS:
    del found[own + released_names.FIRST]
    keep.append(rf"params/{name}/base_0/conv_s/kernel")
    _say_fresh(path, name)
  return _merged(variables, found, keep, path)


def load_length(variables: Variables, path: str | pathlib.Path, length: str) -> Variables:
  """The same with both streams of a length and the connections between them."""
  video, keypoint = pair = tuple(f"{modality}_{length}" for modality in names.MODALITIES)
  _check_there(variables, pair, length)
  state, own = state_of(path), released_names.stream(video).removesuffix(_VIDEO)
  start = _start(state, own, _VIDEO + released_names.FIRST, path)
  found = _renamed(state, re.escape(start) + r"(?=(rgb|pose)_stream(_lateral)?\.)", own)
  inside = f"{video}|{keypoint}|{video}_to_{keypoint}_.|{keypoint}_to_{video}_."
  return _merged(variables, found, [rf"\w+/(?!({inside})/).+"], path)


_VIDEO = "rgb_stream.backbone."


def _check_there(variables, needed, key):
  if missing := [name for name in needed if name not in variables["params"]]:
    raise UserError(
        f"init.{key} fills {' and '.join(missing)}, which this model does not have: leave it out, "
        "or change model.modalities and model.lengths"
    )


def _start(state, own, end, path):
  """What stands before the names of the network that is wanted: `own`, or the only one there is."""
  starts = {name.removesuffix(end) for name in state if name.endswith(end)}
  if own in starts:
    return own
  if len(starts) != 1:
    few = ", ".join(sorted(start or end for start in starts)[:4])
    raise UserError(
        f"{path} holds {len(starts) or 'no'} networks with an entry {end}"
        + (f" ({few}), and none under {own}" if few else "")
        + ": pass a run or a file with this stream"
    )
  return starts.pop()


def _renamed(state, start, own):
  """The entries of a state dict whose names begin so, with another beginning."""
  matches = ((re.match(start, name), name, value) for name, value in state.items())
  return {own + name[match.end() :]: value for match, name, value in matches if match}


def _say_fresh(path, name):
  print(
      f"{printable(path)}: its first convolution reads colours, so that of {name} begins afresh",
      file=sys.stderr,
  )


def _merged(variables, state, keep, path):
  try:
    return convert.merge(
        variables, state, released_names.NAMES, released_names.IGNORE, keep=tuple(keep)
    )
  except UserError as error:
    raise UserError(f"{path}: {error}") from error
