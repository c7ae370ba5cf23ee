"""Token-wise similarity of all pairs of a batch, computed in tiles.

CiCo and UPRet score video a and text b by the products of all their tokens,
S[a,b,i,j] = v_ai . t_bj, pooled first over one axis and then over the other. The (A, B, N_v, N_t)
tensor would not fit at large batches: it exists tile by tile and is computed again on the way back.
On a mesh every device scores its own videos with all texts. SEDS matches two sequences of the same
windows so, too.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Float32

from sign_jax.ops import placement
from sign_jax.ops.late_interaction_tiles import (
  NEGATIVE,
  Settings,
  Side,
  direction,
  direction_gradients,
  normalize,
)

TILES = 16  # of a batch whose similarities are neither few nor many
TILE_BOUNDS = 2**18, 2**25  # elements of a device's tile; below, overhead is larger than savings
TILE_BOUNDS_ON_CPU = 2**18, 2**20  # of all devices together: they share a cache

Arrays = dict[str, ArrayLike]  # tokens, weights and masks of one side, by name


def mean_weights(mask: Bool[ArrayLike, "B N"]) -> Float32[Array, "B N"]:
  """Uniform weights over valid tokens: (B, N) bool -> (B, N) float32; CiCo."""
  mask = mask.astype(jnp.float32)
  return mask / jnp.maximum(mask.sum(-1, keepdims=True), 1.0)


def masked_softmax(
    scores: Float[ArrayLike, "B N"], mask: Bool[ArrayLike, "B N"]
) -> Float32[Array, "B N"]:
  """Softmax of (B, N) scores over valid tokens; UPRet, eq. 23."""
  return jax.nn.softmax(jnp.where(mask, scores.astype(jnp.float32), NEGATIVE), axis=-1)


def _gather(settings: Settings, texts: Arrays) -> Arrays:
  """Texts of all devices, once, in their own dtype."""
  return {name: placement.gather(x, settings.axes) for name, x in texts.items()}


def _sides(videos: Arrays, texts: Arrays) -> tuple[Side, Side, Side]:
  """The video, the text and the text that the scores of the other direction read."""
  side = lambda arrays, name: Side(arrays[name], arrays["weights"], arrays.get("mask"))
  return (
      side(videos, "video"), side(texts, "text"),
      side(texts, "text_aug" if "text_aug" in texts else "text"),
  )


def _forward(
    settings: Settings, videos: Arrays, texts: Arrays
) -> tuple[Float32[Array, "A B"], Float32[Array, "A B"]]:
  """I2T and T2I of one device's videos with all texts."""
  video, text, text_aug = _sides(videos, _gather(settings, texts))
  return direction(settings, video, text), direction(settings, text_aug, video).T


def _before_normalize(
    x: Float[ArrayLike, "*shape"], grad: Float[ArrayLike, "*shape"]
) -> Float[Array, "*shape"]:
  """The gradient of `x` from that of `normalize(x)`."""
  unit, back = jax.vjp(normalize, x)
  return back(grad.astype(unit.dtype))[0]


def _backward(
    settings: Settings, videos: Arrays, texts: Arrays, grads: tuple[Array, Array]
) -> tuple[Arrays, Arrays]:
  """Gradients of one device's videos and texts from those of its rows of scores."""
  video, text, text_aug = _sides(videos, _gather(settings, texts))
  in_video, video_weights, in_text = direction_gradients(settings, video, text, grads[0])
  in_aug, text_weights, in_video_too = direction_gradients(settings, text_aug, video, grads[1].T)
  found = {"text": in_text, "text_aug": in_aug}
  if "text_aug" not in texts:
    found = {"text": in_text + in_aug}
  found = {name: placement.scatter(x, settings.axes) for name, x in found.items()}
  found = {name: _before_normalize(texts[name], x) for name, x in found.items()}
  return (
      {"video": _before_normalize(videos["video"], in_video + in_video_too),
       "weights": video_weights},
      {**found, "weights": placement.scatter(text_weights, settings.axes)},
  )  # fmt: skip


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _scores(settings, videos, texts):
  return placement.by_rows(functools.partial(_forward, settings), settings.axes)(videos, texts)


def _scores_forward(settings, videos, texts):
  return _scores(settings, videos, texts), (videos, texts)


def _scores_backward(settings, inputs, grads):
  backward = placement.by_rows(functools.partial(_backward, settings), settings.axes)
  # Masks have no gradient.
  return tuple(
      {name: grad[name].astype(x.dtype) if name in grad else None for name, x in given.items()}
      for given, grad in zip(inputs, backward(*inputs, tuple(grads)), strict=True)
  )


_scores.defvjp(_scores_forward, _scores_backward)


def tile_elements(similarities: int, devices: int = 1, backend: str | None = None) -> int:
  """Elements of a device's tile that suit it: a part of the similarities that it computes.

  Args:
    similarities: of all tokens, over all devices.
    devices: that divide them.
    backend: "cpu", "gpu" or "tpu"; default: jax's.
  """
  low, high = TILE_BOUNDS
  if (backend or jax.default_backend()) == "cpu":
    low, high = (bound // devices for bound in TILE_BOUNDS_ON_CPU)
  return min(max(similarities // devices // TILES, low), high)


def late_interaction(
    video: Float[ArrayLike, "A N_v D"],
    text: Float[ArrayLike, "B N_t D"],
    video_weights: Float[ArrayLike, "A N_v"],
    text_weights: Float[ArrayLike, "B N_t"],
    *,
    text_aug: Float[ArrayLike, "B N_t D"] | None = None,
    video_mask: Bool[ArrayLike, "A N_v"] | None = None,
    text_mask: Bool[ArrayLike, "B N_t"] | None = None,
    pooling: str = "softmax",
    temperature: float = 0.07,
    max_elements: int = 0,
) -> tuple[Float32[Array, "A B"], Float32[Array, "A B"]]:
  """Similarities of all pairs in both directions; CiCo, eq. 5 to 8, and UPRet, eq. 23 and 24.

  I2T[a,b] = sum_i w_v[a,i] pool_j S[a,b,i,j] over `text`, and
  T2I[a,b] = sum_j w_t[b,j] pool_i S'[a,b,i,j] over `text_aug`.

  Products take operands in the tokens' dtype and are float32, gradients included. Under a mesh
  (`jax.set_mesh`) rows of all arguments and of the result are divided among its devices.

  Args:
    video: (A, N_v, D) float tokens; they are L2-normalised here.
    text: (B, N_t, D) float tokens, likewise.
    video_weights: (A, N_v) float32, 0 on padding, which costs nothing then; a row sums to 1, or
      the score is a sum. The gradient of a weight that is 0 is taken as 0.
    text_weights: (B, N_t) float32, likewise; belongs to `text_aug` where that is given.
    text_aug: (B, N_t, D) float, likewise, or None (then `text` serves both directions).
    video_mask, text_mask: (A, N_v) and (B, N_t) bool, True = valid; both None lets padding take
      part in the token softmaxes, as the released code does.
    pooling, temperature: see `Settings`.
    max_elements: bound on the elements of one tile's similarity tensor on one device; 0 suits
      shapes and device, see `tile_elements`.

  Returns:
    i2t, t2i: (A, B) float32, unscaled.
  """
  if (video_mask is None) != (text_mask is None):
    raise ValueError("late_interaction needs both masks or none")
  given = lambda **arrays: {name: x for name, x in arrays.items() if x is not None}
  videos = given(video=video, weights=video_weights, mask=video_mask)
  texts = given(text=text, text_aug=text_aug, weights=text_weights, mask=text_mask)
  axes, devices = placement.dividing_axes(video.shape[0], text.shape[0])
  if not axes:  # each device takes what the partitioner gives it, and all texts
    texts = {name: placement.replicate(x) for name, x in texts.items()}
  elements = max_elements or tile_elements(
      math.prod(video.shape[:2]) * math.prod(text.shape[:2]), devices
  )
  return _scores(Settings(pooling, temperature, elements, axes), videos, texts)
