"""Transport plans of all pairs: ours, ott-jax that stops by itself, the released loop in PyTorch.

Problems are those of UPRet at sample level: 2 x 2 cosines of each pair of a batch. "error" is the
largest distance of an entry of a plan from the fixed point.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from ott.geometry import geometry
from ott.problems.linear import linear_problem
from ott.solvers.linear import sinkhorn

from launch.benchmarks import _measure
from sign_jax.ops import transport

_MODULE = "tests.reference.upret"
SOLVERS = ("ott", "scaling", "closed_form", "released")
STOPPING, REFERENCE = "ott-jax, stopping by itself", "PyTorch"
_ITERATIONS = 50  # of configs/upret.py


def add_arguments(parser):
  """Sizes."""
  parser.add_argument("--batch_size", type=int, default=128, help="its square is the pairs")
  _measure.add_repeats(parser)


def run(args):
  """Times the plans of all pairs; see `launch.benchmarks`.

  Raises:
    UserError: sizes that cannot be, or no PyTorch.
  """
  _measure.check_positive(args, "batch_size", "repeats")
  torch, upret = _measure.reference(_MODULE)
  pairs = args.batch_size**2
  cosines = np.random.default_rng(0).uniform(-0.2, 1.0, (pairs, 2, 2)).astype(np.float32)
  placed = jnp.asarray(cosines)
  ways = {name: functools.partial(_solve, name) for name in SOLVERS}
  ways[STOPPING] = jax.vmap(_stopping)
  run_ = lambda solve: jax.block_until_ready(solve(placed))
  ways = {name: functools.partial(run_, jax.jit(solve)) for name, solve in ways.items()}
  tensor = torch.from_numpy(cosines).to("cuda" if torch.cuda.is_available() else "cpu")
  ways[REFERENCE] = lambda: upret.plans(tensor).cpu()
  seconds = _measure.in_turns(ways, args.repeats)
  table = _measure.rows(seconds, REFERENCE, pairs, "pairs")
  exact = np.asarray(transport.closed_form_plans(1 - placed))
  for row in table:
    row["error"] = float(np.abs(np.asarray(ways[row["way"]]()) - exact).max())
  return {
    "settings": {"batch_size": args.batch_size, "repeats": args.repeats},
    "rows": table, "seconds": seconds,
  }  # fmt: skip


def _solve(name, cosines):
  return transport.uniform_plans(cosines, name, transport.EPSILON, _ITERATIONS)


def _stopping(cosines):
  """ott-jax as it comes: it stops each problem when its marginals are met, up to 2,000 rounds."""
  geom = geometry.Geometry(cost_matrix=1 - cosines, epsilon=transport.EPSILON)
  with jax.numpy_rank_promotion("allow"):  # ott-jax promotes ranks in its own code
    return sinkhorn.Sinkhorn()(linear_problem.LinearProblem(geom)).matrix
