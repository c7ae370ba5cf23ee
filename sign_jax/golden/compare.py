"""Compares a system with a golden case: STEM.json and STEM.npz against what it computes.

The module that a system's card names as `golden` has

    quantities(system, facts, weights, make_task) -> {name: array}

and perhaps TOLERANCES, ZERO and LISTS of its own (see `Rules`); its tolerances come before those
below. Or, where a case's files are of another form, it has

    check(system, stem, make_task, rtol) -> [Row]

which does all that `check` below does.
"""

import contextlib
import importlib
import pathlib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy
from ml_collections import ConfigDict

from sign_jax.errors import UserError, printable
from sign_jax.files import existing_file
from sign_jax.golden import seeded
from sign_jax.protocols import System, Task
from sign_jax.untrusted import budget, npz

Facts = Mapping[str, Any]  # the content of STEM.json
Quantities = dict[str, Any]  # arrays by their names
MakeTask = Callable[[ConfigDict, Any], Task]  # `run.task.make`

# Facts that describe a case; all others are quantities.
DESCRIPTION = (
    "params", "constants", "seed_prefix", "gain", "batch", "steps", "lr", "t_total",
    # Of whole pipelines.
    "pipeline", "dataset", "inputs", "given", "videos", "sentences", "rows_step", "columns_step",
    "first_videos", "first_sentences", "factor", "sentences_of_epoch",
)
GIVEN = "input/"  # begins the names of arrays that are inputs
# Relative tolerances by the beginning of a name; the first that fits.
TOLERANCES = (
    ("fingerprint", 1e-6),
    ("gradient_norm_before_clipping", 1e-5),
    ("grad", 1e-3),
    ("change_norms", 1e-3),
    ("trajectory", 1e-4),
    ("loss_after_trajectory", 1e-4),
    ("loss", 1e-5),
    ("train_loss", 1e-5),
    # Of whole pipelines: nothing but the sums' order differs; metrics are equal, of which some were
    # computed in float32.
    ("log_logit_scale", 1e-6),
    ("part", 1e-5),
    ("row_mean", 1e-5),
    ("col_mean", 1e-5),
    ("t2v", 1e-7),
    ("v2t", 1e-7),
    ("windows", 1e-7),
    ("video_part", 1e-7),
    ("text_features", 1e-4),
    ("text", 1e-7),
    ("", 1e-4),
)
FLOOR = 0.05  # share of the tolerance that the largest entry lends to small ones


class Rules(NamedTuple):
  """How close quantities must come.

  Attributes:
    tolerances: (beginning of a name, relative tolerance); the first that fits.
    zero: (regular expression of whole names, absolute tolerance): zero in theory.
    lists: regular expressions of whole names of lists that may be empty; of anything else nothing
      agrees with nothing.
  """

  tolerances: tuple[tuple[str, float], ...] = TOLERANCES
  zero: tuple[tuple[str, float], ...] = ()
  lists: tuple[str, ...] = ()


RULES = Rules()


class Row(NamedTuple):
  """One quantity's comparison."""

  name: str
  max_abs: float
  max_rel: float
  tolerance: float
  verdict: str

  @property
  def agrees(self):
    """Whether the two are equal, as far as must be."""
    return self.verdict.startswith("ok")


def read_case(stem: str | pathlib.Path, part: str = "params") -> tuple[Facts, Quantities]:
  """(facts, {name: array}) of STEM.json and STEM.npz.

  A case may name further inputs: `inputs`, a file beside it, of which the facts then have the path;
  and `given`, some of its arrays, which are among the facts too. An array whose name begins with
  "input/" is always given.

  Args:
    stem: path without extension.
    part: what the facts must hold.

  Raises:
    UserError: a file is missing or unreadable, or of something else.
  """
  remedy = "pass the path of a case without .json and .npz"
  text, numbers = (existing_file(f"{stem}.{end}", remedy=remedy) for end in ("json", "npz"))
  try:
    facts, arrays = budget.read_json(text), npz.read(numbers)
  except (OSError, ValueError) as error:
    raise UserError(f"{stem}.json and {stem}.npz cannot both be read: {error}") from error
  if not isinstance(facts, dict) or part not in facts:
    raise UserError(f"{stem}.json is no golden case: it has no entry `{part}`")
  return facts | _further_inputs(facts, arrays, text.parent), arrays


def _further_inputs(facts, arrays, folder):
  found = {}
  if isinstance(facts.get("inputs"), str):
    # Only its name: a case leads to no other folder.
    found["inputs"] = existing_file(folder / pathlib.Path(str(facts["inputs"])).name)
  given = {*facts.get("given", ()), *(name for name in arrays if name.startswith(GIVEN))}
  if given:
    found["given"] = {name: arrays[name] for name in given if name in arrays}
  return found


def expected_quantities(facts: Facts, arrays: Quantities) -> Quantities:
  """All numbers of a case by name; entries of dicts are named DICT/ENTRY."""
  expected = {name: x for name, x in arrays.items() if not name.startswith(GIVEN)}
  for name, value in facts.items():
    if name in DESCRIPTION:
      continue
    if isinstance(value, dict):
      expected |= {f"{name}/{key}": np.float64(number) for key, number in value.items()}
    else:
      expected[name] = np.asarray(value)
  return expected


def rules(system: System) -> Rules:
  """The `Rules` of a system: its golden module's own before the general ones."""
  module = importlib.import_module(system.golden)
  own = getattr(module, "TOLERANCES", ())
  return Rules((*own, *TOLERANCES), getattr(module, "ZERO", ()), getattr(module, "LISTS", ()))


def compare(name: str, got: Any, expected: Any, rules: Rules = RULES) -> Row:
  """A `Row`: entries may differ by the tolerance times their size, plus a little of the largest."""
  tolerance = next(value for start, value in rules.tolerances if name.startswith(start))
  if got is None or expected is None:
    verdict = "unknown quantity" if got is None else "missing in the file"
    return Row(name, np.nan, np.nan, tolerance, verdict)
  got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
  if got.size == expected.size and got.squeeze().shape == expected.squeeze().shape:
    got = got.reshape(expected.shape)
  else:
    return Row(name, np.nan, np.nan, tolerance, f"shape {got.shape}, not {expected.shape}")
  if not expected.size and any(re.fullmatch(pattern, name) for pattern in rules.lists):
    return Row(name, 0.0, 0.0, tolerance, "ok (both are empty)")
  if not expected.size or not np.isfinite(expected).all():
    return Row(name, np.nan, np.nan, tolerance, "the file has no finite numbers of it")
  error, largest = np.abs(got - expected), np.abs(expected).max(initial=0.0)
  zero = next((value for pattern, value in rules.zero if re.fullmatch(pattern, name)), None)
  if zero:
    verdict = "ok (zero in theory)" if error.max() < zero else "DISAGREES"
    return Row(name, error.max(), np.nan, zero, verdict)
  fine = (error <= tolerance * (np.abs(expected) + FLOOR * largest)).all()
  relative = error.max() / largest if largest else error.max()
  return Row(name, error.max(), relative, tolerance, "ok" if fine else "DISAGREES")


@contextlib.contextmanager
def weights_file(state: Mapping[str, Any]) -> Iterator[pathlib.Path]:
  """Yields a file of a state dict {released name: array}, which messages then do not name."""
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, "weights.safetensors")
    safetensors.numpy.save_file({name: np.asarray(x) for name, x in state.items()}, path)
    try:
      yield path
    except UserError as error:
      raise UserError(str(error).replace(str(path), "the case's weights")) from error


def quantities(system: System, facts: Facts, make_task: MakeTask) -> Quantities:
  """{name: array}, everything that a case can hold, its fingerprint among them.

  Args:
    system: `protocols.System` with the name of its `golden` module.
    facts: the content of STEM.json.
    make_task: function (configuration, what is read in place of a data set) -> `protocols.Task`,
      `run.task.make`.

  Raises:
    UserError: the weights do not fit the system.
    KeyError: facts that its cases have are missing.
  """
  state = seeded.state_dict(facts)
  module = importlib.import_module(system.golden)
  with weights_file(state) as weights:
    found = module.quantities(system, facts, weights, make_task)
  found = {name: np.asarray(value) for name, value in found.items()}
  return {**found, "fingerprint": seeded.fingerprint(state)}


def rows(
    facts: Facts, arrays: Quantities, got: Quantities, rules: Rules = RULES
) -> list[Row]:
  """[`Row`] for everything in a case, and for everything that it should hold.

  Args:
    facts, arrays: the case.
    got: what `quantities` returns.
    rules: `Rules`.
  """
  expected = expected_quantities(facts, arrays)
  # Whole gradients are stored of a few parameters only.
  names = [*expected, *(n for n in got if n not in expected and not n.startswith("grad/"))]
  return [compare(name, got.get(name), expected.get(name), rules) for name in names]


def check(
    system: System, stem: str | pathlib.Path, make_task: MakeTask, rtol: float | None = None
) -> list[Row]:
  """[`Row`] of a system and a case.

  Args:
    system, make_task: as in `quantities`.
    stem: path without extension.
    rtol: one relative tolerance in place of all others.

  Raises:
    UserError: files that cannot be read, a case of something else, a system without cases.
  """
  if not system.golden:
    raise UserError(f"{system.name} has no golden case: its card names no module `golden`")
  own_check = getattr(importlib.import_module(system.golden), "check", None)
  if own_check:
    return own_check(system, stem, make_task, rtol)
  facts, arrays = read_case(stem)
  try:
    got = quantities(system, facts, make_task)
  except KeyError as error:
    raise UserError(f"{stem} is no case of {system.name}: it lacks {error}") from error
  found = rules(system)
  if rtol is not None:
    found = found._replace(tolerances=(("", rtol),))
  return rows(facts, arrays, got, found)


def table(rows: list[Row]) -> str:
  """The rows as text."""
  rows = [row._replace(name=printable(row.name)) for row in rows]
  width = max(len(row.name) for row in rows)
  lines = [f"{'quantity':{width}}  {'max abs':>9}  {'max rel':>9}  {'tolerance':>9}  verdict"]
  number = lambda x: f"{x:9.1e}" if np.isfinite(x) else f"{'-':>9}"
  for row in rows:
    numbers = "  ".join(number(x) for x in row[1:4])
    lines.append(f"{row.name:{width}}  {numbers}  {row.verdict}")
  failed = sum(not row.agrees for row in rows)
  lines.append(f"{len(rows) - failed} quantities agree, {failed} do not")
  return "\n".join(lines)
