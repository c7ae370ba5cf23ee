"""Programs of eight devices, compiled and not run: `python -m tests.gathering FILE`.

FILE receives, as JSON, what is exchanged by a training step, by one that holds all similarities of
all tokens in one place, and by the gradients of distribution modules.
"""

import dataclasses
import json
import pathlib
import sys

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from launch import collectives, step_program
from sign_jax.modules.distribution import Distribution
from sign_jax.systems import registry
from sign_jax.train import sharding
from tests import program

BATCH, TOKENS = 128, 8  # more examples than channels: see `collectives.gathers_of_pairs`


def step():
  config = registry.get("cico").config("signing_sim")
  config.update_from_flattened_dict({
      **program.SMALL_MODEL, "data.video_length": 9, "data.text_length": TOKENS,
  })
  return step_program.trace(config, jax.devices(), BATCH, dim=16)


def materialising():
  """A program that gathers S[a, b, i, j], pooled over i, of all pairs."""
  mesh = sharding.make_mesh()
  rows, everywhere = NamedSharding(mesh, sharding.BATCH), NamedSharding(mesh, P())

  def scores(video, text):
    similarity = jnp.einsum("aid,bjd->abij", video, text).max(2)
    return jax.lax.with_sharding_constraint(similarity, everywhere)

  shape = lambda tokens: jax.ShapeDtypeStruct((BATCH, tokens, 32), jnp.float32, sharding=rows)
  with jax.set_mesh(mesh):
    return jax.jit(scores).trace(shape(10), shape(TOKENS))


def distribution(split):
  """Gradients of the parameters of a `Distribution`, on a divided batch."""
  mesh = sharding.make_mesh()
  place = lambda spec: lambda x: jax.ShapeDtypeStruct(
      x.shape, x.dtype, sharding=NamedSharding(mesh, spec)
  )
  module = Distribution(heads=2, split=split, dropout=0.0)
  x = jax.ShapeDtypeStruct((16, 10, 24), jnp.float32)
  variables = jax.eval_shape(module.init, jax.random.key(0), x)
  loss = lambda variables, x: sum(part.sum() for part in module.apply(variables, x))
  with jax.set_mesh(mesh):
    given = jax.tree.map(place(P()), variables), place(sharding.BATCH)(x)
    return jax.jit(jax.grad(loss)).trace(*given)


def exchanged(traced):
  """[fields of each `Collective`, and what a device sends], and operations of matrix products."""
  found = collectives.count(traced.lower().compile().as_text(), jax.device_count())
  return {
      "collectives": [{**dataclasses.asdict(c), "sent": c.sent} for c in found],
      "pairs": [list(c.shapes) for c in collectives.gathers_of_pairs(found, BATCH, TOKENS)],
      "flops": step_program.matrix_flops(traced.jaxpr.jaxpr),
  }


if __name__ == "__main__":
  programs = {
      "step": step(), "materialising": materialising(), "before": distribution("before"),
      "after": distribution("after"),
  }
  found = {name: exchanged(traced) for name, traced in programs.items()}
  pathlib.Path(sys.argv[1]).write_text(json.dumps(found))
