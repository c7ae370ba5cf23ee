"""Streams that begin with runs and files of earlier stages; for systems of several S3Ds."""

import pathlib
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from sign_jax.errors import UserError, printable
from sign_jax.protocols import Variables
from sign_jax.train import checkpoint
from sign_jax.weights import convert, layer_names, readers

FIRST = layer_names.FIRST_OF_S3D  # of every S3D, whatever stands before
State = dict[str, Any]  # {released name: array}


def state_of(path: str | pathlib.Path, rules: Sequence[convert.Rule], systems: str) -> State:
  """{released name: array} of a run's best checkpoint, or of a file of weights.

  Args:
    path: of a run's folder or a file.
    rules: that name the variables of runs which may be given.
    systems: whose runs these are, for an error.

  Raises:
    UserError: the run is of another system or has no checkpoint; the file cannot be read.
  """
  if not pathlib.Path(path).is_dir():
    return readers.read(path)
  variables = checkpoint.best_on_cpu(pathlib.Path(path) / "checkpoints").variables
  try:
    return convert.export(variables, rules)
  except UserError as error:
    raise UserError(f"{path} is no run of {systems}: pass one, or a file of weights") from error


def start_of(
    state: Mapping[str, Any], own: Sequence[str], end: str, path: str | pathlib.Path
) -> str:
  """What stands before the names of the network that is wanted.

  Args:
    state: names.
    own: how that may end, the likeliest first; what is called otherwise is taken where it is the
      only one there is.
    end: of the name of a weight that every such network has.
    path: that the state is of, for an error.

  Raises:
    UserError: there is none, or several others.
  """
  starts = {name.removesuffix(end) for name in state if name.endswith(end)}
  for wanted in own:
    found = [start for start in starts if start.endswith(f".{wanted}")]
    if wanted in starts or len(found) == 1:
      return wanted if wanted in starts else found[0]
  if len(starts) != 1:
    few = ", ".join(sorted(start or end for start in starts)[:4])
    raise UserError(
        f"{path} holds {len(starts) or 'no'} networks with an entry {end}"
        + (f" ({few}), and none under {own[0]}" if few else "")
        + ": pass a run or a file with this stream"
    )
  return starts.pop()


def renamed(state: Mapping[str, Any], start: str, own: str) -> State:
  """The entries whose names begin as the regular expression `start`, with another beginning."""
  matches = ((re.match(start, name), name, value) for name, value in state.items())
  return {own + name[match.end() :]: value for match, name, value in matches if match}


def say(path: str | pathlib.Path, what: str) -> None:
  """A line about a file or a run on stderr."""
  print(f"{printable(path)}: {what}", file=sys.stderr)


def merged(
    variables: Variables, state: Mapping[str, Any], rules: Sequence[convert.Rule],
    ignore: Sequence[str], keep: Sequence[str], path: str | pathlib.Path,
) -> Variables:
  """`convert.merge`, whose errors name the file."""
  try:
    return convert.merge(variables, state, rules, ignore, keep=tuple(keep))
  except UserError as error:
    raise UserError(f"{path}: {error}") from error


def all_but(parts: Sequence[str]) -> str:
  """A regular expression of the paths of variables outside the modules of these names.

  Args:
    parts: regular expressions.
  """
  return rf"\w+/(?!({'|'.join(parts)})/).+"
