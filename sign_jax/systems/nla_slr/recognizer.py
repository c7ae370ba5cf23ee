"""How NLA-SLR is trained and judged, for the task of isolated recognition."""

import sys
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree
from ml_collections import ConfigDict

from sign_jax.data import gloss_embeddings
from sign_jax.errors import UserError
from sign_jax.ops import gloss_mixup, label_smoothing, mixup
from sign_jax.protocols import Batch, Inputs, Recognizer
from sign_jax.systems.nla_slr import augment, streams

ENSEMBLES = ("last", "all")
_FIELDS = {"video": "video", "keypoint": "keypoints"}


class SignRecognizer(Recognizer):
  """The `protocols.Recognizer` of NLA-SLR; all methods are functions of their arguments."""

  reads = "signs"

  def fields(self, config: ConfigDict) -> tuple[str, ...]:
    """What the streams read."""
    chosen = config.model.modalities
    return tuple(_FIELDS[name] for name in _FIELDS if chosen in (name, streams.BOTH))

  def resident(self, config: ConfigDict, facts: Mapping[str, Any]) -> Batch:
    """{"embeddings": (N, E) float32} of the glosses, of a file or the data set's own; else {}.

    Without any, smoothing is uniform and features are mixed with no glosses, as in the paper on
    NMFs-CSL; stderr says so where the configuration wants something else.

    Raises:
      UserError: the file or the data set's vectors cannot be used.
    """
    model, path = config.model, config.data.gloss_embeddings
    names, noted = facts["names"], facts["gloss_vectors"]
    if path and names is None:
      raise UserError(
          f"the data set names none of its {facts['classes']} classes, so that no vectors belong "
          f"to them: leave {gloss_embeddings.OPTION} out"
      )
    if path:
      return {"embeddings": gloss_embeddings.read(path, names)}
    if noted is not None:
      return {"embeddings": gloss_embeddings.of_metadata(noted, facts["classes"])}
    if model.inter_mixup or model.smoothing == "language":
      print(
          "there are no vectors of the glosses, so labels are smoothed uniformly and features are "
          f"mixed with no glosses: pass a file of vectors by {gloss_embeddings.OPTION}",
          file=sys.stderr,
      )
    return {}

  def inputs(self, config: ConfigDict, classes: int, resident: Batch) -> Inputs:
    """A clip of every stream, "classes", and "embedding", the numbers of a gloss's vector or 0.

    The latter is `model.embedding` where no vectors are known.
    """
    data, model = config.data, config.model
    sides = {"video": (data.size, 3), "keypoint": (data.heatmap_size, 63)}
    lengths = {"long": data.frames, "short": augment.short(data.frames)}
    found = {}
    for name in streams.chosen(model.modalities, model.lengths):
      modality, length = name.split("_")
      size, channels = sides[modality]
      found[name] = [[lengths[length], size, size, channels], "float32"]
    known = resident["embeddings"].shape[1] if resident else model.embedding
    return {**found, "classes": classes, "embedding": known}

  def train_inputs(
      self, config: ConfigDict, batch: Batch, key: PRNGKeyArray
  ) -> tuple[dict[str, Float[Array, "..."]], dict[str, Array]]:
    """The augmented streams; {"label", "other" (B,), "share" ()} of what they are blends of."""
    draws = augment.draw(config, key, batch["label"].shape[0])
    return augment.inputs(config, batch, draws), targets_of(batch["label"], draws.blend)

  def eval_inputs(self, config: ConfigDict, batch: Batch) -> dict[str, Float[Array, "..."]]:
    """The streams of whole pictures."""
    clips = next(batch[name] for name in self.fields(config))
    return augment.inputs(config, batch, augment.still(config, clips.shape[0]))

  def loss(
      self, config: ConfigDict, out: Mapping[str, Any], targets: Mapping[str, Array],
      resident: Batch, progress: Float[Array, ""],
  ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """The sum over heads of both losses, and each of the two sums."""
    terms = {"smoothing": smoothing_loss(config, out, targets, resident)}
    if config.model.inter_mixup and "mixup" in out:
      weight = gloss_mixup.weight(progress, config.model.inter_mixup_decay)
      terms["mixup"] = weight * mixup_loss(out, targets)
    return sum(terms.values()), terms

  def scores(
      self, config: ConfigDict, out: Mapping[str, Any]
  ) -> dict[str, Float[Array, "B classes"]]:
    """The ensemble that `model.ensemble` names, and the other one under "ensemble_NAME".

    "last" sums the probabilities of the heads that join streams, "all" those of all heads; with one
    head there is nothing to sum.
    """
    logits = out["logits"]
    joined = [name for name in logits if name.startswith("fuse")]
    members = {"last": joined or list(logits), "all": list(logits)}
    found = {kind: ensemble([logits[name] for name in members[kind]]) for kind in ENSEMBLES}
    chosen = found.pop(config.model.ensemble)
    others = {f"ensemble_{kind}": x for kind, x in found.items()}
    return {"": chosen, **(others if len(logits) > 1 else {})}

  def constrain(self, params: PyTree, progress: Float[Array, ""], config: ConfigDict) -> PyTree:
    """Parameters with every head's first classifier pulled to its second one, where it is trained.
    """
    if not (config.model.inter_mixup and config.model.integration):
      return params
    beta = kept(progress, config.model.integration_base)
    return {name: _pulled(layers, beta) for name, layers in params.items()}


def targets_of(
    labels: Int[Array, " B"], blend: mixup.Mixup | None
) -> dict[str, Array]:
  """{"label": labels, "other": those of what is blended in, "share": of the former}."""
  if blend is None:
    return {"label": labels, "other": labels, "share": jnp.float32(1)}
  return {"label": labels, "other": mixup.others(labels), "share": blend.share}


def smoothing_loss(
    config: ConfigDict, out: Mapping[str, Any], targets: Mapping[str, Array], resident: Batch
) -> Float[Array, ""]:
  """Sum over heads of the cross-entropy with smoothed labels; eq. 1 and 2."""
  model, logits = config.model, out["logits"]
  classes = next(iter(logits.values())).shape[1]
  soft = lambda labels: label_smoothing.targets(
      model.smoothing, labels, classes, resident.get("embeddings"), model.smoothing_eps,
      model.smoothing_temperature,
  )
  share = targets["share"]
  mixed = share * soft(targets["label"]) + (1 - share) * soft(targets["other"])
  return sum(label_smoothing.cross_entropy(x, mixed) for x in logits.values())


def mixup_loss(out: Mapping[str, Any], targets: Mapping[str, Array]) -> Float[Array, ""]:
  """Sum over heads of the loss of inter-modality mixup, without its weight; eq. 5."""
  return sum(
      gloss_mixup.inter_modality_mixup(
          out["head_inputs"][name], **layers, labels=targets["label"], others=targets["other"],
          share=targets["share"],
      )
      for name, layers in out["mixup"].items()
  )


def ensemble(logits: list[Float[ArrayLike, "B N"]]) -> Float[Array, "B N"]:
  """The logarithm of the sum of the heads' probabilities."""
  logs = jnp.stack([jax.nn.log_softmax(x.astype(jnp.float32), axis=-1) for x in logits])
  return jax.nn.logsumexp(logs, axis=0)


def kept(progress: Float[Array, ""], base: float = 0.99) -> Float[Array, ""]:
  """What the first classifier keeps of itself in an update, rising from `base` to 1; eq. 6."""
  return 1 - (1 - base) * (jnp.cos(jnp.pi * progress) + 1) / 2


def _pulled(layers, beta):
  if "fc1" not in layers or "fc2" not in layers:
    return layers
  pull = lambda first, second: beta * first + (1 - beta) * second
  return {**layers, "fc1": jax.tree.map(pull, layers["fc1"], layers["fc2"])}
