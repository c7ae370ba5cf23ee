"""The sign encoder: an I3D ready to turn windows of frames into features."""

from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from sign_jax.data import video
from sign_jax.modules import i3d


class Encoder(NamedTuple):
  """A sign encoder, ready to run."""

  encode: object  # (n, 16, 224, 224, 3) uint8, n <= batch_size -> (n, 1024) float32 numpy
  batch_size: int


def make_encoder(model, variables, batch_size):
  """Compiles an I3D for a fixed number of windows, split over this process's devices.

  Args:
    model: `i3d.I3D`.
    variables: its variables.
    batch_size: windows at once, rounded up to a multiple of the devices.

  Returns:
    `Encoder`.
  """
  devices = jax.local_devices()
  batch_size = -(-batch_size // len(devices)) * len(devices)
  mesh = Mesh(np.array(devices), ("data",))
  split, whole = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (["data"], []))
  variables = jax.device_put(variables, whole)

  @jax.jit
  def embed(variables, windows):
    return model.apply(variables, video.normalize(windows))["embedding"]

  def encode(windows):
    padding = [(0, batch_size - len(windows))] + [(0, 0)] * 4
    padded = jax.device_put(np.pad(windows, padding), split)
    return np.asarray(embed(variables, padded))[: len(windows)]

  return Encoder(encode, batch_size)


def random(seed, width=1.0):
  """Random weights under which an I3D neither loses nor mixes up its clips.

  He's initialisation lets the mean of the activations grow until all clips look alike (cosine
  0.999); hidden kernels of mean zero and gain 2 / (1 - 1 / pi) keep the variance instead
  (Brock et al., "Characterizing signal propagation to close the performance gap in unnormalized
  ResNets", ICLR 2021).

  Args:
    seed: integer; the same one gives the same weights.
    width: of the I3D.

  Returns:
    (`i3d.I3D` with one class, its variables as numpy arrays).
  """
  model = i3d.I3D(num_classes=1, width=width)
  rng = np.random.default_rng(seed)  # jax's generator would compile for most of a minute

  def draw(path, leaf):
    name = path[-1].key
    if name != "kernel":
      return np.full(leaf.shape, name in ("scale", "var"), leaf.dtype)
    kernel = rng.standard_normal(leaf.shape, leaf.dtype)
    is_hidden = leaf.ndim == 5 and leaf.shape[-2] != 3
    if is_hidden:
      kernel = (kernel - kernel.mean((0, 1, 2, 3))) / np.sqrt(1 - 1 / np.pi, dtype=leaf.dtype)
    return kernel * np.sqrt(2 / np.prod(leaf.shape[:-1]), dtype=leaf.dtype)

  return model, jax.tree_util.tree_map_with_path(draw, i3d.init_shapes(model))
