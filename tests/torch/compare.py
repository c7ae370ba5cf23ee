"""Compares a PyTorch module with a Flax one that has the same weights by a rename table."""

import pytest

torch = pytest.importorskip("torch")

import functools  # noqa: E402

import jax  # noqa: E402
import numpy as np  # noqa: E402
from flax import traverse_util  # noqa: E402

from sign_jax.weights import convert  # noqa: E402

TOLERANCE = 1e-5  # of an array's largest entry


def assert_close(ours, theirs, name="", tolerance=TOLERANCE):
  """Both are arrays or tensors of one shape."""
  ours, theirs = np.asarray(ours), np.asarray(theirs.detach())
  assert ours.shape == theirs.shape, name
  error, largest = np.abs(ours - theirs).max(), np.abs(theirs).max()
  assert error <= tolerance * largest, f"{name}: {error:.1e} of {largest:.1e}"


def nested(path, tree):
  """`tree` at a "/"-separated path; "" is the top."""
  return traverse_util.unflatten_dict({tuple(path.split("/")): tree}) if path else tree


def carry(module, model, inputs, table, prefix, path, ignore=(), **kwargs):
  """A Flax module's variables from a PyTorch module.

  Args:
    inputs, kwargs: of the Flax module.
    prefix: of the released names of the module's parameters.
    path: of the Flax module in the whole model.
  """
  state = {f"{prefix}{name}": value.numpy() for name, value in module.state_dict().items()}
  init = functools.partial(model.init, **kwargs)
  shapes = jax.eval_shape(init, jax.random.key(0), *inputs)
  target = {kind: nested(path, tree) for kind, tree in shapes.items()}
  merged = convert.merge(target, state, table, ignore)
  for key in path.split("/") if path else ():
    merged = {kind: tree[key] for kind, tree in merged.items()}
  return merged


def gradients(model, variables, inputs, cotangents, **kwargs):
  """(outputs, gradients of params) of sum(outputs * cotangents)."""

  def total(params):
    out = model.apply({**variables, "params": params}, *inputs, **kwargs)
    values = jax.tree.leaves(out)
    return sum((x * c).sum() for x, c in zip(values, cotangents, strict=False)), out

  (_, out), grads = jax.jit(jax.value_and_grad(total, has_aux=True))(variables["params"])
  return out, grads


def check_gradients(module, grads, table, prefix, path, zero=(), tolerance=TOLERANCE):
  """Compares Flax gradients with the `.grad` of a module's parameters; all must be there."""
  ours = convert.export({"params": nested(path, grads)}, table)
  theirs = {f"{prefix}{name}": p.grad for name, p in module.named_parameters()}
  assert ours.keys() == theirs.keys()
  for name, grad in theirs.items():
    if name not in zero:
      assert_close(ours[name], grad, name, tolerance)


def draw(seed, *shape):
  """Standard normal float32 array."""
  return np.random.default_rng(seed).standard_normal(shape, np.float32)
