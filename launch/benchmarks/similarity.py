"""Time and memory of UPRet's token-wise similarity, value and gradients, ours and PyTorch.

Both normalise tokens, pool by softmax in both directions (over text and augmented text), and give
gradients of tokens and weights. Sequences have random lengths, and padding has no weight.

Memory is what is needed beside arguments, results and gradients: ours by the compiler's plan,
PyTorch's the largest sum of the storages of tensors that its operations returned, less the
gradients.
"""

import importlib
import weakref

import jax
import jax.numpy as jnp
import numpy as np

from launch.benchmarks import _measure
from sign_jax.ops.late_interaction import late_interaction
from sign_jax.systems.options import compute_dtype

_MODULE = "tests.reference.upret"
OURS, REFERENCE = "ours", "PyTorch"


def add_arguments(parser):
  """Sizes."""
  parser.add_argument("--batch_size", type=int, default=128, help="pairs")
  parser.add_argument("--video_tokens", type=int, default=65)
  parser.add_argument("--text_tokens", type=int, default=32)
  parser.add_argument("--width", type=int, default=512, help="of tokens")
  parser.add_argument("--no_padding", action="store_true", help="every token has a weight")
  _measure.add_repeats(parser)


def run(args):
  """Times value and gradients; see `launch.benchmarks`.

  Raises:
    UserError: sizes that cannot be, or no PyTorch.
  """
  sizes = ("batch_size", "video_tokens", "text_tokens", "width", "repeats")
  _measure.check_positive(args, *sizes)
  arrays, cotangents = _inputs(args)
  ours, our_bytes = _ours(arrays, cotangents)
  theirs = _theirs(arrays, cotangents)
  their_bytes = _torch_peak(theirs) - sum(x.nbytes for x in arrays)
  seconds = _measure.in_turns({OURS: ours, REFERENCE: theirs}, args.repeats)
  table = _measure.rows(seconds, REFERENCE, args.batch_size**2, "pairs")
  for row, nbytes in zip(table, (our_bytes, their_bytes), strict=True):
    row["MiB"] = nbytes / 2**20
    row[f"of {REFERENCE}'s memory"] = nbytes / their_bytes
  return {
    "settings": {name: getattr(args, name) for name in (*sizes, "no_padding")},
    "rows": table, "seconds": seconds,
    "largest_difference": _difference(ours(), theirs(), arrays),
  }  # fmt: skip


def _inputs(args):
  """Tokens of videos, texts, augmented texts, two weights; and the two scores' cotangents."""
  rng = np.random.default_rng(0)
  counts = args.video_tokens, args.text_tokens, args.text_tokens
  tokens = [rng.standard_normal((args.batch_size, n, args.width), np.float32) for n in counts]
  weights = [_weights(rng, args, n) for n in counts[:2]]
  square = (2, args.batch_size, args.batch_size)
  return [*tokens, *(w / w.sum(1, keepdims=True) for w in weights)], rng.random(square, np.float32)


def _weights(rng, args, count):
  """Random weights; without them the class token and all after a length from 1 on."""
  weights = rng.random((args.batch_size, count), np.float32) + 0.1
  if not args.no_padding:
    lengths = rng.integers(1, count, (args.batch_size, 1))
    places = np.arange(count)
    weights *= (places >= (count == args.video_tokens)) & (places <= lengths)
  return weights


def _ours(arrays, cotangents):
  """(function that returns the gradients, bytes of temporaries)."""
  dtype = compute_dtype("auto")
  placed = [jnp.asarray(x, dtype if x.ndim == 3 else None) for x in arrays]

  @jax.jit
  def gradients(cotangents, video, text, text_aug, *weights):
    def scores(video, text, text_aug, *weights):
      return late_interaction(video, text, *weights, text_aug=text_aug)

    found, back = jax.vjp(scores, video, text, text_aug, *weights)
    return found, back(tuple(cotangents))

  cotangents = jnp.asarray(cotangents)
  compiled = gradients.lower(cotangents, *placed).compile()
  run_ = lambda: jax.block_until_ready(compiled(cotangents, *placed)[1])
  return run_, compiled.memory_analysis().temp_size_in_bytes


def _theirs(arrays, cotangents):
  """A function that returns the reference's gradients."""
  torch, upret = _measure.reference(_MODULE)
  device = "cuda" if torch.cuda.is_available() else "cpu"
  leaves = [torch.from_numpy(x).to(device).requires_grad_() for x in arrays]
  cotangents = list(torch.from_numpy(cotangents).to(device))

  def gradients():
    scores = upret.CiCo.similarity(None, *leaves)
    found = torch.autograd.grad(scores, leaves, cotangents)
    if device == "cuda":
      torch.cuda.synchronize()
    return found

  return gradients


def _torch_peak(run_):
  """Largest sum, in bytes, of storages alive that operations of `run_` returned."""
  torch, _ = _measure.reference(_MODULE)
  dispatch = importlib.import_module("torch.utils._python_dispatch")

  class Storages(dispatch.TorchDispatchMode):
    alive, now, peak = {}, 0, 0

    def forget(self, key):
      self.now -= self.alive.pop(key)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
      out = function(*args, **(kwargs or {}))
      for x in out if isinstance(out, tuple | list) else (out,):
        if isinstance(x, torch.Tensor):
          storage = x.untyped_storage()
          if storage._cdata not in self.alive:
            self.alive[storage._cdata] = storage.nbytes()
            weakref.finalize(storage, self.forget, storage._cdata)
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
      return out

  with Storages() as storages:
    run_()
  return storages.peak


def _difference(ours, theirs, arrays):
  """Largest difference of a gradient, relative to its largest entry; not of padding's weights."""
  worst = 0.0
  for own, tensor, given in zip(ours, theirs, arrays, strict=True):
    counts = given != 0 if given.ndim == 2 else True
    expected = tensor.cpu().numpy() * counts
    apart = np.abs(np.asarray(own, np.float32) * counts - expected).max()
    worst = max(worst, float(apart / np.abs(expected).max()))
  return worst
