"""Renames a PyTorch state dict into Flax variables and back, by a table, strictly.

A table is a sequence of `Rule(torch, flax, layout)`; the first rule that fits a name is used:

  Rule("visual.transformer.resblocks.{n}.ln_1.weight", "params/visual/block_{n}/ln_1/scale")
  Rule("{path}.weight", "params/{path}/kernel", LINEAR)

`{path}` stands for one or more name parts (its dots become slashes), any other `{field}` for a
piece of one part. Both sides of a rule hold the same fields, so that a table reads both ways.
"""

import functools
import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from flax import traverse_util

from sign_jax.errors import UserError

NAMED = 2000  # entries of each kind that an error message names: all of any real model


class Layout(NamedTuple):
  """How one array changes between PyTorch and Flax."""

  to_flax: Callable
  to_torch: Callable


SAME = Layout(lambda x: x, lambda x: x)
# (out, in) <-> (in, out)
LINEAR = Layout(np.transpose, np.transpose)
# (out, in, *window) <-> (*window, in, out), for convolutions of any number of axes
CONV = Layout(
  lambda x: np.moveaxis(x, (0, 1), (-1, -2)), lambda x: np.moveaxis(x, (-1, -2), (0, 1))
)
# (in, out, *window) <-> (*window, in, out), for transposed convolutions
TRANSPOSED_CONV = Layout(
  lambda x: np.moveaxis(x, (0, 1), (-2, -1)), lambda x: np.moveaxis(x, (-2, -1), (0, 1))
)
# (out, in, 1, 1) <-> (in, out): a 1x1 convolution that is a Dense layer here
POINTWISE_2D = Layout(lambda x: x.reshape(x.shape[:2]).T, lambda x: x.T[:, :, None, None])
# (out, in, 1, 1, 1) <-> (in, out): a 1x1x1 convolution that is a Dense layer here
POINTWISE_3D = Layout(lambda x: x.reshape(x.shape[:2]).T, lambda x: x.T[:, :, None, None, None])


class Rule(NamedTuple):
  """One line of a table: a PyTorch name, the Flax path of the same array, and its layout."""

  torch: str
  flax: str
  layout: Layout = SAME


def merge(target, state, table, ignore=(), keep=()):
  """Fills Flax variables with a PyTorch state dict; every entry of both must find its place.

  Args:
    target: nested dict of arrays or `jax.ShapeDtypeStruct`, {"params": ..., "batch_stats": ...}.
    state: {PyTorch name: array}, as `readers.read` gives it.
    table: sequence of `Rule`.
    ignore: regular expressions of PyTorch names (whole names) that are left out.
    keep: regular expressions of Flax paths ("params/head/.+") that keep the target's values.

  Returns:
    A nested dict as `target`, of numpy arrays in the dtypes of `target` (kept entries as given).

  Raises:
    UserError: names the missing, unexpected and mis-shaped entries.
  """
  leaves = traverse_util.flatten_dict(target, sep="/")
  merged = {path: leaf for path, leaf in leaves.items() if _any_match(keep, path)}
  expected = {path: leaf for path, leaf in leaves.items() if path not in merged}
  unexpected, misshaped, seen = [], [], set()
  for name, value in state.items():
    if _any_match(ignore, name):
      continue
    path, layout = _translate(name, table, to_flax=True)
    if path not in expected or path in seen:
      unexpected.append(name)
      continue
    seen.add(path)
    value, shape = np.asarray(value), tuple(expected[path].shape)
    converted = _as_number(_apply(layout.to_flax, value), shape)
    if converted is None or converted.shape != shape:
      misshaped.append(f"{name} {value.shape} for {path} {shape}")
      continue
    merged[path] = np.array(converted, dtype=expected[path].dtype, order="C")
  missing = [_describe(path, table) for path in expected if path not in seen]
  _raise_unless_empty(missing=missing, unexpected=unexpected, misshaped=misshaped)
  return traverse_util.unflatten_dict({path: merged[path] for path in leaves}, sep="/")


def rename(state, table, ignore=()):
  """A PyTorch state dict as nested Flax variables, whatever the model.

  Args:
    state: {PyTorch name: array}.
    table: sequence of `Rule`; entries that none of them names are left out.
    ignore: regular expressions of PyTorch names that are left out, too.

  Returns:
    nested dict of numpy arrays.
  """
  found = {}
  for name, value in state.items():
    path, layout = _translate(name, table, to_flax=True)
    if path is not None and not _any_match(ignore, name):
      found[path] = np.array(layout.to_flax(np.asarray(value)), order="C")
  return traverse_util.unflatten_dict(found, sep="/")


def export(variables, table):
  """The inverse of `merge`.

  Args:
    variables: nested dict of arrays.
    table: sequence of `Rule`.

  Returns:
    {PyTorch name: numpy array}.

  Raises:
    UserError: a variable that no rule names.
  """
  state, unknown = {}, []
  for path, value in traverse_util.flatten_dict(variables, sep="/").items():
    name, layout = _translate(path, table, to_flax=False)
    if name is None:
      unknown.append(path)
    else:
      state[name] = np.copy(layout.to_torch(np.asarray(value)), order="C")
  _raise_unless_empty(unexpected=unknown)
  return state


def unknown(names, table, ignore=()):
  """Those of some PyTorch names that `merge` would take for unexpected, whatever the model."""
  return [
    name for name in names
    if not _any_match(ignore, name) and _translate(name, table, to_flax=True)[0] is None
  ]  # fmt: skip


def _translate(name, table, to_flax):
  # (name on the other side, layout) by the first rule that fits, or (None, None).
  for rule in table:
    source, destination = (rule.torch, rule.flax) if to_flax else (rule.flax, rule.torch)
    match = _pattern(source).fullmatch(name)
    if match:
      separators = (".", "/") if to_flax else ("/", ".")
      fields = {key: text.replace(*separators) for key, text in match.groupdict().items()}
      return destination.format(**fields), rule.layout
  return None, None


@functools.cache
def _pattern(template):
  # "a.{path}.{n}" -> r"a\.(?P<path>.+)\.(?P<n>[^./]+)". Compiled: long tables exceed re's cache.
  pieces = re.split(r"\{(\w+)\}", template)
  pattern = re.escape(pieces[0])
  for field, literal in zip(pieces[1::2], pieces[2::2], strict=True):
    one = r".+" if field == "path" else r"[^./]+"
    again = f"(?P<{field}>" in pattern
    pattern += (f"(?P={field})" if again else f"(?P<{field}>{one})") + re.escape(literal)
  return re.compile(pattern)


def _apply(transform, value):
  # None for an array with too few axes, or with too many elements, for its layout.
  try:
    return transform(value)
  except (ValueError, IndexError):
    return None


def _as_number(value, shape):
  # One number is saved with and without an axis of its own.
  if value is not None and {value.shape, shape} == {(), (1,)}:
    return value.reshape(shape)
  return value


def _describe(path, table):
  name, _ = _translate(path, table, to_flax=False)
  return name or path


def _any_match(patterns, name):
  return any(re.fullmatch(pattern, name) for pattern in patterns)


def _raise_unless_empty(**problems):
  found = "; ".join(
    f"{len(entries)} {kind} ({_abbreviate(entries)})"
    for kind, entries in problems.items()
    if entries
  )
  if found:
    raise UserError(f"the weights do not fit the model, use the file of this model: {found}")


def _abbreviate(entries):
  more = f", and {len(entries) - NAMED} more" if len(entries) > NAMED else ""
  return ", ".join(entries[:NAMED]) + more
