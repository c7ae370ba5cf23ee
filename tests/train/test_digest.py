import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.train import digest

pytestmark = pytest.mark.usefixtures("adds_up")
DTYPES = ("float32", "bfloat16", "float16", "int32", "uint8", "bool")


@pytest.fixture(params=["NumPy", "XLA"])
def adds_up(request, monkeypatch):
  """Small arrays are added up by NumPy, unless none counts as small."""
  if request.param == "XLA":
    monkeypatch.setattr(digest, "_SMALL", -1)


def array(dtype, shape=(6, 5)):
  return np.asarray(np.random.default_rng(0).integers(0, 2, shape), jnp.dtype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_bit_counts(dtype):
  x = array(dtype)
  found = {digest.of_arrays({"x": x})}
  for byte, bit in itertools.product(range(x.nbytes), range(1 if dtype == "bool" else 8)):
    changed = x.copy()
    changed.view(np.uint8).reshape(-1)[byte] ^= 1 << bit
    found.add(digest.of_arrays({"x": changed}))
  assert len(found) == 1 + x.nbytes * (1 if dtype == "bool" else 8)


def test_place_shape_dtype_and_order_count():
  x = np.arange(6, dtype=np.float32)
  trees = [
      [x], [x[::-1]], [x.reshape(2, 3)], [x.astype(np.int32)], [x, x], [x[:3], x[3:]],
      [np.roll(x, 1)], [np.zeros(6, np.float32)], [np.zeros(5, np.float32)],
  ]
  assert len({digest.of_arrays(tree) for tree in trees}) == len(trees)


def test_empty_arrays_and_scalars():
  assert digest.of_arrays({"a": np.zeros((0, 3), np.float32), "b": np.float32(1)}) != (
      digest.of_arrays({"a": np.zeros((0, 3), np.float32), "b": np.float32(2)})
  )


def test_numpy_and_devices_give_the_same():
  x = array("float32")
  assert digest.of_arrays({"x": x}) == digest.of_arrays({"x": jax.device_put(x)})


def test_the_digest_is_that_of_earlier_versions():
  tree = {
      "a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": array("bfloat16"), "c": np.int32(7)
  }
  assert digest.of_arrays(tree) == "ac3776e96a796709978e3dd31f41a27f"


def test_a_part_of_a_tree_needs_no_second_look():
  tree = {"params": {"w": array("float32"), "b": array("uint8")}, "step": np.int32(3)}
  assert digest.of_leaves(digest.leaves(tree)["params"]) == digest.of_arrays(tree["params"])


@pytest.mark.parametrize("adds_up", ["XLA"], indirect=True)
def test_all_sums_are_fetched_at_once(monkeypatch):
  tree, fetches, fetch = [array(dtype) for dtype in DTYPES], [], jax.device_get
  monkeypatch.setattr(jax, "device_get", lambda x: fetches.append(len(x)) or fetch(x))
  digest.of_arrays(tree)
  assert fetches == [len(DTYPES)]
