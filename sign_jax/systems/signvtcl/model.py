"""The networks of SignVTCL and of TwoStream-SLR, which it builds on."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from sign_jax.modules import fresh, s3d, stream_fusion
from sign_jax.modules.feature_pyramid import FeaturePyramid
from sign_jax.modules.gloss_head import GlossHead
from sign_jax.modules.lateral import Lateral
from sign_jax.modules.linear import Dense
from sign_jax.ops.separable_maps import SeparableMaps
from sign_jax.systems.signvtcl import streams as names

BLOCKS = s3d.BLOCKS[:4]
LATERAL = "lateral"
FUSIONS = (*stream_fusion.KINDS, LATERAL)
_SMALLEST, _FEWEST = 64, 8  # pixels and frames of a clip that a network is traced with
_SPAN = 7  # frames in time that a lateral connection reads
_TARGETS = {"video": "larger", "keypoint": "smaller"}


class SignVTCL(nn.Module):
  """Up to three S3D streams that exchange maps, and a head for each and for all of them.

  Attributes:
    classes: V, glosses and the blank.
    streams: of `streams.STREAMS`.
    joint: the streams in the order in which the joint head and the adapters read them.
    fusion: of FUSIONS: how maps are exchanged; "lateral" connects a video with keypoints of half
      its size.
    stages: the blocks, from the first on, behind which they are.
    mlp_depth: linear maps of the fusion "mlp".
    pyramid: streams that have a feature pyramid and heads on it, in training.
    hidden, feedforward, dropout: of the heads.
    shared: D_j, of the space that videos and texts are compared in; 0 leaves the adapters out.
    adapter: channels inside the adapters.
    width: multiplies the channels of the streams.
    dtype: of the streams; parameters, statistics and heads stay float32.
    momentum: share of a batch in the running statistics of the streams' BatchNorm.
    depth: of `s3d.DEPTHS`.
  """

  classes: int
  streams: tuple[str, ...] = names.STREAMS
  joint: tuple[str, ...] = names.STREAMS
  fusion: str = "mlp"
  stages: int = 3
  mlp_depth: int = 2
  pyramid: tuple[str, ...] = ()
  hidden: int = 512
  feedforward: int = 2048
  dropout: float = 0.1
  shared: int = 512
  adapter: int = 512
  width: float = 1.0
  dtype: DTypeLike = jnp.float32
  momentum: float = s3d.MOMENTUM
  depth: str = "full"

  @nn.compact
  def __call__(
      self,
      inputs: dict[str, Float[ArrayLike, "B _ _ _ _"] | SeparableMaps],
      lengths: Int[ArrayLike, " B"],
      train: bool = False,
      text: Float[ArrayLike, "B M E"] | None = None,
  ) -> dict[str, PyTree[Array]]:
    """Classifies every fourth frame.

    Args:
      inputs: {stream: (B, T, H, W, C)} float32 in [-1, 1]; videos in BGR order; heatmaps may be
        given as their profiles.
      lengths: (B,) int, how many of the T frames there are.
      train: uses batch statistics, and updates "batch_stats".
      text: (B, M, E) float, features of the tokens of the sentences; of whatever numbers at
        padding.

    Returns:
      {"features": {stream: (B, T', D)}, "steps": (B,) int32, how many of the T' there are,
      "logits": {head: (B, T', V)}}, and with a pyramid "pyramid": {stream: {"c2" or "c3":
      {"features": (B, T'', D''), "steps": (B,), "logits": (B, T'', V)}}}, and with `text` "shared":
      {"v2t_gloss": (B, T', D_j), "v2t_sentence": (B, T', D_j), "t2v": (B, M, D_j)}; float32.
    """
    lengths = jnp.asarray(lengths)
    maps = self._maps(inputs, train)
    frames = next(iter(inputs.values())).shape[1]
    last = {name: maps[name][-1] for name in self.streams}
    features = {name: _pooled(x) for name, x in last.items()}
    steps, valid = _steps(lengths, frames, next(iter(last.values())).shape[1])
    joined = jnp.concatenate([features[name] for name in self.joint], axis=-1)
    logits = {
        name: self._head(name)(features.get(name, joined), valid, train)
        for name in names.heads(self.streams)
    }
    out = {"features": features, "steps": steps, "logits": logits}
    if self.pyramid:
      out["pyramid"] = {
          name: self._pyramid(name, maps[name], lengths, frames, train) for name in self.pyramid
      }
    if self.shared and (text is not None or self.is_initializing()):
      out["shared"] = self._shared(joined, text)
    return out

  def _head(self, name):
    sizes = self.classes, self.hidden, self.feedforward, self.dropout
    return GlossHead(*sizes, name=f"head_{name}")

  def _maps(self, inputs, train):
    """{stream: the maps behind all blocks, after they were exchanged}."""
    how = self.width, self.dtype, self.momentum, self.depth
    networks = {name: s3d.S3D(*how, name=name) for name in self.streams}
    maps = {name: inputs[name] for name in self.streams}
    found = {name: [] for name in self.streams}
    for number in BLOCKS:
      maps = {name: networks[name].block(number, x, train) for name, x in maps.items()}
      if number <= self.stages and len(self.streams) > 1:
        maps = self._exchanged(maps, number)
      for name, x in maps.items():
        found[name].append(x)
    return found

  def _exchanged(self, maps, number):
    """The maps behind a block, each with what the others tell it."""
    if self.fusion != LATERAL:
      layer = stream_fusion.StreamFusion(self.fusion, self.mlp_depth, name=f"fusion_{number}")
      return dict(zip(maps, layer(list(maps.values())), strict=True))
    pairs = zip(names.BASE, reversed(names.BASE), strict=True)
    return {
        target: Lateral(_TARGETS[target], _SPAN, name=f"{source}_to_{target}_{number}")(
            maps[source], maps[target]
        )
        for target, source in pairs
    }

  def _pyramid(self, name, maps, lengths, frames, train):
    shallow = FeaturePyramid(self.momentum, name=f"pyramid_{name}")(maps[1:], train)
    found = {}
    for level, x in zip(names.PYRAMID, shallow, strict=True):
      steps, valid = _steps(lengths, frames, x.shape[1])
      features = _pooled(x)
      logits = self._head(f"{name}_{level}")(features, valid, train)
      found[level] = {"features": features, "steps": steps, "logits": logits}
    return found

  def _shared(self, joined, text):
    found = {
        name: Adapter(self.adapter, self.shared, name=name)(joined)
        for name in ("v2t_gloss", "v2t_sentence")
    }
    return {**found, "t2v": Adapter(self.adapter, self.shared, name="t2v")(text)}


class Adapter(nn.Module):
  """Two linear maps with a ReLU between them: (..., C) -> (..., features)."""

  hidden: int
  features: int

  @nn.compact
  def __call__(self, x: Float[ArrayLike, "*B C"]) -> Float[Array, "*B {self.features}"]:
    """(..., C) float -> (..., features)."""
    x = nn.relu(Dense(self.hidden, name="layer_0")(x))
    return Dense(self.features, name="layer_2")(x)


def _pooled(x: Float[ArrayLike, "B T H W C"]) -> Float[Array, "B T C"]:
  """The mean over every frame, float32 at least."""
  return jnp.mean(x, axis=(2, 3), dtype=jnp.promote_types(x.dtype, jnp.float32))


def _steps(
    lengths: Int[Array, " B"], frames: int, count: int
) -> tuple[Int[Array, " B"], Bool[Array, "B {count}"]]:
  """How many of `count` steps are real in each video, and which; the batch has so many frames."""
  steps = lengths * count // frames
  return steps, jnp.arange(count)[None] < steps[:, None]


def ensemble(logits: dict[str, Float[Array, "B T V"]]) -> Float[Array, "B T V"]:
  """The logarithm of the mean of all heads' probabilities: what is decoded."""
  every = jnp.stack([jax.nn.log_softmax(x) for x in logits.values()])
  return jax.nn.logsumexp(every, axis=0) - jnp.log(len(logits)).astype(every.dtype)


def init_shapes(
    model: SignVTCL, text_width: int = 0
) -> dict[str, PyTree[jax.ShapeDtypeStruct]]:
  """Shapes and dtypes of a model's variables, computed without running it.

  Args:
    model: traced once for all equal ones, which takes a second where layers are many.
    text_width: E, the channels of a token's features; read by a model with adapters alone.
  """
  return jax.tree.map(lambda x: x, _shapes(model, text_width))  # a dict of the caller's


@functools.lru_cache(maxsize=16)
def _shapes(model, text_width):
  inputs = {}
  for name in model.streams:
    size = _SMALLEST // 2 if model.fusion == LATERAL and name == "keypoint" else _SMALLEST
    shape = 1, _FEWEST, size, size, names.CHANNELS[name]
    inputs[name] = jax.ShapeDtypeStruct(shape, jnp.float32)
  text = jax.ShapeDtypeStruct((1, 1, text_width), jnp.float32) if model.shared else None
  init = lambda key, inputs, lengths, text: model.init(key, inputs, lengths, text=text)
  lengths = jax.ShapeDtypeStruct((1,), jnp.int32)
  return jax.eval_shape(init, jax.random.key(0), inputs, lengths, text)


def init(model: SignVTCL, key: PRNGKeyArray, text_width: int = 0) -> dict[str, PyTree[Array]]:
  """Fresh variables: He's kernels in the streams; elsewhere of the variance that PyTorch draws."""
  streams = tuple(f"params/{name}/" for name in names.STREAMS)
  gain = lambda path: 2.0 if path.startswith(streams) else 1 / 3
  return fresh.draw(init_shapes(model, text_width), key, gain)
