"""Compares a system with numbers of its PyTorch original: `python -m sign_jax.parity SYSTEM STEM`.

Rebuilds the weights and inputs of the golden case STEM.json + STEM.npz from their names, computes
every quantity in the file and prints a line for each. The exit status is 1 if a quantity disagrees,
is missing from the file, or is not known to the system.
"""

import argparse
import importlib
import re
import sys
from typing import NamedTuple

import numpy as np

from sign_jax.errors import UserError, one_sentence, printable
from sign_jax.files import existing_file, path_argument
from sign_jax.golden import seeded
from sign_jax.run import compile_cache
from sign_jax.systems import registry
from sign_jax.untrusted import budget, npz

# Facts that describe a case; all others are quantities.
DESCRIPTION = ("params", "constants", "seed_prefix", "gain", "batch", "steps", "lr", "t_total")
# Relative tolerances by the beginning of a name; the first that fits.
TOLERANCES = (
    ("fingerprint", 1e-6),
    # The pose encoder's maxima and ReLUs switch at differences that float32 does not resolve.
    ("grad_norms/signbert.", 3e-3),
    ("grad", 1e-3),
    ("change_norms", 1e-3),
    ("trajectory", 1e-4),
    ("loss_after_trajectory", 1e-4),
    ("loss", 1e-5),
    ("train_loss", 1e-5),
    ("", 1e-4),
)
FLOOR = 0.05  # share of the tolerance that the largest entry lends to small ones
# Zero in theory, rounding noise in practice, which an optimiser's normalisation enlarges: a softmax
# ignores a shift, and so does a BatchNorm. These are compared absolutely.
ZERO = (
    (r"grad_norms/\w+_weight_fc\.2\.bias", 1e-7),
    (r"change_norms_after_trajectory/\w+_weight_fc\.2\.bias", 1e-5),
    (r"grad_norms/signbert\..+\.(tcn\.3|residual\.0|conv4\.0|conv1x1)\.bias", 3e-6),
)


class Row(NamedTuple):
  """One quantity's comparison."""

  name: str
  max_abs: float
  max_rel: float
  tolerance: float
  verdict: str


def read_case(stem):
  """(facts, {name: array}) of STEM.json and STEM.npz.

  Raises:
    UserError: a file is missing or unreadable.
  """
  remedy = "pass the path of a case without .json and .npz"
  text, numbers = (existing_file(f"{stem}.{end}", remedy=remedy) for end in ("json", "npz"))
  try:
    facts, arrays = budget.read_json(text), npz.read(numbers)
  except (OSError, ValueError) as error:
    raise UserError(f"{stem}.json and {stem}.npz cannot both be read: {error}") from error
  if not isinstance(facts, dict) or "params" not in facts:
    raise UserError(f"{stem}.json is no golden case: it has no list `params`")
  return facts, arrays


def expected_quantities(facts, arrays):
  """All numbers of a case by name; entries of dicts are named DICT/ENTRY."""
  expected = dict(arrays)
  for name, value in facts.items():
    if isinstance(value, dict):
      expected |= {f"{name}/{key}": np.float64(number) for key, number in value.items()}
    elif name not in DESCRIPTION:
      expected[name] = np.asarray(value)
  return expected


def compare(name, got, expected, rtol=None):
  """A `Row`: entries may differ by the tolerance times their size, plus a little of the largest."""
  tolerance = rtol or next(value for start, value in TOLERANCES if name.startswith(start))
  if got is None or expected is None:
    verdict = "unknown quantity" if got is None else "missing in the file"
    return Row(name, np.nan, np.nan, tolerance, verdict)
  got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
  if got.size == expected.size and got.squeeze().shape == expected.squeeze().shape:
    got = got.reshape(expected.shape)
  else:
    return Row(name, np.nan, np.nan, tolerance, f"shape {got.shape}, not {expected.shape}")
  error, largest = np.abs(got - expected), np.abs(expected).max(initial=0.0)
  zero = next((value for pattern, value in ZERO if re.fullmatch(pattern, name)), None)
  if zero:
    verdict = "ok (zero in theory)" if error.max() < zero else "DISAGREES"
    return Row(name, error.max(), np.nan, zero, verdict)
  fine = (error <= tolerance * (np.abs(expected) + FLOOR * largest)).all()
  relative = error.max() / largest if largest else error.max()
  return Row(name, error.max(), relative, tolerance, "ok" if fine else "DISAGREES")


def quantities(system, facts):
  """{name: array}, everything that a golden case of a system can hold; see its module."""
  return importlib.import_module(registry.get(system).golden).quantities(system, facts)


def check(system, stem, rtol=None):
  """[`Row`] for everything in a case, and for everything that it should hold.

  Args:
    system: its name.
    stem: path without extension.
    rtol: one relative tolerance in place of those in TOLERANCES.
  """
  facts, arrays = read_case(stem)
  expected = expected_quantities(facts, arrays)
  try:
    got = quantities(system, facts)
  except KeyError as error:
    raise UserError(f"{stem} is no case of {system}: it lacks {error}") from error
  got["fingerprint"] = seeded.fingerprint(seeded.state_dict(facts))
  # Whole gradients are stored of a few parameters only.
  names = [*expected, *(n for n in got if n not in expected and not n.startswith("grad/"))]
  return [compare(name, got.get(name), expected.get(name), rtol) for name in names]


def table(rows):
  """The rows as text."""
  rows = [row._replace(name=printable(row.name)) for row in rows]
  width = max(len(row.name) for row in rows)
  lines = [f"{'quantity':{width}}  {'max abs':>9}  {'max rel':>9}  {'tolerance':>9}  verdict"]
  number = lambda x: f"{x:9.1e}" if np.isfinite(x) else f"{'-':>9}"
  for row in rows:
    numbers = "  ".join(number(x) for x in row[1:4])
    lines.append(f"{row.name:{width}}  {numbers}  {row.verdict}")
  failed = sum(not row.verdict.startswith("ok") for row in rows)
  lines.append(f"{len(rows) - failed} quantities agree, {failed} do not")
  return "\n".join(lines)


def main(argv=None):
  """The command; exits with 1 on any disagreement."""
  parser = argparse.ArgumentParser(prog="python -m sign_jax.parity", description=__doc__)
  parser.add_argument("system", choices=registry.names())
  parser.add_argument("stem", type=path_argument, help="path of the case without .json and .npz")
  parser.add_argument("--rtol", type=float, help="relative tolerance, for all quantities")
  args = parser.parse_args(argv)
  with one_sentence():
    compile_cache.enable()
    rows = check(args.system, args.stem, args.rtol)
  print(table(rows))
  if not all(row.verdict.startswith("ok") for row in rows):
    sys.exit(1)


if __name__ == "__main__":
  main()
