"""float64 on both sides of a comparison: `from tests.torch.wide import draw, wide`."""

import pytest

torch = pytest.importorskip("torch")

import jax  # noqa: E402
import numpy as np  # noqa: E402

from tests.torch import compare  # noqa: E402


@pytest.fixture(autouse=True)
def wide(quick_compile):
  """Every test of a module that imports this computes in float64."""
  torch.set_default_dtype(torch.float64)
  torch.manual_seed(0)
  with jax.enable_x64(True):
    yield
  torch.set_default_dtype(torch.float32)


def draw(seed, *shape):
  """Standard normal float64 array."""
  return compare.draw(seed, *shape).astype(np.float64)
