"""One similarity on 1, 2 and 8 devices: `python -m tests.ops.late_interaction_on_devices FILE`.

FILE receives {devices: {"temporaries": bytes of one device, "arrays": every 16th row of scores
and gradients, "uneven": with masks, of a batch that not all axes of the mesh divide}}.
"""

import json
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from sign_jax.ops.late_interaction import late_interaction

BATCH, CLIPS, WORDS, WIDTH = 256, 12, 10, 8


def inputs(batch):
  """Tokens of videos, texts and augmented texts, and weights."""
  rng = np.random.default_rng(0)
  draw = lambda *shape: rng.standard_normal((batch, *shape), np.float32)
  return (
    draw(CLIPS, WIDTH), draw(WORDS, WIDTH), draw(WORDS, WIDTH),
    np.abs(draw(CLIPS)), np.abs(draw(WORDS)),
  )


@jax.jit
def scores_and_gradients(video, text, text_aug, *weights, **masks):
  def total(video, text, text_aug, *weights):
    scores = late_interaction(video, text, *weights, text_aug=text_aug, **masks)
    return sum(jnp.sin(x).sum() for x in scores), scores

  return jax.grad(total, argnums=(0, 1, 2, 3, 4), has_aux=True)(video, text, text_aug, *weights)


def uneven(batch):
  """Of a batch that lies whole on every device, with masks and weights that agree with them."""
  rng = np.random.default_rng(batch)
  *tokens, video_weights, text_weights = inputs(batch)
  masks = {
    f"{name}_mask": np.arange(x.shape[1]) < rng.integers(1, x.shape[1] + 1, (batch, 1))
    for name, x in (("video", video_weights), ("text", text_weights))
  }
  weights = video_weights * masks["video_mask"], text_weights * masks["text_mask"]
  return scores_and_gradients(*tokens, *weights, **masks)


def measure(devices):
  """See the top of this file."""
  shape = (devices // min(devices, 2), min(devices, 2))
  mesh = jax.make_mesh(
    shape, ("data", "fsdp"), axis_types=(AxisType.Auto,) * 2, devices=jax.devices()[:devices]
  )
  rows = NamedSharding(mesh, P(("data", "fsdp")))
  with jax.set_mesh(mesh):
    placed = [jax.device_put(x, rows) for x in inputs(BATCH)]
    compiled = scores_and_gradients.lower(*placed).compile()
    found = compiled(*placed)
    # Of 4 x 2 devices, the first axis alone divides 12.
    masked = uneven(12) if devices in (1, 8) else ()
  return {
    "temporaries": compiled.memory_analysis().temp_size_in_bytes,
    "arrays": [np.asarray(x)[::16].tolist() for x in jax.tree.leaves(found)],
    "uneven": [np.asarray(x).tolist() for x in jax.tree.leaves(masked)],
  }


if __name__ == "__main__":
  result = {devices: measure(devices) for devices in (1, 2, 8)}
  pathlib.Path(sys.argv[1]).write_text(json.dumps(result))
