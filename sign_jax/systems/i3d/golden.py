"""I3D's golden case."""

import jax
import numpy as np

from sign_jax.golden import seeded
from sign_jax.modules import i3d
from sign_jax.systems.i3d import released_names as table
from sign_jax.weights import convert


def quantities(system, facts):
  """{"logits": (2, classes), "embds": (2, 1024, 1, 1, 1)} of the two seeded clips."""
  del system
  prefix = facts.get("seed_prefix", "")
  classes = dict(facts["params"])["logits.conv3d.weight"][0]
  model = i3d.I3D(num_classes=classes)
  state = seeded.state_dict(facts)
  variables = convert.merge(i3d.init_shapes(model), state, table.NAMES, table.IGNORE)
  clips = seeded.normal(f"{prefix}input/clip", (2, 3, 16, 224, 224), 0.5)
  clips[1] = clips[1] * 3 + 1
  out = jax.jit(model.apply)(variables, np.moveaxis(clips, 1, -1))  # PyTorch: channels first
  embedding = np.asarray(out["embedding"])
  return {"logits": np.asarray(out["logits"]), "embds": embedding[:, :, None, None, None]}
