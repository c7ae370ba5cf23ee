"""One batch on 1 and on 4 devices: `python -m tests.systems.nla_slr.on_devices FILE`.

FILE receives {input, loss or gradient: largest difference}, and under "gathered" the names of
instructions that gather inputs.
"""

import functools
import json
import pathlib
import re
import sys

import jax
import jax.numpy as jnp
import numpy as np

from sign_jax.ops import gloss_mixup
from sign_jax.systems.nla_slr import recognizer
from sign_jax.train import sharding
from tests.systems.nla_slr.test_augment import STORED, T, config

BATCH, CLASSES, WIDTH = 8, 6, 5


def batch():
  """Of the reader."""
  rng = np.random.default_rng(0)
  return {
    "video": rng.integers(0, 256, (BATCH, T, STORED, STORED, 3)).astype(np.uint8),
    "keypoints": rng.uniform(0, 1, (BATCH, T, 133, 3)).astype(np.float32),
    "label": np.arange(BATCH, dtype=np.int32) % CLASSES,
    "features": rng.standard_normal((BATCH, WIDTH), np.float32),
  }


@jax.jit
def compute(batch):
  """(what the streams read, the loss and its gradients)."""
  settings = config(data__jitter=1.0, model__intra_mixup=1.0)
  read = {name: batch[name] for name in ("video", "keypoints", "label")}
  inputs, targets = recognizer.SignRecognizer().train_inputs(settings, read, jax.random.key(0))
  draw = lambda seed, *shape: jax.random.normal(jax.random.key(seed), shape)
  layers = draw(1, CLASSES, WIDTH), draw(2, WIDTH, CLASSES), draw(3, CLASSES)
  loss = functools.partial(
    gloss_mixup.inter_modality_mixup, labels=targets["label"], others=targets["other"],
    share=targets["share"],
  )
  return inputs, jax.value_and_grad(loss, argnums=(0, 1, 2, 3))(batch["features"], *layers)


def on(devices):
  """The same of a batch that is divided among devices."""
  mesh = sharding.make_mesh(1, 1, jax.devices()[:devices])
  with jax.set_mesh(mesh):
    return jax.device_get(compute(sharding.place_batch(mesh, batch())))


def gathered():
  """All instructions of the program for 4 devices that gather arrays with the axes of clips."""
  mesh = sharding.make_mesh(1, 1, jax.devices()[:4])
  with jax.set_mesh(mesh):
    text = compute.lower(sharding.place_batch(mesh, batch())).compile().as_text()
  return re.findall(r"\S+ = \w+\[\d+(?:,\d+){4}\]\S* (?:all-gather|all-to-all)\S*\(", text)


if __name__ == "__main__":
  alone, together = on(1), on(4)
  differ = lambda a, b: float(jnp.abs(a - b).max())
  found = jax.tree_util.tree_leaves_with_path(jax.tree.map(differ, alone, together))
  result = {jax.tree_util.keystr(path): x for path, x in found}
  result["gathered"] = gathered()
  pathlib.Path(sys.argv[1]).write_text(json.dumps(result))
