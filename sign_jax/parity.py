"""How far a system is from its original: `python -m sign_jax.parity SYSTEM STEM`.

SYSTEM is also `released_float16`, the arithmetic in which several systems were published.

Draws the weights and inputs of the golden case STEM.json + STEM.npz from their names, computes
everything in the file as a run of the system's published configuration would, and prints a line per
quantity. The exit status is 1 when a quantity disagrees, is missing from the file, or is not known
to the system.
"""

import argparse
import sys

from sign_jax.errors import one_sentence
from sign_jax.files import path_argument
from sign_jax.golden import compare
from sign_jax.run import compile_cache, task
from sign_jax.systems import registry


def check(system, stem, rtol=None):
  """[`golden.compare.Row`] of a system, by its name, and a case; see `golden.compare.check`."""
  return compare.check(registry.case(system), stem, task.make, rtol)


def main(argv=None):
  """The command; exits with 1 on any disagreement."""
  parser = argparse.ArgumentParser(prog="python -m sign_jax.parity", description=__doc__)
  parser.add_argument("system", choices=registry.cases())
  parser.add_argument("stem", type=path_argument, help="path of the case without .json and .npz")
  parser.add_argument("--rtol", type=float, help="one tolerance for all quantities")
  args = parser.parse_args(argv)
  with one_sentence():
    compile_cache.enable()
    rows = check(args.system, args.stem, args.rtol)
  print(compare.table(rows))
  if not all(row.agrees for row in rows):
    sys.exit(1)


if __name__ == "__main__":
  main()
