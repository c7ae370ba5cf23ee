"""What the rooms know of each other: the training loop of a task, a task of a system."""

import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree
from ml_collections import ConfigDict

Batch = dict[str, Any]  # host arrays (B, ...) of one step
Variables = dict[str, Any]  # {"params": ..., further collections}
# Of a loss: it, scalars to log (or what a golden case compares), and the updated collections beside
# "params".
Outcome = tuple[Float[Array, ""], tuple[dict[str, PyTree], Variables]]
Place = Callable[[Batch], Batch]  # host arrays -> device arrays, batches sharded over the mesh
# What a model is built for: {field: [shape without the batch's axis, name of the dtype]}, nested as
# the batch is, and whole numbers such as "classes". JSON values, which a run notes.
Inputs = dict[str, Any]


class Selection(NamedTuple):
  """The number that chooses the best checkpoint: its name, and which of two is the better one."""

  name: str
  higher_is_better: bool = True

  def is_better(self, new: float, old: float) -> bool:
    """Whether `new` is better than `old`; an equal number is not."""
    return new > old if self.higher_is_better else new < old


class ParameterKinds(NamedTuple):
  """How the authors' program treats parameters: regular expressions found in their paths.

  Attributes:
    float16: those that it keeps in float16 ("visual/proj").
    after_gathering: those that several GPUs use after they have gathered all features; None where
      that is not known.
    frozen: those that training leaves as they are.
  """

  float16: tuple[str, ...] = ()
  after_gathering: tuple[str, ...] | None = None
  frozen: tuple[str, ...] = ()


NO_KINDS = ParameterKinds()


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


class Task(Protocol):
  """A system to train: pure functions of variables and batches, and where its data come from.

  Attributes:
    batch_size: examples in a global batch.
    steps_per_epoch: full batches in one pass over the training split.
    selection: the number that chooses the best checkpoint; one of those that `evaluate` returns.
    unit: what a batch counts, in the plural; the speed is told in these.
    inputs: what the model is built for; a run notes it, so that the model can be built without the
      data set.
    fingerprint: changes when the data set changes; a run does not resume on other data.
    measured_splits: those of "validation" and "test" that can be evaluated; both where a task does
      not say.
    can_cache_gradients: True where the task has `encode` and `compare`, see
      `train.gradient_cache`; a task without it cannot.
    parameter_kinds: `ParameterKinds`; a task may leave it out, and no optimiser then does what
      depends on them.
    training_warning: a sentence about settings with which training may fail, or None; a task may
      leave it out.
  """

  batch_size: int
  steps_per_epoch: int
  selection: Selection
  unit: str
  inputs: Inputs
  fingerprint: str

  def train_batches(self, start_step: int) -> Iterator[Batch]:
    """Endless batches from `start_step` on, functions of the seed and the step; has `close()`."""

  def resident(self, place: Place) -> Batch:
    """Arrays that stay on the devices for a whole run; `loss` finds them in each batch.

    Called once, before the first step, with a `place` that puts a copy on every device. A task
    without such arrays may leave this method out.
    """
    return {}

  def init(self, key: PRNGKeyArray) -> Variables:
    """Fresh variables from a PRNG key."""

  def load(self, variables: Variables) -> Variables:
    """Fresh variables with weights from the files that the configuration names; outside jit.

    They may be shapes alone (`jax.ShapeDtypeStruct`): then what no file holds is to stay one, and
    is drawn afterwards.
    """

  def loss(
    self, variables: Variables, batch: Batch, key: PRNGKeyArray, step: Int[ArrayLike, ""]
  ) -> Outcome:
    """(scalar loss, (named scalars to log, updated collections beside "params")).

    `step` is () int32, the number of updates before this one.
    """

  def encode(self, variables: Variables, batch: Batch) -> PyTree[Array]:
    """Representations (B, ...) of examples, each a function of its own example; draws nothing."""

  def compare(
    self, variables: Variables, encoded: PyTree[Array], key: PRNGKeyArray, step: Int[ArrayLike, ""]
  ) -> Outcome:
    """What `loss` returns, from the representations of all its examples."""

  def name_examples(self, step: int, rows: list[int]) -> list[str]:
    """What a user calls some rows of the global batch of a step, which counts from 1.

    A task may leave this method out.
    """

  def advice(self, finding: Any) -> str | None:
    """What is known about a `train.nonfinite.Finding`; None leaves it to general advice.

    A task may leave this method out.
    """

  def constrain(self, params: PyTree, step: Int[ArrayLike, ""]) -> PyTree:
    """Parameters after the update number `step`, counted from 0, moved to where they may be."""

  def facts(self, splits: tuple[str, ...] = ("validation", "test")) -> dict[str, Any]:
    """What `evaluate` measures on these splits, in JSON values: the data set, sizes, protocol.

    They stand in results.json beside the numbers. A task may leave this method out.
    """
    return {}

  def evaluate(self, variables: Variables, split: str, place: Place) -> dict[str, float]:
    """Named numbers of a split ("validation" or "test")."""

  def table(self, results: dict[str, float], split: str) -> str:
    """What a user sees of `results`, whose names begin with the split's."""

  def texts(self, split: str) -> dict[str, str]:
    """{name of a file: its content} that go beside the results of the split evaluated last.

    A task may leave this method out.
    """
    return {}


class Trainer(Protocol):
  """What looks into a step knows of the trainer that took it; `train.step.Trainer` is one.

  Attributes:
    task, config: what is trained, and the whole configuration.
    mesh: jax.sharding.Mesh.
    target: a training state of jax.ShapeDtypeStructs with shardings.
    resident: what the task keeps on the devices.
  """

  task: Task
  config: ConfigDict
  mesh: Any
  target: PyTree
  resident: Batch

  def create(self) -> PyTree:
    """A fresh training state."""

  def step(self, state: PyTree, batch: Batch) -> tuple[PyTree, dict[str, Array]]:
    """(state, metrics) after one update."""
