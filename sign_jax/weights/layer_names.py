"""Rules that rename layers which several systems have: BatchNorm, S3D."""

from collections.abc import Iterator

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
