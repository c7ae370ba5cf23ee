"""One training step on 1 and on 4 devices: `python -m tests.systems.spot_align.on_devices FILE`.

FILE receives {loss, gradient or running statistic: largest relative difference}.
"""

import json
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

from sign_jax.systems.spot_align.model import SpotAlign
from sign_jax.train import sharding
from tests.systems.spot_align import test_model

MODULE = SpotAlign(**test_model.SMALL, mask_padding=True)


def batch():
  """Eight pairs, in halves of very different size."""
  small = test_model.batch()
  both = {name: np.concatenate([x, x[:2]]) for name, x in small.items()}
  scale = np.repeat(np.float32([1, 5]), 4)[:, None, None]
  return both | {name: both[name] * scale + scale for name in ("text", "video")}


@jax.jit
def compute(variables, batch):
  """(loss, updated statistics), gradients."""

  def loss(params):
    out, new = MODULE.apply({**variables, "params": params}, batch, deterministic=False,
                            mutable=["batch_stats"])  # fmt: skip
    return MODULE.loss(out)[0], new

  return jax.value_and_grad(loss, has_aux=True)(variables["params"])


def on(devices):
  """The same of a batch that is divided among devices."""
  variables = jax.tree.map(jnp.asarray, test_model.drawn()[1])
  mesh = sharding.make_mesh(1, 1, jax.devices()[:devices])
  with jax.set_mesh(mesh):
    variables = sharding.replicate(mesh, jax.device_get(variables))
    return jax.device_get(compute(variables, sharding.place_batch(mesh, batch())))


if __name__ == "__main__":
  alone, together = on(1), on(4)
  differ = lambda a, b: float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-3))
  found = jax.tree_util.tree_leaves_with_path(jax.tree.map(differ, alone, together))
  result = {jax.tree_util.keystr(path): x for path, x in found}
  pathlib.Path(sys.argv[1]).write_text(json.dumps(result))
