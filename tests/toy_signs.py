"""A system that recognises isolated signs, small enough for tests: mean colours and places."""

import flax.linen as nn
import jax.numpy as jnp
import ml_collections
import optax

from sign_jax.protocols import Recognizer
from sign_jax.systems import Limits, System, registry
from sign_jax.systems.recognition_settings import recognition_config

NAME = "toy_signs"
DATA = {
    "name": "signing_sim/frames_tiny", "data_dir": "", "videos": "", "frames": 8, "margin": 4,
    "size_stored": 48, "crops": 1, "linear_baseline": False, "cache_gib": 1.0, "num_workers": 0,
    "reader_timeout": 300.0, "boxes": False,
}


class Toy(nn.Module):
  """A linear classifier of what it is given."""

  classes: int

  @nn.compact
  def __call__(self, inputs, train=False, embeddings=None):
    """inputs: {field: (B, n, ...)} -> logits, and how many embeddings it was given."""
    flat = [x.mean((2, 3)).reshape(len(x), -1) if x.ndim == 5 else x.reshape(len(x), -1)
            for x in inputs.values()]  # fmt: skip
    logits = nn.Dense(self.classes, name="fc")(jnp.concatenate(flat, -1))
    return {"logits": logits, "embeddings": embeddings}


class ToyRecognizer(Recognizer):
  """Scales pictures, and nothing else; notes what the task hands on."""

  reads = "signs"

  def fields(self, config):
    return {"video": ("video",), "keypoint": ("keypoints",)}.get(
        config.model.modalities, ("video", "keypoints")
    )

  def resident(self, config, facts):
    vectors = facts["gloss_vectors"]
    return {} if vectors is None else {"embeddings": jnp.array(vectors, jnp.float32)}

  def inputs(self, config, classes, resident):
    shapes = {"video": (config.data.frames, 48, 48, 3), "keypoints": (config.data.frames, 133, 3)}
    given = {name: [list(shapes[name]), "float32"] for name in self.fields(config)}
    return {**given, "classes": classes}

  def train_inputs(self, config, batch, key):
    return self.eval_inputs(config, batch), {"label": batch["label"]}

  def eval_inputs(self, config, batch):
    found = {name: batch[name] for name in ("video", "keypoints") if name in batch}
    if "video" in found:
      found["video"] = found["video"].astype(jnp.float32) / 255
    return found

  def loss(self, config, out, targets, resident, progress):
    losses = optax.softmax_cross_entropy_with_integer_labels(out["logits"], targets["label"])
    given = jnp.float32(out["embeddings"] is resident.get("embeddings"))
    return losses.mean(), {"progress": progress, "same": given}

  def scores(self, config, out):
    return {"": out["logits"], "ensemble_all": 2 * out["logits"]}

  def constrain(self, params, progress, config):
    return params


def config(dataset=None):
  """The whole configuration."""
  found = recognition_config(NAME, NAME, {"modalities": "both"})
  found.data = ml_collections.ConfigDict(DATA)
  found.init = ml_collections.ConfigDict({"model": ""})
  found.update_from_flattened_dict({
      "batch_size": 32, "eval_batch_size": 16, "epochs": 4, "eval_every": 14, "log_every": 1,
      "optim.name": "adam", "optim.lr": 0.01, "model.dtype": "float32",
  })
  return found


def card():
  """Its card, registered."""
  return registry.register(System(
      name=NAME, task="recognition", make=lambda model, inputs: Toy(inputs["classes"]),
      config=config, limits=Limits(not_negative=("model.num_classes",)),
      recognizer=ToyRecognizer(),
  ))


def settings(**changes):
  """The configuration with changes, "__" for dots."""
  found = config()
  found.update_from_flattened_dict({k.replace("__", "."): v for k, v in changes.items()})
  return found
