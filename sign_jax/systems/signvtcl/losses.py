"""SignVTCL's losses, and those of TwoStream-SLR: functions of what the model returns."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from sign_jax.ops import alignment
from sign_jax.ops.ctc import ctc_loss
from sign_jax.systems.signvtcl.model import ensemble

KINDS = ("channels", "batch")
Outputs = Mapping[str, PyTree[Array]]


class Text(NamedTuple):
  """What is known of the tokens of a batch of sentences.

  Attributes:
    gloss_of_token: (B, M) int, the place of the gloss that a token belongs to; -1 for none.
    end: (B,) int, the place of the end-of-sentence token.
  """

  gloss_of_token: Int[Array, "B M"]
  end: Int[Array, " B"]


class Alignment(NamedTuple):
  """How videos and texts are compared; weights of 0 leave a loss out.

  Attributes:
    gloss, sentence: weights of the two losses.
    row, normalize, temperature: as in `alignment.gloss_loss`.
    sentence_kind: of KINDS.
    detach_text: leaves the text's side of the sentences' loss without a gradient.
  """

  gloss: float = 1.0
  sentence: float = 1.0
  row: str = "sum"
  normalize: bool = False
  temperature: float = 1.0
  sentence_kind: str = "channels"
  detach_text: bool = False


def of_heads(out: Outputs, glosses: Int[Array, "B N"]) -> dict[str, Float[Array, ""]]:
  """{head: CTC loss}, sums over the batch over its size; heads of pyramids are "STREAM_LEVEL"."""
  found = {name: _ctc(x, out["steps"], glosses) for name, x in out["logits"].items()}
  for name, levels in out.get("pyramid", {}).items():
    for level, one in levels.items():
      found[f"{name}_{level}"] = _ctc(one["logits"], one["steps"], glosses)
  return found


def _ctc(logits, steps, glosses):
  return jnp.mean(ctc_loss(logits, steps, glosses))


def distillation(logits: Mapping[str, Float[Array, "B T V"]]) -> dict[str, Float[Array, ""]]:
  """{head: KL(mean of all heads || head)}, summed over steps, padding too, over the batch's size.

  The mean has no gradient.
  """
  target = jax.lax.stop_gradient(ensemble(dict(logits)))
  return {name: _divergence(target, jax.nn.log_softmax(x)) for name, x in logits.items()}


def _divergence(target, log_probabilities):
  parts = jnp.exp(target) * (target - log_probabilities)
  return jnp.sum(parts) / len(parts)


def path_of(out: Outputs, glosses: Int[Array, "B N"]) -> alignment.Path:
  """The path of the target glosses through the mean of the model's own heads, no gradient."""
  scores = jax.lax.stop_gradient(ensemble(dict(out["logits"])))
  return alignment.monotone_path(scores, out["steps"], glosses)


def aligned(
    out: Outputs, path: alignment.Path, glosses: Int[Array, "B N"], text: Text, how: Alignment
) -> dict[str, Float[Array, ""]]:
  """{"gloss", "sentence"}: the losses that have a weight, before it.

  Args:
    out: of a model that was given features of the text.
    path: which gloss each step belongs to.
    glosses: (B, N) int, 0 behind the end.
    text: of the tokens whose features the model was given.
    how: what is compared.

  Raises:
    ValueError: another kind of the sentences' loss.
  """
  if how.sentence_kind not in KINDS:
    raise ValueError(f"unknown kind of loss of sentences {how.sentence_kind!r}")
  shared, found = out["shared"], {}
  if how.gloss:
    count = glosses.shape[1]
    visual = alignment.segment_means(shared["v2t_gloss"], path.position, count)
    words = alignment.segment_means(shared["t2v"], text.gloss_of_token, count)
    how_rows = how.row, how.normalize, how.temperature
    found["gloss"] = alignment.gloss_loss(visual, words, glosses, path.exists, *how_rows).loss
  if how.sentence:
    found["sentence"] = _of_sentences(shared, out["steps"], glosses, text, how)
  return found


def _of_sentences(shared, steps, glosses, text, how):
  valid = jnp.arange(shared["v2t_sentence"].shape[1])[None] < steps[:, None]
  whole = jnp.where(valid, 0, -1)
  video = alignment.segment_means(shared["v2t_sentence"], whole, 1)[:, 0]
  words = jnp.take_along_axis(shared["t2v"], text.end[:, None, None], axis=1)[:, 0]
  words = jax.lax.stop_gradient(words) if how.detach_text else words
  if how.sentence_kind == "batch":
    return alignment.batch_loss(video, words, alignment.same_sentences(glosses))
  return alignment.channel_loss(video, words)
