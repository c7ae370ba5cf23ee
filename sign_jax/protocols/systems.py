"""What a task asks of a system."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Int, PyTree
from ml_collections import ConfigDict

from sign_jax.protocols.kinds import Batch, Inputs, ParameterKinds, Selection
from sign_jax.protocols.recognizers import GlossRecognizer, Recognizer


class System(Protocol):
  """What a task and the doors know of a system; `systems.base.System` is one, with defaults.

  Attributes:
    name: what `model.name` says in a configuration.
    task: the name of its task, see `run.checks.TASKS`.
    reads_poses: whether its batches hold poses.
    can_cache_gradients: whether its towers draw nothing and see each example alone, see
      `train.gradient_cache`.
    names, ignore: `weights.convert.Rule`s between released and our parameters, and regular
      expressions of what released files hold beside those.
    init: function (module, inputs, PRNG key) -> fresh variables, or None for the module's own.
    loss: function (outputs, labels, step) -> (loss, terms) of a system that recognises windows, or
      None for the cross-entropy.
    text_reader: function (config, captions, notes) -> `TextReader` of a retrieval system that does
      not read CLIP's token ids, else None. `captions` is a function of a split's name that gives
      the list of its texts, empty where the data set has no such split; None where there are no
      data. `notes` is the file that the `TextReader` of a run wrote, None where there is none.
    recognizer: `Recognizer` of a system that recognises isolated signs, None for the one of
      windows; `GlossRecognizer` of one that reads sentences.
    scorers: {name: function (configuration, split) -> similarities} of a system that retrieves,
      None for its model; see `tasks.fusion`.
    init_files: {key of the section `init`: function (variables, path) -> variables}; of a system
      that reads sentences: (variables, path, names of the classes) -> variables.
    parameter_kinds: `ParameterKinds`.
    frozen: function of the whole configuration -> regular expressions of the parameters that
      training leaves as they are.
    still: the same of modules whose BatchNorm normalises in training as in evaluation.
    check_classes: function (whole configuration, names of the classes) of a run that trains; raises
      UserError.
    fresh: {regular expression of paths: how the released code draws these}, see `weights.fresh`.
    selection: the number that chooses the best checkpoint; None leaves it to the task.
  """

  name: str
  task: str
  reads_poses: bool
  can_cache_gradients: bool
  names: tuple
  ignore: tuple
  init: Callable | None
  loss: Callable | None
  text_reader: "Callable[[ConfigDict, Callable | None, pathlib.Path | None], TextReader] | None"
  recognizer: "Recognizer | GlossRecognizer | None"
  scorers: Mapping[str, Callable | None]
  init_files: Mapping[str, Callable]
  parameter_kinds: ParameterKinds
  frozen: Callable[[ConfigDict], tuple[str, ...]]
  still: Callable[[ConfigDict], tuple[str, ...]]
  check_classes: Callable[[ConfigDict, Sequence[str]], None]
  fresh: Mapping[str, str]
  selection: Selection | None

  def build(self, model: ConfigDict, inputs: Inputs) -> Any:
    """The Flax module of a `model` section."""

  def constrain(self, params: PyTree, step: Int[ArrayLike, ""], config: ConfigDict) -> PyTree:
    """Parameters after the update number `step`, counted from 0, moved to where they may be."""

  def warning(self, model: ConfigDict) -> str | None:
    """A sentence about settings of a `model` section that may fail."""

  def advice(self, finding: Any, model: ConfigDict) -> str | None:
    """What is known about a tensor that is not finite, a `train.nonfinite.Finding`."""


class TextReader(Protocol):
  """How captions become a batch's fields, in place of CLIP's token ids and their augmented copy.

  The model's `encode_text` is called with `text` and `text_valid`.

  Attributes:
    inputs: of its fields: "text" [[N, D_t], "float32"] or [[N], "int32"], and "text_valid"
      [[N], "bool"], where a row is real; perhaps whole numbers besides.
  """

  inputs: Inputs

  def rows(self, split: Any) -> Callable[[Int[np.ndarray, " B"]], Batch]:
    """A function of sentence indices of a `data.source.RetrievalSplit` that gives its fields.

    It may be pickled, and shared between threads.
    """

  def encode(self, texts: Sequence[str]) -> Batch:
    """The fields of any sentences; raises UserError where only those of a data set have some."""

  def write(self, path: pathlib.Path) -> None:
    """Notes in a file what `encode` needs, whole or not at all."""
