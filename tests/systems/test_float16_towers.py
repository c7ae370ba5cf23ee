"""`model.dtype=float16`: the towers compute in float16, and nothing else does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from sign_jax.data import specs
from sign_jax.modules import transformer
from sign_jax.ops import linear
from sign_jax.systems import registry
from tests import program
from tests.systems.seds import small as small_seds

TOWERS = ("visual", "visual_rgb", "textual")


def small_model(name):
  """(model with float16 towers, what it is built for)."""
  if name == "seds":
    task = small_seds.make_task(model__dtype="float16", model__fusion__heads=4)
    return task._model, task.inputs
  config = registry.get(name).config(None)
  config.update_from_flattened_dict(program.SMALL_MODEL | {"model.dtype": "float16"})
  inputs = {
      "video": [[6, 8], "float32"], "video_valid": [[6], "bool"], "text": [[8], "int32"],
      "text_aug": [[8], "int32"],
  }
  return registry.get(name).build(config.model, inputs), inputs


@pytest.mark.parametrize("name", ["cico", "seds", "upret"])
def test_the_towers_alone_are_float16(name):
  model, inputs = small_model(name)
  batch, keys = specs.zeros(inputs, 2), {"params": jax.random.key(0), "noise": jax.random.key(1)}

  def run():
    variables = model.init(keys, batch)
    rest = {"noise": keys["noise"]}
    out, seen = model.apply(
        variables, batch, rngs=rest, capture_intermediates=True, mutable=["intermediates"]
    )
    return variables, out, seen["intermediates"]

  variables, out, seen = jax.eval_shape(run)
  assert {x.dtype for x in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
  is_float = lambda x: jnp.issubdtype(x.dtype, jnp.floating)
  assert {x.dtype for x in jax.tree.leaves(out) if is_float(x)} == {jnp.dtype("float32")}
  kinds = {True: set(), False: set()}
  for path, found in traverse_util.flatten_dict(seen).items():
    within = path[0] in TOWERS and len(path) > 2 and path[1] != "token_embedding"
    kinds[within] |= {x.dtype for x in jax.tree.leaves(found) if is_float(x)}
  assert kinds == {True: {jnp.dtype("float16")}, False: {jnp.dtype("float32")}}


@pytest.mark.parametrize("causal", [False, True])
def test_attention_rounded_at_each_step_is_near_the_other(causal):
  keys = jax.random.split(jax.random.key(0), 3)
  q, k, v = (jax.random.normal(key, (2, 7, 3, 8), jnp.float16) for key in keys)
  mask = jnp.arange(7)[None] < jnp.array([[7], [4]])
  expected = transformer.attend(q, k, v, mask, causal, "xla")
  found = transformer.attend(q, k, v, mask, causal, "rounded")
  assert found.dtype == expected.dtype == jnp.float16
  error = np.abs(np.float32(found) - np.float32(expected))
  assert 0 < error.max() < 4e-3
  changed = k.at[1, 4:].set(9.0), v.at[1, 4:].set(9.0)  # behind the mask
  np.testing.assert_array_equal(transformer.attend(q, *changed, mask, causal, "rounded"), found)
  if causal:
    first = transformer.attend(q[:, :1], k[:, :1], v[:, :1], None, False, "rounded")
    np.testing.assert_array_equal(found[:, :1], first)


def test_products_of_float16_sum_in_float32():
  ones = jnp.ones((1, 4096), jnp.float16)
  x = jnp.where(jnp.arange(4096) % 2 == 0, 1.0, 2.0**-11).astype(jnp.float16)[None]
  exact = float(np.float16(2048 + 2048 * 2.0**-11))
  assert float(linear.product(x, ones.T)[0, 0]) == exact
