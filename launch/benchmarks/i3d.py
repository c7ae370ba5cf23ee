"""Clips a second through I3D, from normalised frames to logits: ours and PyTorch.

The same random weights in both, float32 in PyTorch; clips are (16, size, size, 3).
"""

import jax
import jax.numpy as jnp
import numpy as np

from launch.benchmarks import _measure
from sign_jax.modules import i3d
from sign_jax.systems.i3d import released_names as table
from sign_jax.systems.options import compute_dtype
from sign_jax.weights import convert

_MODULE = "tests.torch.test_i3d"
OURS, REFERENCE = "ours", "PyTorch"
_FRAMES, _CLASSES = 16, 100


def add_arguments(parser):
  """Sizes."""
  parser.add_argument("--batch_size", type=int, default=4, help="clips at once")
  parser.add_argument("--size", type=int, default=224, help="height and width of a frame")
  parser.add_argument("--network_width", type=float, default=1.0, help="share of the channels")
  _measure.add_repeats(parser)


def run(args):
  """Times a batch; see `launch.benchmarks`.

  Raises:
    UserError: sizes that cannot be, or no PyTorch.
  """
  _measure.check_positive(args, "batch_size", "size", "repeats")
  torch, reference = _measure.reference(_MODULE)
  torch.manual_seed(0)
  device = "cuda" if torch.cuda.is_available() else "cpu"
  module = reference.WholeI3D(args.network_width, _CLASSES)
  model = i3d.I3D(_CLASSES, width=args.network_width, dtype=compute_dtype("auto"))
  state = {name: x.numpy() for name, x in module.state_dict().items()}
  variables = convert.merge(i3d.init_shapes(model), state, table.NAMES, table.IGNORE)
  shape = args.batch_size, _FRAMES, args.size, args.size, 3
  clips = np.random.default_rng(0).uniform(-0.5, 0.5, shape).astype(np.float32)
  apply = jax.jit(lambda variables, clips: model.apply(variables, clips)["logits"])
  variables, placed = jax.device_put((variables, jnp.asarray(clips)))
  tensor = reference.theirs_of(clips).to(device)
  module.eval().to(device)

  def theirs():
    with torch.inference_mode():
      return module(tensor).cpu()

  ways = {OURS: lambda: np.asarray(apply(variables, placed)), REFERENCE: theirs}
  seconds = _measure.in_turns(ways, args.repeats)
  found, expected = ways[OURS](), ways[REFERENCE]().numpy()
  return {
    "settings": {
      name: getattr(args, name) for name in ("batch_size", "size", "network_width", "repeats")
    },
    "rows": _measure.rows(seconds, REFERENCE, args.batch_size, "clips"),
    "seconds": seconds,
    "largest_difference": float(np.abs(found - expected).max() / np.abs(expected).max()),
  }
