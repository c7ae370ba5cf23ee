"""SignVTCL's losses, and those of TwoStream-SLR: functions of what the model returns."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, PyTree
from ml_collections import ConfigDict

from sign_jax.ops import alignment
from sign_jax.ops.ctc import ctc_loss
from sign_jax.ops.unit_length import unit_length
from sign_jax.systems.signvtcl.model import ensemble

KINDS = ("channels", "batch")
Outputs = Mapping[str, PyTree[ArrayLike]]


class Text(NamedTuple):
  """What is known of the tokens of a batch of sentences.

  Attributes:
    gloss_of_token: (B, M) int, the place of the gloss that a token belongs to; -1 for none.
    end: (B,) int, the place of the end-of-sentence token.
  """

  gloss_of_token: Int[ArrayLike, "B M"]
  end: Int[ArrayLike, " B"]


# Shares of the pyramids' losses, as released; that of flow is ours.
SPN = {"video": 0.2, "keypoint": 0.5, "flow": 0.5}


def terms(
    out: Outputs,
    glosses: Int[ArrayLike, "B N"],
    model: ConfigDict,
    text: Text | None = None,
    path: alignment.Path | None = None,
) -> dict[str, Float[Array, ""]]:
  """{name: weighted loss}: "ctc_HEAD", "spn_STREAM", "distil_HEAD", "align_gloss" and so on.

  Their sum is the loss of a training step. What has no weight is not there.

  Args:
    out: what the model returned.
    glosses: (B, N) int, 0 behind the end.
    model: the `model` section of a configuration, every switch of which is decided.
    text: of the tokens whose features the model was given; None leaves the alignment out.
    path: which gloss each step belongs to; None is `path_of`.
  """
  heads = of_heads(out, glosses)
  found = {f"ctc_{name}": model.ctc * heads[name] for name in out["logits"]}
  for name, levels in out.get("pyramid", {}).items():
    share = model.ctc * model.spn.weight * SPN[name]
    found[f"spn_{name}"] = share * sum(heads[f"{name}_{level}"] for level in levels)
  if model.distil and len(out["logits"]) > 1:
    parts = distillation(out["logits"])
    found |= {f"distil_{name}": model.distil * x for name, x in parts.items()}
  if text is not None:
    path = path_of(out, glosses) if path is None else path
    parts = aligned(out, path, glosses, text, model.align)
    found |= {f"align_{name}": model.align[name] * x for name, x in parts.items()}
  return found


def of_heads(out: Outputs, glosses: Int[ArrayLike, "B N"]) -> dict[str, Float[Array, ""]]:
  """{head: CTC loss}, sums over the batch over its size; heads of pyramids are "STREAM_LEVEL"."""
  found = {name: _ctc(x, out["steps"], glosses) for name, x in out["logits"].items()}
  for name, levels in out.get("pyramid", {}).items():
    for level, one in levels.items():
      found[f"{name}_{level}"] = _ctc(one["logits"], one["steps"], glosses)
  return found


def _ctc(logits, steps, glosses):
  return jnp.mean(ctc_loss(logits, steps, glosses))


def distillation(logits: Mapping[str, Float[ArrayLike, "B T V"]]) -> dict[str, Float[Array, ""]]:
  """{head: KL(mean of all heads || head)}, summed over steps, padding too, over the batch's size.

  The mean has no gradient.
  """
  target = jax.lax.stop_gradient(ensemble(dict(logits)))
  return {name: _divergence(target, jax.nn.log_softmax(x)) for name, x in logits.items()}


def _divergence(target, log_probabilities):
  parts = jnp.exp(target) * (target - log_probabilities)
  return jnp.sum(parts) / len(parts)


def path_of(out: Outputs, glosses: Int[ArrayLike, "B N"]) -> alignment.Path:
  """The path of the target glosses through the mean of the model's own heads, no gradient."""
  scores = jax.lax.stop_gradient(ensemble(dict(out["logits"])))
  return alignment.monotone_path(scores, out["steps"], glosses)


def aligned(
    out: Outputs, path: alignment.Path, glosses: Int[ArrayLike, "B N"], text: Text, how: ConfigDict
) -> dict[str, Float[Array, ""]]:
  """{"gloss", "sentence"}: the losses that have a weight, before it.

  Args:
    out: of a model that was given features of the text.
    path: which gloss each step belongs to.
    glosses: (B, N) int, 0 behind the end.
    text: of the tokens whose features the model was given.
    how: the section `model.align` of a configuration.
  """
  found = {}
  if how.gloss:
    visual, words = _of_glosses(out["shared"], path.position, glosses, text)
    how_rows = how.row, how.normalize, how.temperature
    found["gloss"] = alignment.gloss_loss(visual, words, glosses, path.exists, *how_rows).loss
  if how.sentence:
    found["sentence"] = _of_sentences(out, glosses, text, how)
  return found


def _of_glosses(shared, position, glosses, text):
  """(of videos, of texts): (B, N, D) vectors of each gloss."""
  count = glosses.shape[1]
  visual = alignment.segment_means(shared["v2t_gloss"], position, count)
  return visual, alignment.segment_means(shared["t2v"], text.gloss_of_token, count)


def _of_sentences(out, glosses, text, how):
  video, words = _whole(out, text)
  words = jax.lax.stop_gradient(words) if how.detach_text else words
  if how.sentence_kind == "batch":
    return alignment.batch_loss(video, words, alignment.same_sentences(glosses))
  return alignment.channel_loss(video, words)


def _whole(out, text):
  """(of videos, of texts): (B, D) vectors of whole sentences."""
  shared, steps = out["shared"], out["steps"]
  valid = jnp.arange(shared["v2t_sentence"].shape[1])[None] < steps[:, None]
  whole = jnp.where(valid, 0, -1)
  video = alignment.segment_means(shared["v2t_sentence"], whole, 1)[:, 0]
  return video, jnp.take_along_axis(shared["t2v"], text.end[:, None, None], axis=1)[:, 0]


def agreement(
    out: Outputs, position: Int[ArrayLike, "B T"], glosses: Int[ArrayLike, "B N"], text: Text,
    how: ConfigDict,
) -> dict[str, Float[Array, "B ..."]]:
  """What tells how far videos and texts agree; arguments as of `aligned`, and its path's position.

  Returns:
    Where glosses are aligned, "positives": (B, N) of `alignment.positive_shares`. Where sentences
    are, "video" and "text": (B, D), whose products are the likeness of each video to each text, as
    the loss sees it; and "entropy": (B,), of the softmax of the text's channels as a share of the
    most that there can be, where this softmax is what is compared.
  """
  found = {}
  if how.gloss:
    vectors = _of_glosses(out["shared"], position, glosses, text)
    found["positives"] = alignment.positive_shares(
        *vectors, glosses, how.normalize, how.temperature
    )
  if how.sentence:
    video, words = _whole(out, text)
    if how.sentence_kind == "batch":
      found |= {"video": unit_length(video), "text": unit_length(words)}
    else:
      entropies = alignment.channel_entropies(words) / jnp.log(words.shape[1])
      video, words = alignment.channel_factors(video, words)
      found |= {"video": video, "text": words, "entropy": entropies}
  return found
