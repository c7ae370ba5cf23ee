"""A training step of SignVTCL's network from prepared clips: ours and PyTorch, in turns.

Three streams that exchange maps, four heads with CTC, gradients, Adam with its decay; float32,
without the text. PyTorch reads heatmaps, ours the profiles that these are products of, as training
does here. The memory is what a step needs beyond what lies there.
"""

import jax
import numpy as np
import optax

from launch.benchmarks import _measure
from sign_jax.ops.separable_maps import SeparableMaps
from sign_jax.systems import registry
from sign_jax.systems.signvtcl import losses, released_names, settings
from sign_jax.systems.signvtcl import streams as names
from sign_jax.systems.signvtcl.model import init_shapes
from sign_jax.train import compilation, optim
from sign_jax.weights import convert

_MODULE = "tests.reference.signvtcl"
OURS, REFERENCE = "ours", "PyTorch"
_OPTIONS = ("batch_size", "frames", "size", "network_width", "classes", "repeats")
_GLOSSES, _STEPS = 8, 100  # of a sentence; of the schedule


def add_arguments(parser):
  """Sizes."""
  parser.add_argument("--batch_size", type=int, default=2, help="videos")
  parser.add_argument("--frames", type=int, default=64, help="of a video; a multiple of 4")
  parser.add_argument("--size", type=int, default=112, help="of frames, flow and heatmaps")
  parser.add_argument("--network_width", type=float, default=1.0, help="share of the channels")
  parser.add_argument("--classes", type=int, default=1232, help="glosses and the blank")
  _measure.add_repeats(parser, default=3)


def run(args):
  """Times a step; see `launch.benchmarks`.

  Raises:
    UserError: sizes that cannot be, or no PyTorch.
  """
  _measure.check_positive(args, "batch_size", "frames", "size", "classes", "repeats")
  torch, reference = _measure.reference(_MODULE)
  torch.manual_seed(0)
  module = reference.SignVTCL(args.classes, args.network_width).train()
  clips, glosses = _batch(args)
  ways = {
    OURS: _our_step(args, module, clips, glosses),
    REFERENCE: _their_step(torch, reference, module, clips, glosses),
  }
  return _measure.beside_reference(args, ways, REFERENCE, "videos", _OPTIONS)


def _batch(args):
  """({stream: clips}, glosses), the same for both; all videos are as long as the batch."""
  rng = np.random.default_rng(0)
  frames = args.batch_size, args.frames, args.size
  pictures = {
    name: rng.uniform(-1, 1, (*frames, args.size, names.CHANNELS[name])).astype(np.float32)
    for name in ("video", "flow")
  }
  down, across = rng.uniform(0, 1, (2, *frames, names.CHANNELS["keypoint"])).astype(np.float32)
  made = {**pictures, "keypoint": SeparableMaps(down, across)}
  clips = {name: made[name] for name in names.STREAMS}  # PyTorch's heads read them in this order
  count = min(_GLOSSES, args.frames // 8)  # so that CTC has a path
  return clips, rng.integers(1, args.classes, (args.batch_size, count)).astype(np.int32)


def section(width):
  """The decided `model` section of what is timed: the paper's network without text or dropout."""
  found = settings.model_section()
  found.update_from_flattened_dict({
    "dtype": "float32",
    "width": width, "align.gloss": 0.0, "align.sentence": 0.0, "head.dropout": 0.0,
  })
  return settings.decided(found)


def _our_step(args, module, clips, glosses):
  how, config = section(args.network_width), registry.get("signvtcl").config("phoenix14")
  model = registry.get("signvtcl").build(how, {"classes": args.classes})
  state = {name: x.numpy() for name, x in module.state_dict().items()}
  variables = convert.merge(
    init_shapes(model), state, released_names.PAPER, released_names.IGNORE
  )
  config.optim.stairs = 0  # of a run of so few steps
  optimizer, _ = optim.from_config(config.optim, _STEPS)
  lengths = np.full(args.batch_size, args.frames, np.int32)

  def step(variables, state, clips, lengths, glosses):
    def total(params):
      given = {**variables, "params": params}
      out, updates = model.apply(given, clips, lengths, train=True, mutable=["batch_stats"])
      return sum(losses.terms(out, glosses, how).values()), updates

    (loss, updates), grads = jax.value_and_grad(total, has_aux=True)(variables["params"])
    moves, state = optimizer.update(grads, state, variables["params"])
    params = optax.apply_updates(variables["params"], moves)
    return loss, {"params": params, **updates}, state

  return _measure.compiled_step(
    step, variables, optimizer, (clips, lengths, glosses), compilation.options(config)
  )


def _their_step(torch, reference, module, clips, glosses):
  device = "cuda" if torch.cuda.is_available() else "cpu"
  module.to(device)
  tensor = lambda x: torch.from_numpy(x).to(device)
  dense = {**clips, "keypoint": np.asarray(clips["keypoint"].dense())}
  inputs = {name: tensor(np.moveaxis(clip, -1, 1).copy()) for name, clip in dense.items()}
  batch, frames = clips["video"].shape[:2]
  lengths, counts = torch.full((batch,), frames), torch.full((batch,), glosses.shape[1])
  targets = torch.from_numpy(glosses.astype(np.int64))
  optimizer = torch.optim.Adam(module.parameters(), 1e-3, (0.9, 0.998), weight_decay=1e-3)

  def once():
    optimizer.zero_grad()
    loss = reference.ctc_of_heads(*module(inputs, lengths), targets, counts)
    loss.backward()
    optimizer.step()
    return loss.item()

  return once
