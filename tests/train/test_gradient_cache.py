"""Gradients of a batch in chunks are those of the batch in one piece."""

import contextlib
import functools
import types

import jax
import numpy as np
import optax
import pytest

from sign_jax.errors import UserError
from sign_jax.run import task as run_task
from sign_jax.systems import registry
from sign_jax.train import gradient_cache, sharding
from sign_jax.train import step as train_step
from tests import fakes, program

pytestmark = pytest.mark.usefixtures("quick_compile")


def config(system, **changes):
  config = registry.get(system).config("signing_sim")
  config.update_from_flattened_dict({
      **program.SMALL_MODEL, "data.video_length": 6, "data.text_length": 8, "batch_size": 8,
      "eval_batch_size": 8, "steps": 2, "data.combine": "agnostic", "data.placement": "device",
      **({"model.ot.solver": "closed_form"} if system == "upret" else {}),  # quick to compile
      **changes,
  })
  return config


def task(settings):
  splits = fakes.splits(sentences=8, videos=8, windows=6, dims={"agnostic": 8})
  return run_task.make(settings, splits)


def test_chunks_change_nothing_not_even_with_dropout_and_noise():
  """UPRet's, which are CiCo's and more."""
  whole, cut = task(config("upret")), task(config("upret", **{"model.remat": True}))
  state = jax.jit(functools.partial(train_step.create_state, whole, optax.identity(), 0))()
  mesh = sharding.make_mesh(devices=jax.devices()[:1])
  resident = whole.resident(functools.partial(sharding.replicate, mesh))
  with contextlib.closing(whole.train_batches(0)) as batches:
    batch = next(batches)
  results = [
      jax.jit(function)(state, batch, resident, jax.random.key(3))
      for function in (
          functools.partial(train_step._gradients, whole),
          functools.partial(gradient_cache.gradients, cut, chunks=4),
      )
  ]
  largest = max(float(abs(x).max()) for x in jax.tree.leaves(results[0][1]))
  compare = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5 * largest)
  jax.tree.map(compare, *results)
  assert float(results[0][0][0]) > 0.1 and largest > 0.1


def test_a_chunk_has_rows_of_every_device_and_all_come_back():
  rows = np.arange(24).reshape(12, 2)
  parts = gradient_cache.split({"x": rows}, 3)["x"]
  assert parts.shape == (3, 4, 2)
  for half in (rows[:6], rows[6:]):  # of two devices
    assert all(2 == sum(row in half[:, 0] for row in part[:, 0]) for part in parts)
  np.testing.assert_array_equal(gradient_cache.join(parts), rows)


def test_what_cannot_be_cut_is_refused():
  mesh = sharding.make_mesh(devices=jax.devices()[:1])
  check = lambda task, **values: gradient_cache.check(
      task, config("cico", **{"gradient_cache.chunks": 2, **values}), mesh
  )
  fitting = types.SimpleNamespace(can_cache_gradients=True, batch_size=8)
  assert check(fitting) == 2 and check(object(), **{"gradient_cache.chunks": 0}) == 0
  with pytest.raises(UserError, match="batch_size 8 is not divisible by gradient_cache.chunks=3"):
    check(fitting, **{"gradient_cache.chunks": 3})
  with pytest.raises(UserError, match="chunks=2 does not work with cico"):
    check(object())
  with pytest.raises(UserError, match="chunks=-1 must not be negative"):
    check(fitting, **{"gradient_cache.chunks": -1})
