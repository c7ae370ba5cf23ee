import numpy as np
import pytest
from jax import lax

from sign_jax.ops import convolution_3d


def draw(*shape):
  return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("window", [(7, 3, 3), (3, 3, 3), (1, 3, 3), (3, 1, 1)])
def test_volumetric_is_a_convolution_of_three_axes(window, stride):
  x, kernel = draw(2, 5, 6, 7, 3), draw(*window, 3, 4)
  expected = lax.conv_general_dilated(
      x, kernel, (1, stride, stride), [(k // 2, k // 2) for k in window],
      dimension_numbers=("NDHWC", "DHWIO", "NDHWC"),
  )
  found = convolution_3d.volumetric(x, kernel, stride)
  np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(6, 8), (5, 7)])
@pytest.mark.parametrize("taps", [1, 3, 7])
def test_transposed_against_pytorch(taps, size):
  torch = pytest.importorskip("torch")
  x, kernel = draw(2, 4, 3, 4, 3), draw(taps, 3, 3, 3, 5)
  layer = torch.nn.ConvTranspose3d(
      3, 5, (taps, 3, 3), (1, 2, 2), (taps // 2, 1, 1), bias=False
  )
  layer.weight.data = torch.from_numpy(kernel).permute(3, 4, 0, 1, 2)
  given = torch.from_numpy(x).permute(0, 4, 1, 2, 3)
  expected = layer(given, output_size=(4, *size)).permute(0, 2, 3, 4, 1).detach().numpy()
  found = convolution_3d.volumetric_transposed(x, kernel, size)
  np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
