"""Signed sentences without a data set, and a system that reads off their frames what is signed."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from sign_jax.data.gloss_videos import GlossVideos
from sign_jax.data.sign_records import Clip
from sign_jax.ops.ctc import ctc_loss
from sign_jax.protocols import GlossRecognizer
from sign_jax.systems.base import System


class Videos(GlossVideos):
  """As `data.gloss_videos.GlossVideos`; the video n's frame t holds n in red and t in green.

  In blue is the class that `says` has for these four frames, a list for each video.
  """

  label = "made_up:1.0.0"

  def __init__(self, sentences, counts, fields=("keypoints",), split="train", size=8, spans=None,
               says=None):  # fmt: skip
    self.sentences = [tuple(text.split()) for text in sentences]
    self.split, self.fields = split, fields
    self.size, self.spans, self._says = size, spans, says
    self.clips = [
        Clip(f"video {n} of {split}", n, 0, "", 0, int(count)) for n, count in enumerate(counts)
    ]

  def read(self, index, places):
    places = np.asarray(places)
    assert places.min() >= 0 and places.max() < self.counts[index]
    picture = np.zeros((len(places), self.size, self.size, 3), np.uint8)
    picture[..., 0], picture[..., 1] = index, places[:, None, None]
    if self._says is not None:
      picture[..., 2] = np.array(self._says[index])[places // 4][:, None, None]
    points = np.random.default_rng(index).uniform(0.2, 0.8, (int(self.counts[index]), 133, 3))
    found = {"video": picture, "flow": picture[..., ::-1]}
    found["keypoints"] = points.astype(np.float32)[places]
    return {name: found[name] for name in self.fields}


class Reader(nn.Module):
  """Logits of the class in blue, times a parameter."""

  classes: int

  @nn.compact
  def __call__(self, video, lengths, train=False):
    scale = self.param("scale", nn.initializers.constant(20.0), ())
    said = video[:, ::4, 0, 0, 2].astype(jnp.int32)
    logits = scale * jax.nn.one_hot(said, self.classes)
    seen = self.variable("batch_stats", "seen", jnp.zeros, ())
    if train:
      seen.value = seen.value + 1
    return {"logits": logits, "steps": lengths // 4}


class ReaderRecognizer(GlossRecognizer):
  """Trains and judges `Reader`."""

  def fields(self, config):
    return ("video",)

  def words(self, config, sentences, folder, others=()):
    return None

  def resident(self, config):
    return {}

  def inputs(self, config, classes, text_width):
    return {"classes": classes}

  def train_inputs(self, config, batch, key):
    return self.eval_inputs(config, batch)

  def eval_inputs(self, config, batch):
    return {"video": batch["video"], "lengths": batch["frames"]}

  def loss(self, config, out, batch, inputs, resident):
    terms = {"ctc": jnp.mean(ctc_loss(out["logits"], out["steps"], batch["glosses"]))}
    return terms["ctc"], terms

  def scores(self, config, out):
    return jax.nn.log_softmax(out["logits"]), out["steps"]


SYSTEM = System(
    name="reader", task="continuous",
    make=lambda model, inputs: Reader(inputs["classes"]),
    init=lambda model, inputs, key: model.init(
        key, jnp.zeros((1, 8, 2, 2, 3)), jnp.full(1, 8, jnp.int32)
    ),
    recognizer=ReaderRecognizer(),
)
