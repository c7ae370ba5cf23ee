"""Like draws are done together and give the same numbers."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.train import drawing

SHAPES = [(3, 4), (3, 4), (5,), (3, 4), (5,)]


def draw(seed, scale):
  """Arrays of few shapes, by keys of keys; the last one is made of others, one of nothing drawn."""
  first, second = jax.random.split(jax.random.key(seed))
  own = [jax.random.fold_in(first, 7 * i) for i in range(len(SHAPES))]
  inner = [jax.random.fold_in(key, 3) for key in own]
  normal = [scale * jax.random.normal(k, shape) for k, shape in zip(inner, SHAPES, strict=True)]
  uniform = [jax.random.uniform(k, (3, 4), minval=-1, maxval=2) for k in own[:2]]
  jax.random.normal(jax.random.fold_in(second, 9), (6,))  # not used
  return {"normal": normal, "uniform": uniform, "sum": normal[0] + uniform[1], "ones": jnp.ones(2)}


def count(jaxpr, name):
  """How often a program applies a primitive, those inside of others among them."""
  inner = [eqn.params["jaxpr"].jaxpr for eqn in jaxpr.eqns if "jaxpr" in eqn.params]
  own = collections.Counter(eqn.primitive.name for eqn in jaxpr.eqns)[name]
  return own + sum(count(x, name) for x in inner)


@pytest.fixture
def traced():
  return jax.jit(draw).trace(np.uint32(0), 0.5)


def same(got, expected):
  assert jax.tree.structure(got) == jax.tree.structure(expected)
  jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-6), got, expected)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_numbers_are_the_same(traced, seed):
  got = jax.jit(drawing.together(traced))(np.uint32(seed), 0.5)
  same(got, draw(np.uint32(seed), 0.5))
  numbers = np.concatenate([x.ravel() for x in got["normal"] + got["uniform"]])
  assert len(set(numbers.tolist())) == len(numbers)  # each by a key of its own


def test_like_ones_are_drawn_at_once(traced):
  jaxpr = jax.make_jaxpr(drawing.together(traced))(np.uint32(0), 0.5).jaxpr
  # Normal numbers of two shapes, and uniform ones; keys of two rounds.
  assert (count(jaxpr, "random_bits"), count(jaxpr, "random_fold_in")) == (3, 2)
  assert count(traced.jaxpr.jaxpr, "random_bits") == 8


def test_other_kinds_of_keys_are_left_alone():
  with jax.default_prng_impl("rbg"):
    traced = jax.jit(draw).trace(np.uint32(0), 0.5)
    jaxpr = jax.make_jaxpr(drawing.together(traced))(np.uint32(0), 0.5).jaxpr
    assert count(jaxpr, "random_bits") == 7  # all but the one that is not used
    same(jax.jit(drawing.together(traced))(np.uint32(0), 0.5), jax.jit(draw)(np.uint32(0), 0.5))
