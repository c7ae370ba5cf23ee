import jax
import numpy as np
import pytest

from sign_jax.modules.stream_fusion import StreamFusion

MAPS = [np.full((1, 2, 2, 2, 6), number, np.float32) for number in (1, 2)]


@pytest.mark.parametrize(("kind", "message"), [
    ("mean", "unknown kind of fusion 'mean'"), ("attention", "6 channels .* 4 heads"),
])
def test_what_cannot_be_fused(kind, message):
  with pytest.raises(ValueError, match=message):
    StreamFusion(kind).init(jax.random.key(0), MAPS)


@pytest.mark.parametrize("depth", [2, 3])
def test_all_streams_get_the_same_part_of_as_many_layers(depth):
  model = StreamFusion("mlp", depth)
  out, variables = model.init_with_output(jax.random.key(0), MAPS)
  assert set(variables["params"]) == {f"layer_{2 * n}" for n in range(depth)}
  np.testing.assert_allclose(out[0] - MAPS[0], out[1] - MAPS[1], atol=1e-6)
  assert np.abs(np.asarray(out[0] - MAPS[0])).max() > 1e-3
