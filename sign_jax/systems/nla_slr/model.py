"""VKNet, the video-keypoint network of NLA-SLR (CVPR 2023), with its heads."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from sign_jax.modules import fresh, s3d
from sign_jax.modules.lateral import Lateral
from sign_jax.ops.unit_length import unit_length
from sign_jax.systems.nla_slr import streams as names

_SMALLEST = {"long": 16, "short": 8}  # frames that pass all blocks
_OTHER = {"video": "keypoint", "keypoint": "video", "long": "short", "short": "long"}
_KINDS = {"video": "larger", "keypoint": "smaller", "long": "longer", "short": "shorter"}


class VKNet(nn.Module):
  """Up to four S3D streams, connected after blocks 1 to 4, and a head for each and for their joins.

  Attributes:
    classes: N, glosses.
    embedding: E, the length of the glosses' embeddings; 0 leaves out what reads them, FC2 and the
      mapping of the embeddings.
    streams: of `streams.STREAMS`.
    width: multiplies the channels of every layer.
    dtype: of the convolutions; parameters, statistics and heads stay float32.
    momentum: share of a batch in BatchNorm's running statistics.
    depth: of `s3d.DEPTHS`.
  """

  classes: int
  embedding: int = 300
  streams: tuple[str, ...] = names.STREAMS
  width: float = 1.0
  dtype: DTypeLike = jnp.float32
  momentum: float = s3d.MOMENTUM
  depth: str = "full"

  @nn.compact
  def __call__(
      self,
      inputs: dict[str, Float[ArrayLike, "B _ _ _ _"]],
      train: bool = False,
      embeddings: Float[ArrayLike, "N E"] | None = None,
  ) -> dict[str, dict[str, PyTree[Array]]]:
    """Classifies clips.

    Args:
      inputs: {stream: (B, T, H, W, 3) of video in BGR order, (B, T, H / 2, W / 2, 63) of
        keypoints}, float32 in [-1, 1]; T is half as large in short streams.
      train: uses batch statistics, and updates "batch_stats".
      embeddings: (N, E) float32 of the glosses, in training.

    Returns:
      {"features": {stream: (B, D)}, "head_inputs": {head: (B, D')}, "logits": {head: (B, N)}},
      float32, and where `embeddings` are given "mixup": {head: {"mapped": (N, D') the mapped
      embeddings, "kernel": (D', N) and "bias": (N,) of FC2}}. The parameters of a head's layers are
      `head_NAME/fc1`, `fc2` and `mapper`.
    """
    how = self.width, self.dtype, self.momentum, self.depth
    networks = {name: s3d.S3D(*how, name=name) for name in self.streams}
    maps = {name: inputs[name] for name in self.streams}
    for number in s3d.BLOCKS:
      maps = {name: networks[name].block(number, x, train) for name, x in maps.items()}
      if number < s3d.BLOCKS[-1]:
        maps = self._exchanged(self._exchanged(maps, 0, number), 1, number)
    features = {name: s3d.pooled(x) for name, x in maps.items()}
    heads = names.heads(self.streams)
    joined = {
        head: jnp.concatenate([features[name] for name in members], axis=-1)
        for head, members in heads.items()
    }
    given = embeddings
    if self.is_initializing():
      given = jnp.zeros((self.classes, self.embedding)) if self.embedding else None
    logits, mixup = {}, {}
    for name, x in joined.items():
      logits[name], mixup[name] = Head(self.classes, name=f"head_{name}")(x, given)
    out = {"features": features, "head_inputs": joined, "logits": logits}
    return out if given is None else {**out, "mixup": mixup}

  def encode_video(
      self, inputs: dict[str, Float[ArrayLike, "B _ _ _ _"]]
  ) -> Float[Array, "B D"]:
    """Vectors of clips, by which also signs are compared that are no class of the model.

    It is what the head of the most streams classifies: of all four, or of both lengths of one
    modality, the head `fuse`; of both modalities in one length, `fuse_long` or `fuse_short`; of one
    stream its own head. No paper compares signs so.

    Args:
      inputs: as `__call__` takes them.

    Returns:
      float32 of length 1; D is the sum of the streams' channels.
    """
    head = list(names.heads(self.streams))[-1]
    return unit_length(self(inputs)["head_inputs"][head])

  def score(
      self, video: Float[ArrayLike, "A D"], other: Float[ArrayLike, "B D"]
  ) -> Float[Array, "A B"]:
    """Cosines of A vectors and B others of `encode_video`: (A, B) float32."""
    return jnp.matmul(video, jnp.transpose(other), precision=jax.lax.Precision.HIGHEST)

  def _exchanged(self, maps, part, number):
    """All maps after the connections of one kind, computed from the values before them.

    Args:
      maps: {stream: map}.
      part: 0 connects modalities of one length, 1 lengths of one modality.
      number: of the block that the maps come from.
    """
    found = dict(maps)
    for name, target in maps.items():
      parts = name.split("_")
      own = parts[part]
      parts[part] = _OTHER[own]
      source = maps.get("_".join(parts))
      if source is not None:
        layer = Lateral(_KINDS[own], name=f"{'_'.join(parts)}_to_{name}_{number}")
        found[name] = layer(source, target)
    return found


class Head(nn.Module):
  """FC1, the classifier; FC2 and the mapping of embeddings, which training alone uses."""

  classes: int

  @nn.compact
  def __call__(
      self, x: Float[ArrayLike, "B D"], embeddings: Float[ArrayLike, "N E"] | None
  ) -> tuple[Float[Array, "B N"], dict[str, Float[Array, "..."]] | None]:
    """(logits (B, N) of FC1, what inter-modality mixup needs: None without embeddings)."""
    logits = nn.Dense(self.classes, name="fc1")(x)
    if embeddings is None:
      return logits, None
    mapped = nn.Dense(x.shape[-1], name="mapper")(embeddings)
    kernel, bias = _Linear(self.classes, name="fc2")(x)
    return logits, {"mapped": mapped, "kernel": kernel, "bias": bias}


class _Linear(nn.Module):
  """The parameters of a linear layer that is applied elsewhere."""

  features: int

  @nn.compact
  def __call__(self, x):
    """(kernel (C, features), bias (features,)) for an x of C channels."""
    kernel = self.param("kernel", nn.initializers.lecun_normal(), (x.shape[-1], self.features))
    return kernel, self.param("bias", nn.initializers.zeros, (self.features,))


def init_shapes(model: VKNet) -> dict[str, PyTree[jax.ShapeDtypeStruct]]:
  """Shapes and dtypes of a `VKNet`'s variables, computed without running it."""
  return fresh.shapes(model, dict(_smallest(model)))


def _smallest(model):
  """[(stream, shape of a clip)]; their size changes no variable."""
  for name in model.streams:
    modality, length = name.split("_")
    size = 64 if modality == "video" else 32
    yield name, (1, _SMALLEST[length], size, size, names.CHANNELS[modality])


def init(model: VKNet, key: PRNGKeyArray) -> dict[str, PyTree[Array]]:
  """Fresh variables: He's kernels in the streams; elsewhere of the variance that PyTorch draws."""
  streams = tuple(f"params/{name}/" for name in names.STREAMS)
  gain = lambda path: 2.0 if path.startswith(streams) else 1 / 3
  return fresh.draw(init_shapes(model), key, gain)
