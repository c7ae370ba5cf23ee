"""Beam search over the outputs of a recogniser: ours on a batch, and a plain Python decoder.

Both find the same glosses, or the benchmark stops; the best path (no beam) stands beside them.
"""

import jax
import numpy as np

from launch.benchmarks import _measure
from sign_jax.errors import UserError
from sign_jax.ops import ctc_decode

_MODULE = "tests.reference.ctc_decode"
PYTHON = "Python"
_OPTIONS = ("batch_size", "steps", "classes", "width", "repeats")


def add_arguments(parser):
  """Sizes."""
  parser.add_argument("--batch_size", type=int, default=16, help="videos")
  parser.add_argument("--steps", type=int, default=50, help="of a video, one for four frames")
  parser.add_argument("--classes", type=int, default=1232, help="glosses and the blank")
  parser.add_argument("--width", type=int, default=5, help="prefixes that are kept")
  _measure.add_repeats(parser, default=3)


def run(args):
  """Times decoding; see `launch.benchmarks`.

  Raises:
    UserError: sizes that cannot be, no reference, or other glosses than the reference's.
  """
  _measure.check_positive(args, *_OPTIONS)
  reference = _measure.reference_alone(_MODULE)
  rng = np.random.default_rng(0)
  scores = rng.normal(0, 4, (args.batch_size, args.steps, args.classes)).astype(np.float32)
  steps = np.full(args.batch_size, args.steps, np.int32)
  searches = {"standard": reference.standard, "tensorflow": reference.tensorflow}
  ways = {}
  for name, search in searches.items():
    ways[f"ours, {name}"] = _ours(scores, steps, args.width, name)
    ways[f"{PYTHON}, {name}"] = lambda search=search: [search(x, args.width)[0] for x in scores]
  ways["ours, best path"] = lambda: jax.block_until_ready(ctc_decode.best_path(scores, steps))
  _check_same(ways, searches)
  seconds = _measure.in_turns(ways, args.repeats)
  rows = _measure.rows(seconds, f"{PYTHON}, standard", args.batch_size, "videos")
  return {
    "settings": {name: getattr(args, name) for name in _OPTIONS}, "rows": rows, "seconds": seconds,
  }


def _ours(scores, steps, width, search):
  placed = jax.device_put((scores, steps))
  return lambda: np.asarray(ctc_decode.beam_search(*placed, width, search).glosses)


def _check_same(ways, searches):
  for name in searches:
    ours = [[int(x) for x in row if x] for row in ways[f"ours, {name}"]()]
    theirs = [list(map(int, row)) for row in ways[f"{PYTHON}, {name}"]()]
    if ours != theirs:
      raise UserError(f"the {name} search finds other glosses than the reference: report this")
