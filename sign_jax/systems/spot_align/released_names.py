"""Names of the released checkpoints of retrieval with one vector a side, and their sizes."""

from collections.abc import Mapping, Sequence

from ml_collections import ConfigDict

from sign_jax.data import sentence_vectors
from sign_jax.protocols import Inputs
from sign_jax.weights.convert import LINEAR, Rule

_BATCH_NORM = (
    ("weight", "params", "scale"), ("bias", "params", "bias"),
    ("running_mean", "batch_stats", "mean"), ("running_var", "batch_stats", "var"),
)
_SIDES = {"text_gu": "ce.text_GU.0", "video_gu": "ce.video_GU.0"}
_REDUCE = "ce.video_dim_reduce.0.fc"
_WORDS = "word_vectors.weight"  # ours: released vectors of words are not learned


def _linear(there, here):
  yield Rule(f"{there}.weight", f"params/{here}/kernel", LINEAR)
  yield Rule(f"{there}.bias", f"params/{here}/bias")


def _batch_norm(there, here):
  for name, kind, own in _BATCH_NORM:
    yield Rule(f"{there}.{name}", f"{kind}/{here}/{own}")


def _unit(there, here):
  """Rules of a `modules.gated_embedding.GatedEmbedding`."""
  yield from _linear(f"{there}.fc", f"{here}/fc")
  yield from _linear(f"{there}.cg.fc", f"{here}/cg/fc")
  yield from _batch_norm(f"{there}.cg.batch_norm", f"{here}/cg/batch_norm")


NAMES = (
    Rule("text_pooling.clusters", "params/text_pooling/clusters"),
    Rule("text_pooling.clusters2", "params/text_pooling/clusters2"),
    *_batch_norm("text_pooling.batch_norm", "text_pooling/batch_norm"),
    *(rule for here, there in _SIDES.items() for rule in _unit(there, here)),
    *_linear(_REDUCE, "video_dim_reduce/fc"),
    Rule(_WORDS, "params/word_vectors/embedding"),
)
# Counters of PyTorch's BatchNorm, which a fixed momentum does not use.
IGNORE = (r".+\.num_batches_tracked",)


def sizes(shapes: Mapping[str, Sequence[int]]) -> dict[str, int | str]:
  """The settings that give a model of the sizes of a file.

  Args:
    shapes: {released name: shape}.

  Returns:
    {dotted name: value}.

  Raises:
    KeyError: a name that every file has is missing.
  """
  assigned, clusters = (shapes[f"text_pooling.{name}"][-1] for name in ("clusters", "clusters2"))
  return {
      "model.embed_dim": shapes["ce.text_GU.0.fc.weight"][0],
      "model.text.clusters": clusters,
      "model.text.ghost_clusters": assigned - clusters,
      "model.video.projection": _projection(shapes),
  }


def _projection(shapes):
  if f"{_REDUCE}.weight" not in shapes:
    return "geu"
  return "reduce_geu" if "ce.video_GU.0.cg.fc.weight" in shapes else "linear"


def feature_width(shapes: Mapping[str, Sequence[int]]) -> int:
  """F, the channels of a sign feature that a checkpoint reads; {released name: shape} -> int."""
  first = "ce.video_GU.0.fc" if _projection(shapes) == "geu" else _REDUCE
  return shapes[f"{first}.weight"][1]


def word_width(shapes: Mapping[str, Sequence[int]]) -> int:
  """D_t, the width of the word vectors of a checkpoint; {released name: shape} -> int."""
  return shapes["text_pooling.clusters"][0]


def text_inputs(config: ConfigDict, shapes: Mapping[str, Sequence[int]]) -> Inputs:
  """The words of a batch that a checkpoint reads.

  Args:
    config: the whole configuration.
    shapes: {released name: shape}.
  """
  length, words = config.data.text_length, vocabulary(shapes)
  if not words:
    return sentence_vectors.inputs(length, word_width(shapes))
  return {"text": [[length], "int32"], "text_valid": [[length], "bool"], "words": words}


def vocabulary(shapes: Mapping[str, Sequence[int]]) -> int:
  """How many words have vectors that a checkpoint has learned; 0 where it reads vectors."""
  return shapes[_WORDS][0] - 1 if _WORDS in shapes else 0
