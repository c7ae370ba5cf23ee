import flax.linen as nn

from sign_jax.modules import fresh


class Counted(nn.Module):
  width: int
  calls = []

  @nn.compact
  def __call__(self, x):
    self.calls.append(self.width)
    return nn.Dense(self.width)(x["a"])


def test_equal_models_are_traced_once_and_their_shapes_are_the_callers_own():
  shapes = lambda width, *size: fresh.shapes(Counted(width), {"a": size})["params"]["Dense_0"]
  one, same, other = shapes(2, 1, 3), shapes(2, 1, 3), shapes(5, 1, 3)
  assert Counted.calls == [2, 5]
  assert one["kernel"].shape == same["kernel"].shape == (3, 2) and other["bias"].shape == (5,)
  del one["kernel"]
  assert "kernel" in same and "kernel" in shapes(2, 1, 3)
  assert shapes(2, 1, 4)["kernel"].shape == (4, 2)
