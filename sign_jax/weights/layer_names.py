"""Rules that rename layers which several systems have: BatchNorm, S3D."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sign_jax.modules import s3d as network
from sign_jax.weights.convert import CONV, Rule

_BATCH_NORM = (
    ("weight", "params", "scale"), ("bias", "params", "bias"),
    ("running_mean", "batch_stats", "mean"), ("running_var", "batch_stats", "var"),
)
_UNITS = (("conv", "bn"), ("conv_s", "bn_s"), ("conv_t", "bn_t"))
# Layers of an S3D, and within its Mixed blocks.
_PLACES = (("{i}.{branch}.{n}", "base_{i}/{branch}_{n}"), ("{i}", "base_{i}"))


def batch_norm(there: str, here: str) -> Iterator[Rule]:
  """Rules of a `modules.batch_norm.BatchNorm` at the path `here`, which PyTorch calls `there`."""
  for theirs, kind, own in _BATCH_NORM:
    yield Rule(f"{there}.{theirs}", f"{kind}/{here}/{own}")


def s3d(there: str, here: str) -> Iterator[Rule]:
  """Rules of a `modules.s3d.S3D` at the path `here`; `there` is its flat list "....base"."""
  for released, ours in _PLACES:
    for conv, norm in _UNITS:
      layer, place = f"{there}.{released}", f"{here}/{ours}"
      yield Rule(f"{layer}.{conv}.weight", f"params/{place}/{conv}/kernel", CONV)
      yield from batch_norm(f"{layer}.{norm}", f"{place}/{norm}")


FIRST_OF_S3D = "base.0.conv_s.weight"
_FIRST_CHANNELS = 64  # of an S3D of width 1


def s3d_sizes(
    there: str, shapes: Mapping[str, Sequence[int]], last: int = network.ENDS[-1]
) -> dict[str, Any]:
  """{"width", "depth"} of the `modules.s3d.S3D` whose names begin with `there`.

  Args:
    there: what stands before "base.0".
    shapes: {PyTorch name: shape}.
    last: place of its last layer, for one without all blocks.

  Raises:
    KeyError: there is none.
  """
  blocks = [x for x in network.MIXED if f"{there}base.{x}.branch0.0.conv.weight" in shapes]
  depths = (
      name for name, chosen in network.DEPTHS.items()
      if [x for x in chosen if x <= last] == blocks
  )
  width = shapes[there + FIRST_OF_S3D][0] / _FIRST_CHANNELS
  return {"width": width, "depth": next(depths, "full")}
