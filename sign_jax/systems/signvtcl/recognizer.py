"""How SignVTCL is trained and judged, for the task of continuous recognition."""

import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import jax
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree
from ml_collections import ConfigDict

from sign_jax.ops import alignment
from sign_jax.protocols import Batch, GlossRecognizer, Inputs, Variables, Words
from sign_jax.systems.signvtcl import gloss_text, inputs, losses, settings, teachers
from sign_jax.systems.signvtcl import streams as names
from sign_jax.systems.signvtcl.model import ensemble


class SentenceRecognizer(GlossRecognizer):
  """The `protocols.GlossRecognizer` of SignVTCL; all methods are functions of their arguments."""

  def fields(self, config: ConfigDict) -> tuple[str, ...]:
    """What the streams read."""
    chosen = settings.streams_of(settings.decided(config.model))
    return tuple(inputs.FIELDS[name] for name in chosen)

  def words(
      self, config: ConfigDict, sentences: Sequence[Sequence[str]], folder: pathlib.Path | None,
      others: Iterable[Sequence[str]] = (),
  ) -> Words | None:
    """Features of the tokens, where videos and texts are aligned."""
    if not settings.is_aligned(settings.decided(config.model)):
      return None
    return gloss_text.open_text(config, sentences, folder, others)

  def resident(self, config: ConfigDict) -> Batch:
    """{"teacher": its variables} where its paths are followed."""
    if not settings.follows_teacher(config.model):
      return {}
    teachers.check(config)
    return {"teacher": teachers.read(config.init.teacher).variables}

  def inputs(self, config: ConfigDict, classes: int, text_width: int) -> Inputs:
    """A clip of every stream, "classes", and "text_width", the channels of a token or 0."""
    sizes = {"keypoint": settings.map_size(config)}
    frames = config.data.buckets[-1]
    found = {}
    for name in settings.streams_of(settings.decided(config.model)):
      size = sizes.get(name, config.data.size)
      found[name] = [[frames, size, size, names.CHANNELS[name]], "float32"]
    return {**found, "classes": classes, "text_width": text_width}

  def train_inputs(
      self, config: ConfigDict, batch: Batch, key: PRNGKeyArray
  ) -> dict[str, PyTree]:
    """Augmented streams, how long they are, and features of the text where there are any."""
    draws = inputs.draw(config, key, batch["frames"].shape[0])
    given = {"inputs": inputs.inputs(config, batch, draws), "lengths": batch["frames"]}
    return {**given, **_text_of(batch)}

  def eval_inputs(self, config: ConfigDict, batch: Batch) -> dict[str, PyTree]:
    """Streams of whole pictures, their lengths, and features of the text where there are any."""
    draws = inputs.still(config, batch["frames"].shape[0])
    given = {"inputs": inputs.inputs(config, batch, draws), "lengths": batch["frames"]}
    return {**given, **_text_of(batch)}

  def loss(
      self, config: ConfigDict, out: PyTree[Array], batch: Batch, inputs: dict[str, PyTree],
      resident: Batch,
  ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """The sum of `losses.terms`, and these."""
    glosses, text, path = batch["glosses"], None, None
    if "text" in inputs:
      text = losses.Text(batch["gloss_of_token"], batch["text_end"])
    if text is not None and settings.follows_teacher(config.model):
      path = _taught(config, resident["teacher"], inputs, glosses)
    terms = losses.terms(out, glosses, settings.decided(config.model), text, path)
    return sum(terms.values()), terms

  def scores(
      self, config: ConfigDict, out: PyTree[Array]
  ) -> tuple[Float[Array, "B T V"], Int[Array, " B"]]:
    """Of the mean of the heads' probabilities."""
    del config
    return ensemble(out["logits"]), out["steps"]

  def agreement(
      self, config: ConfigDict, out: PyTree[Array], batch: Batch, position: Int[Array, "B T"]
  ) -> dict[str, Float[Array, "B ..."]]:
    """What `losses.agreement` says of the losses that have a weight."""
    if "shared" not in out:
      return {}
    text = losses.Text(batch["gloss_of_token"], batch["text_end"])
    how = settings.decided(config.model).align
    return losses.agreement(out, position, batch["glosses"], text, how)


def _text_of(batch):
  return {"text": batch["text"]} if "text" in batch else {}


def _taught(
    config: ConfigDict, variables: Variables, inputs: dict[str, Any], glosses: Int[Array, "B N"]
) -> alignment.Path:
  """The path of a frozen recogniser that reads the same clips."""
  model = teachers.read(config.init.teacher).model
  read = {name: inputs["inputs"][name] for name in model.streams}
  out = model.apply(jax.lax.stop_gradient(variables), read, inputs["lengths"])
  return losses.path_of(out, glosses)
