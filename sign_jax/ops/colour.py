"""Colour jitter of whole clips, as torchvision's ColorJitter does it to pictures in [0, 1]."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Float32, Int, PRNGKeyArray

STRENGTHS = (0.4, 0.4, 0.4, 0.1)  # brightness, contrast, saturation, hue (NLA-SLR)
LUMA = (0.2989, 0.587, 0.114)  # grey of red, green and blue


class Jitter(NamedTuple):
  """What is done to every clip, the same for all of its frames.

  Attributes:
    applied: whether anything is done.
    order: in which brightness (0), contrast (1), saturation (2) and hue (3) are changed.
    factors: of the first three, and turns of the hue's circle.
  """

  applied: Bool[Array, "*B"]
  order: Int[Array, "*B 4"]
  factors: Float32[Array, "*B 4"]


def draw(
    key: PRNGKeyArray, batch: int, probability: float,
    strengths: tuple[float, float, float, float] = STRENGTHS,
) -> Jitter:
  """Uniform factors in 1 +- strength, of the hue in 0 +- strength, in an order at random.

  Args:
    key: PRNG key.
    batch: clips.
    probability: that anything is done to a clip.
    strengths: of brightness, contrast, saturation and hue.
  """
  chance, order, factors = jax.random.split(key, 3)
  turns = jax.random.uniform(factors, (batch, 4), minval=-1.0, maxval=1.0)
  return Jitter(
      jax.random.bernoulli(chance, probability, (batch,)),
      jnp.argsort(jax.random.uniform(order, (batch, 4)), axis=1),
      jnp.array([1.0, 1.0, 1.0, 0.0])[None] + turns * jnp.array(strengths)[None],
  )


def _grey(x: Float[ArrayLike, "*shape 3"]) -> Float[Array, "*shape 1"]:
  return sum(weight * x[..., i : i + 1] for i, weight in enumerate(LUMA))


def _blend(x, other, factor):
  return jnp.clip(factor * x + (1 - factor) * other, 0.0, 1.0)


def _brightness(x, factor):
  return jnp.clip(factor * x, 0.0, 1.0)


def _contrast(x, factor):
  """Against the mean grey of each frame."""
  return _blend(x, _grey(x).mean((-3, -2, -1), keepdims=True), factor)


def _saturation(x, factor):
  return _blend(x, _grey(x), factor)


def _hue(x, turns):
  """Turns the hue; largest and smallest channel of a pixel stay what they are."""
  red, green, blue = (x[..., i] for i in range(3))
  value = x.max(-1)
  chroma = value - x.min(-1)
  some = jnp.where(chroma == 0, 1.0, chroma)
  sextant = jnp.where(
      value == red, (green - blue) / some,
      jnp.where(value == green, 2 + (blue - red) / some, 4 + (red - green) / some),
  ) + 6 * turns
  # Each channel falls from the value by the chroma, a third of a turn after the one before.
  at = lambda start: jnp.mod(sextant + start, 6.0)
  channel = lambda k: value - chroma * jnp.clip(jnp.minimum(k, 4 - k), 0.0, 1.0)
  return jnp.stack([channel(at(start)) for start in (5, 3, 1)], axis=-1)


_CHANGES = (_brightness, _contrast, _saturation, _hue)


def apply_to_clip(
    jitter: Jitter, clip: Float32[ArrayLike, "T H W 3"]
) -> Float32[Array, "T H W 3"]:
  """One clip in [0, 1], red first, with the jitter of one clip.

  Where none is applied it costs nothing.
  """

  def change(clip, number):
    factor = jitter.factors[number]
    branches = [functools.partial(function, factor=factor) for function in _CHANGES[:3]]
    return jax.lax.switch(number, [*branches, functools.partial(_hue, turns=factor)], clip), None

  changed = lambda clip: jax.lax.scan(change, clip, jitter.order)[0]
  return jax.lax.cond(jitter.applied, changed, lambda clip: clip, clip)


def apply(
    jitter: Jitter, video: Float32[ArrayLike, "B T H W 3"]
) -> Float32[Array, "B T H W 3"]:
  """`apply_to_clip` of one clip after the other."""
  return jax.lax.map(lambda pair: apply_to_clip(*pair), (jitter, video))
