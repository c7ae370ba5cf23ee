"""A training step of NLA-SLR's network from prepared clips: ours and PyTorch, in turns.

All four streams and seven heads in float32: both losses over N glosses, gradients, Adam with its
decay, and the pull of the first classifier. The memory is what a step needs beyond what lies there.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from launch.benchmarks import _measure
from sign_jax.systems import registry
from sign_jax.systems.nla_slr import model as vknet
from sign_jax.systems.nla_slr import released_names as table
from sign_jax.systems.nla_slr import streams
from sign_jax.systems.options import compute_dtype
from sign_jax.train import compilation, optim
from sign_jax.weights import convert

_MODULE = "tests.reference.nla_slr"
OURS, REFERENCE = "ours", "PyTorch"
_EMBEDDING, _SHARE, _EPOCHS = 300, 0.3, 100
_KEYS = {"video_long": ("rgb", "high"), "video_short": ("rgb", "low"),
         "keypoint_long": ("pose", "high"), "keypoint_short": ("pose", "low")}  # fmt: skip
_OPTIONS = ("batch_size", "frames", "size", "network_width", "classes", "repeats")


def add_arguments(parser):
  """Sizes."""
  parser.add_argument("--batch_size", type=int, default=4, help="signs")
  parser.add_argument("--frames", type=int, default=64, help="of the long clips")
  parser.add_argument("--size", type=int, default=112, help="of frames; heatmaps have half of it")
  parser.add_argument("--network_width", type=float, default=1.0, help="share of the channels")
  parser.add_argument("--classes", type=int, default=100, help="glosses")
  _measure.add_repeats(parser, default=3)


def run(args):
  """Times a step; see `launch.benchmarks`.

  Raises:
    UserError: sizes that cannot be, or no PyTorch.
  """
  _measure.check_positive(args, "batch_size", "frames", "size", "classes", "repeats")
  torch, reference = _measure.reference(_MODULE)
  torch.manual_seed(0)
  module = reference.NLASLR(args.classes, _EMBEDDING, args.network_width).train()
  clips, labels, embeddings = _batch(args)
  ways = {
    OURS: _our_step(args, module, clips, labels, embeddings),
    REFERENCE: _their_step(torch, reference, module, clips, labels, embeddings),
  }
  return _measure.beside_reference(args, ways, REFERENCE, "signs", _OPTIONS)


def _batch(args):
  """({stream: clips}, labels, embeddings), the same for both."""
  rng = np.random.default_rng(0)
  lengths = {"long": args.frames, "short": args.frames // 2}
  sizes = {"video": args.size, "keypoint": -(-args.size // 2)}
  clips = {}
  for name in streams.STREAMS:
    modality, length = name.split("_")
    shape = (args.batch_size, lengths[length], *[sizes[modality]] * 2, streams.CHANNELS[modality])
    clips[name] = rng.uniform(-1, 1, shape).astype(np.float32)
  labels = rng.integers(0, args.classes, args.batch_size)
  return clips, labels, rng.standard_normal((args.classes, _EMBEDDING)).astype(np.float32)


def _our_step(args, module, clips, labels, embeddings):
  system = registry.get("nla_slr")
  config = system.config("wlasl")
  dtype = compute_dtype("auto")
  model = vknet.VKNet(args.classes, _EMBEDDING, width=args.network_width, dtype=dtype)
  state = {name: x.numpy() for name, x in module.state_dict().items()}
  variables = convert.merge(vknet.init_shapes(model), state, table.NAMES, table.IGNORE)
  optimizer, _ = optim.from_config(config.optim, _EPOCHS)
  others = {"label": labels, "other": labels[::-1].copy(), "share": np.float32(_SHARE)}

  def step(variables, state, clips, embeddings, targets):
    resident = {"embeddings": embeddings}

    def total(params):
      out, updates = model.apply(
        {**variables, "params": params}, clips, train=True, mutable=["batch_stats"], **resident
      )
      return system.recognizer.loss(config, out, targets, resident, jnp.float32(0))[0], updates

    (loss, updates), grads = jax.value_and_grad(total, has_aux=True)(variables["params"])
    moves, state = optimizer.update(grads, state, variables["params"])
    params = optax.apply_updates(variables["params"], moves)
    params = system.recognizer.constrain(params, jnp.float32(0), config)
    return loss, {"params": params, **updates}, state

  return _measure.compiled_step(
    step, variables, optimizer, (clips, embeddings, others), compilation.options(config)
  )


def _their_step(torch, reference, module, clips, labels, embeddings):
  device = "cuda" if torch.cuda.is_available() else "cpu"
  module.to(device)
  tensor = lambda x: torch.from_numpy(x).to(device)
  inputs = {_KEYS[x]: tensor(np.moveaxis(clip, -1, 1).copy()) for x, clip in clips.items()}
  numbers, embeddings = tensor(labels), tensor(embeddings)
  optimizer = torch.optim.Adam(module.parameters(), 1e-3, (0.9, 0.998), weight_decay=1e-3)

  def once():
    optimizer.zero_grad()
    loss = reference.loss_of(
      module, inputs, embeddings, numbers, numbers.flip(0), _SHARE, 0, _EPOCHS
    )
    loss.backward()
    optimizer.step()
    reference.pull(module, 0, _EPOCHS)
    return loss.item()

  return once
