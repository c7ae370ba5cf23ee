"""Retrieval: a sentence's video among all videos (T2V), a video's sentence among all (V2T)."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from sign_jax.data import pipeline, source
from sign_jax.errors import UserError
from sign_jax.metrics import retrieval as metrics
from sign_jax.models.build import build
from sign_jax.ops.contrastive import symmetric_loss

COLUMNS = ("R@1", "R@5", "R@10", "MedR", "MnR")
DIRECTIONS = (("t2v", "text to video"), ("v2t", "video to text"))


class Retrieval:
  """The retrieval systems (CiCo, UPRet) as a `tasks.base.Task`."""

  selection = "t2v/R@1"

  def __init__(self, config, splits=None):
    """Opens the data set's splits and builds the model.

    Args:
      config: the whole configuration.
      splits: {name: RetrievalSplit} in place of the data set's own (tests).

    Raises:
      UserError: on missing or bad data, or a configuration that does not fit them.
    """
    self._config, self._data = config, config.data
    self._splits = splits or {}
    self.batch_size = config.batch_size
    self._model = build(config.model, self._data.video_length)
    self._max_logit_scale = config.optim.max_logit_scale
    self._encode_video = jax.jit(self._apply("encode_video"))
    self._encode_text = jax.jit(self._apply("encode_text"))
    self._score = jax.jit(self._apply("score"))

  def _apply(self, method):
    return functools.partial(self._model.apply, method=method)

  def split(self, name):
    """The RetrievalSplit of that name, opened once."""
    if name not in self._splits:
      self._splits[name] = source.RetrievalSplit(
          self._data.name, name, data_dir=self._data.data_dir or None,
      )
    return self._splits[name]

  @property
  def fingerprint(self):
    """Of the data set on disk."""
    return source.fingerprint(self._data.name, data_dir=self._data.data_dir or None)

  @property
  def steps_per_epoch(self):
    """A training example is a sentence; an incomplete batch is dropped."""
    steps = self.split("train").num_sentences // self.batch_size
    if not steps:
      raise UserError(
          f"batch_size {self.batch_size} exceeds the {self.split('train').num_sentences} training "
          "sentences: lower --config.batch_size"
      )
    return steps

  def _shapes(self):
    data = self._data
    return {
        "video_length": data.video_length,
        "text_length": data.text_length,
        "alpha": data.alpha,
        "combine": data.combine,
    }

  def train_batches(self, start_step):
    """Batches of `data.pipeline.train_batches` from that step on."""
    return pipeline.train_batches(
        self.split("train"),
        batch_size=self.batch_size,
        seed=self._config.seed,
        start_step=start_step,
        swap_probability=self._data.swap_probability,
        num_workers=self._data.num_workers,
        shard_index=jax.process_index(),
        shard_count=jax.process_count(),
        **self._shapes(),
    )

  def init(self, key):
    """Seeded random variables."""
    batch = pipeline.fake_batch(
        2, self._data.video_length, pipeline.combined_dim(self.split("train"), self._data.combine),
        self._data.text_length,
    )
    init_key, noise_key = jax.random.split(key)
    return self._model.init({"params": init_key, "noise": noise_key}, batch)

  def loss(self, variables, batch, key):
    """The symmetric contrastive loss; see `ops.contrastive.symmetric_loss`."""
    dropout, noise = jax.random.split(key)
    out = self._model.apply(
        variables, batch, deterministic=False, rngs={"dropout": dropout, "noise": noise}
    )
    logit_scale = variables["params"]["logit_scale"]
    return symmetric_loss(out["i2t"], out["t2i"]), ({"logit_scale": logit_scale}, {})

  def constrain(self, params):
    """Clamps the logit scale from above, as the released code does after every update."""
    clamped = jnp.minimum(params["logit_scale"], self._max_logit_scale)
    return {**params, "logit_scale": clamped}

  def similarity(self, variables, split, place):
    """Scores of all videos and sentences of a split: (videos, sentences) float32."""
    data = self.split(split)
    videos, texts = pipeline.eval_batches(
        data, batch_size=self._config.eval_batch_size, **self._shapes()
    )
    encoded = [self._encode_text(variables, place(b)["text"]) for b in texts]
    all_texts = jax.jit(lambda parts: jax.tree.map(lambda *x: jnp.concatenate(x), *parts))(encoded)
    rows = []
    for batch in videos:
      placed = place({name: batch[name] for name in ("video", "video_valid")})
      tokens = self._encode_video(variables, placed["video"], placed["video_valid"])
      rows.append(np.asarray(self._score(variables, tokens, all_texts))[batch["mask"]])
    return np.concatenate(rows)[:, : data.num_sentences]

  def evaluate(self, variables, split, place):
    """{"t2v/R@1": percent, ...}; see `metrics.retrieval`."""
    scores = self.similarity(variables, split, place)
    return metrics.retrieval_metrics(
        scores, self.split(split).sentence_of_video, ties=self._config.ties
    )

  def table(self, results, split):
    """The two directions as a text table."""
    data = self.split(split)
    title = (
        f"{self._data.name}, {split}: {data.num_sentences} sentences, {data.num_videos} videos"
    )
    lines = [title, f"{'':14}" + "".join(f"{c:>8}" for c in COLUMNS)]
    for key, label in DIRECTIONS:
      values = (results[f"{split}/{key}/{column}"] for column in COLUMNS)
      lines.append(f"{label:14}" + "".join(f"{v:8.1f}" for v in values))
    return "\n".join(lines)
