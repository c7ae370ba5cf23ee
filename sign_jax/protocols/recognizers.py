"""What a task of recognition asks of a system."""

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree
from ml_collections import ConfigDict

from sign_jax.protocols.kinds import Batch, Inputs


class Recognizer(Protocol):
  """How a system that recognises isolated signs is trained and judged; see `tasks.isolated`.

  A card without one has `tasks.window_recognizer.WindowRecognizer`. `config` is the whole
  configuration. Methods of batches are pure functions, called inside jit; they find host arrays of
  the reader as arrays on the device.

  Attributes:
    reads: "windows", 16 frames of labelled segments of videos (`data.segment_windows`), "features",
      the features of such windows (`data.feature_segments`), or "signs", whole clips of a built
      data set (`data.sign_clips`).
  """

  reads: str

  def fields(self, config: ConfigDict) -> tuple[str, ...]:
    """What a batch must hold beside labels: "video", "keypoints" or both."""

  def resident(self, config: ConfigDict, facts: Mapping[str, Any]) -> Batch:
    """Arrays that stay on the devices, keyword arguments of the model in training; {} for none.

    Args:
      config: the whole configuration.
      facts: of the data set: "names", list of str or None, the classes'; "classes", their number;
        "gloss_vectors", their vectors as nested lists, or None.
    """

  def inputs(self, config: ConfigDict, classes: int, resident: Batch) -> Inputs:
    """What the model is built for; has "classes". `resident` is {} where weights alone are known,
    and the `model` section then says what the arrays would have told."""

  def train_inputs(
    self, config: ConfigDict, batch: Batch, key: PRNGKeyArray
  ) -> tuple[PyTree[Array], dict[str, Array]]:
    """(what the model is called with, what `loss` compares its outputs with), augmented."""

  def eval_inputs(self, config: ConfigDict, batch: Batch) -> PyTree[Array]:
    """What the model is called with in evaluation."""

  def loss(
    self, config: ConfigDict, out: PyTree[Array], targets: dict[str, Array], resident: Batch,
    progress: Float[Array, ""],
  ) -> tuple[Float[Array, ""], dict[str, Array]]:
    """(loss, its terms by name).

    Args:
      config: the whole configuration.
      out: what the model returns.
      targets: of `train_inputs`.
      resident: the arrays of `resident`.
      progress: () float32 in [0, 1), the whole epochs done, as a share of all.
    """

  def scores(self, config: ConfigDict, out: PyTree[Array]) -> dict[str, Float[Array, "B classes"]]:
    """Scores of all classes, logarithms of what is proportional to probabilities.

    Under the name "" are those that select a checkpoint; others are told beside them.
    """

  def constrain(
    self, params: PyTree, progress: Float[Array, ""], config: ConfigDict
  ) -> PyTree:
    """Parameters after an update, moved to where they may be."""


class Words(Protocol):
  """Features of the tokens of sentences of glosses, from a language model that is not trained.

  Attributes:
    width: E, channels of a token's features.
  """

  width: int

  def rows(self, sentences: Sequence[Sequence[str]]) -> Batch:
    """{"text": (B, M, E) float32, "gloss_of_token": (B, M) int32, the place of the gloss that a
    token belongs to or -1, "text_end": (B,) int32, the place of the token at a sentence's end}."""

  def __contains__(self, sentence: Sequence[str]) -> bool:
    """Whether there are features of a sentence."""


class GlossRecognizer(Protocol):
  """How a system that reads sentences of glosses is trained and judged; see `tasks.continuous`.

  `config` is the whole configuration. Methods of batches are pure functions, called inside jit.
  """

  def fields(self, config: ConfigDict) -> tuple[str, ...]:
    """What a batch must hold beside glosses: some of "video", "keypoints" and "flow"."""

  def words(
    self, config: ConfigDict, sentences: Sequence[Sequence[str]], folder: pathlib.Path | None,
    others: Iterable[Sequence[str]] = (),
  ) -> Words | None:
    """`Words` of all sentences of training; None for a model that reads no text.

    Args:
      config: the whole configuration.
      sentences: distinct.
      folder: where features may be kept; None keeps them where the configuration says.
      others: further ones, which are only measured; those that are too long are not in `Words`.
    """

  def resident(self, config: ConfigDict) -> Batch:
    """What stays on the devices for `loss`; {} for nothing."""

  def inputs(self, config: ConfigDict, classes: int, text_width: int) -> Inputs:
    """What the model is built for; has "classes"."""

  def train_inputs(self, config: ConfigDict, batch: Batch, key: PRNGKeyArray) -> dict[str, PyTree]:
    """Keyword arguments that the model is called with, augmented."""

  def eval_inputs(self, config: ConfigDict, batch: Batch) -> dict[str, PyTree]:
    """The same in evaluation."""

  def loss(
    self, config: ConfigDict, out: PyTree[Array], batch: Batch, inputs: dict[str, PyTree],
    resident: Batch,
  ) -> tuple[Float[Array, ""], dict[str, Array]]:
    """(loss, its terms by name).

    Args:
      config: the whole configuration.
      out: what the model returned.
      batch: of training, with "glosses".
      inputs: what the model was called with.
      resident: of `resident`.
    """

  def scores(
    self, config: ConfigDict, out: PyTree[Array]
  ) -> tuple[Float[Array, "B T classes"], Int[Array, " B"]]:
    """(logarithms of the classes' probabilities at every step, how many steps there are)."""

  def agreement(
    self, config: ConfigDict, out: PyTree[Array], batch: Batch, position: Int[Array, "B T"]
  ) -> dict[str, Float[Array, "B ..."]]:
    """How far videos and texts agree, of a model that was given the texts of `Words`.

    Args:
      config: the whole configuration.
      out: what the model returned.
      batch: of evaluation, with "glosses".
      position: the place of the gloss that each step belongs to by the model's own scores, or -1.

    Returns:
      What is measured of the following: "positives": (B, N), see `ops.alignment.positive_shares`;
      "video" and "text": (B, D), whose products are likenesses; "entropy": (B,), a share.
    """
    return {}
