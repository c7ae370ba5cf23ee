"""Continuous recognition: videos of signed sentences to sequences of glosses."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from sign_jax.data import gloss_lists
from sign_jax.data.gloss_videos import GlossVideos
from sign_jax.data.gloss_vocabulary import BLANK, GlossVocabulary
from sign_jax.errors import UserError
from sign_jax.files import existing_file
from sign_jax.metrics import word_error
from sign_jax.ops import alignment, ctc, ctc_decode, ctc_spans
from sign_jax.protocols import (
  Batch,
  Inputs,
  Outcome,
  ParameterKinds,
  Place,
  Selection,
  System,
  Task,
  Variables,
)
from sign_jax.tasks import (
  continuous_report,
  finite,
  gloss_decoding,
  gloss_overlap,
  sentences,
  still,
  text_agreement,
)
from sign_jax.train import compilation, distributed
from sign_jax.weights import initial, readers

BLANK_NAME = "<blank>"  # among the classes' names


class Continuous(Task):
  """A system that reads sentences of glosses, as a `protocols.Task`."""

  selection = Selection("wer", higher_is_better=False)
  unit = "videos"
  CHOICES = {"decode.search": ctc_decode.SEARCHES}

  def __init__(
      self, config: ml_collections.ConfigDict, system: System,
      source: Mapping[str, GlossVideos] | None = None, noted: Inputs | None = None,
  ) -> None:
    """Reads the glosses of the training split, and the names of the weights.

    Args:
      config: the whole configuration, after `run.checks.check`.
      system: `protocols.System`, whose `recognizer` is a `protocols.GlossRecognizer`.
      source: {split: videos} in place of the configuration's own (tests).
      noted: what the model of a run was built for; None where there is no run.

    Raises:
      UserError: no glosses, weights or glosses that cannot be read, classes that do not fit.
    """
    self._config, self._system, self._recognizer = config, system, system.recognizer
    self.batch_size = config.batch_size
    self.reader = sentences.SentenceReader(config, self._recognizer.fields(config), source)
    self.vocabulary = _vocabulary(self.reader.split("train").sentences, config.init)
    self._initial = initial.of_recognizer(config.init, system)
    self._classes, self._noted = self._num_classes(), noted
    self.parameter_kinds = ParameterKinds(frozen=system.frozen(config))
    self._decode = jax.jit(self.decode, compiler_options=compilation.options(config))
    self._told = {}

  @staticmethod
  def inputs_of(
      config: ml_collections.ConfigDict, system: System, shapes: Mapping[str, tuple]
  ) -> Inputs | None:
    """As `tasks.retrieval.Retrieval.inputs_of`."""
    told = system.sizes(shapes) if system.sizes else {}
    classes = config.model.num_classes or told.get("model.num_classes")
    width = system.text_inputs(config, shapes)["text_width"] if system.text_inputs else 0
    return system.recognizer.inputs(config, classes, width) if classes else None

  def _num_classes(self):
    classes = self._config.model.num_classes or len(self.vocabulary)
    if classes < len(self.vocabulary):
      raise UserError(
          f"{self.reader.source} has {len(self.vocabulary) - 1} glosses, and the model has only "
          f"{classes} classes: leave --config.model.num_classes at 0"
      )
    return classes

  @functools.cached_property
  def inputs(self) -> Inputs:
    """See `protocols.Task`."""
    return self._recognizer.inputs(self._config, self._classes, self._text_width())

  @functools.cached_property
  def _model(self):
    return self._system.build(self._config.model, self.inputs)

  def _text_width(self):
    """The channels of a token's features.

    A run and a file of weights tell them without the text encoder, which may not be there.
    """
    if self._noted is not None and "text_width" in self._noted:
      return self._noted["text_width"]
    if self._config.init.model and self._system.text_inputs:
      path = existing_file(
          self._config.init.model, "--config.init.model", "pass a file of weights"
      )
      state = readers.read(path)
      shapes = {name: x.shape for name, x in state.items()}
      return self._system.text_inputs(self._config, shapes)["text_width"]
    return self._words.width if self._words else 0

  @functools.cached_property
  def _words(self):
    """Features of the tokens of all sentences of known glosses, or None."""
    found = sorted(set(self.reader.split("train").sentences) - {()})
    return self._recognizer.words(self._config, found, None, self._measured_sentences())

  @functools.cached_property
  def _measured_words(self):
    """The same for evaluation, which goes on without: training has opened them before it."""
    try:
      return self._words
    except UserError as error:
      distributed.say(f"how far videos and texts agree is not measured: {error}")
      return None

  def _measured_sentences(self):
    """Those of known glosses, one after the other: a model without texts opens no further split."""
    for name in self.measured_splits:
      yield from filter(self.vocabulary.numbers, self.reader.split(name).sentences)

  @property
  def measured_splits(self) -> tuple[str, ...]:
    """Those of "validation" and "test" that there are."""
    return self.reader.measured_splits

  @property
  def class_names(self) -> list[str]:
    """The glosses behind the blank, and "" of a class that no gloss has; which a run notes."""
    empty = self._classes - len(self.vocabulary)
    return [BLANK_NAME, *self.vocabulary.glosses, *[""] * empty]

  @property
  def flow_note(self) -> dict[str, Any] | None:
    """What the data set says of how its flow was made, which a run notes; None without flow."""
    return self.reader.flow_note

  @property
  def fingerprint(self) -> str:
    """Of the data set on disk."""
    return self.reader.fingerprint

  @property
  def steps_per_epoch(self) -> int:
    """A training example is a video; an incomplete batch is dropped."""
    self.reader.check()
    count = self.reader.size("train")
    if count < self.batch_size:
      raise UserError(
          f"batch_size {self.batch_size} exceeds the {count} training videos: lower "
          "--config.batch_size"
      )
    return count // self.batch_size

  def train_batches(self, start_step: int) -> Iterator[Batch]:
    """Batches of `data.gloss_batches.train_batches` from that step on.

    Raises:
      UserError: what is followed, or features of the texts, do not fit the model; as of the reader.
    """
    self._system.check_classes(self._config, self.class_names)
    if self._words and self._words.width != self.inputs["text_width"]:
      raise UserError(
          f"the text encoder gives {self._words.width} numbers for a token, and this model reads "
          f"{self.inputs['text_width']}: use the encoder that it was trained with"
      )
    found = self.reader.split("train").sentences
    targets = sentences.Targets(found, self.vocabulary.encode, self._words)
    return self.reader.train_batches(start_step, targets)

  def resident(self, place: Place) -> Batch:
    """The arrays of `protocols.GlossRecognizer.resident` on the devices."""
    found = self._recognizer.resident(self._config)
    return place(found) if found else {}

  def init(self, key: PRNGKeyArray) -> Variables:
    """Seeded random variables."""
    return self.init_of(self._system, self._model, self.inputs, key)

  @staticmethod
  def init_of(system: System, model: Any, inputs: Inputs, key: PRNGKeyArray) -> Variables:
    """The same of any module of a system."""
    return system.init(model, inputs, key)

  def load(self, variables: Variables) -> Variables:
    """Fresh variables with the weights of the section `init` in them.

    Raises:
      UserError: when a file does not fit the model, or its classes may not be the data's glosses.
    """
    init = self._config.init
    if init.model and not init.get("glosses"):
      self._check_order(init.model)
    return self._initial.load(variables, self.class_names)

  def _check_order(self, path):
    """Says which class of a file is taken for which gloss, where nothing else says it."""
    count, known = self._classes - 1, len(self.vocabulary) - 1
    remedy = f"pass the list that comes with it by {gloss_lists.OPTION}"
    if count != known:
      raise UserError(
          f"{path} has {count} glosses and {self.reader.source} has {known}, and nothing says "
          f"which is which: {remedy}"
      )
    distributed.say(
        f"warning: nothing says which class of {path} is which gloss, so they are taken for the "
        f"{known} glosses of {self.reader.source} in alphabetical order, as in a run: if it is "
        f"another program's, {remedy}"
    )

  def loss(
      self, variables: Variables, batch: Batch, key: PRNGKeyArray, step: Int[ArrayLike, ""]
  ) -> Outcome:
    """The system's loss; updates the running statistics of BatchNorm over the global batch."""
    del step
    recognizer, config = self._recognizer, self._config
    inputs = recognizer.train_inputs(config, batch, jax.random.fold_in(key, 1))
    with still.modules(self._system.still(config)):
      out, updates = self._model.apply(
          variables, train=True, rngs={"dropout": key}, mutable=["batch_stats"], **inputs
      )
    loss, terms = recognizer.loss(config, out, batch, inputs, batch)
    steps = recognizer.scores(config, out)[1]
    logged = {f"loss_{name}": term for name, term in terms.items()}
    # CTC has no path through such a sentence, and learns nothing from it.
    logged["infeasible"] = 100 * jax.numpy.mean(~ctc.feasible(steps, batch["glosses"]))
    return loss, (logged, updates)

  def constrain(self, params: PyTree, step: Int[ArrayLike, ""]) -> PyTree:
    """As the system says, see `protocols.System`."""
    return self._system.constrain(params, step, self._config)

  def name_examples(self, step: int, rows: list[int]) -> list[str]:
    """Names of some rows of the global batch of a step, which counts from 1."""
    return self.reader.name_examples(step, rows)

  def advice(self, finding: Any) -> str | None:
    """What is known about a tensor that is not finite."""
    return finite.advice(finding)

  def facts(self, splits: Sequence[str] = ("validation", "test")) -> dict[str, Any]:
    """The data set, what its splits hold, and how sentences are decoded and cleaned."""
    decode = self._config.decode
    return self.reader.told(splits, self.vocabulary) | {
        "decode": f"{decode.search} beam search of width {decode.width}"
        + ", repeats merged" * decode.merge_repeated,
        "clean": self._config.data.clean or "nothing",
    }

  def decode(
      self, variables: Variables, batch: Batch
  ) -> dict[str, Float[Array, "B ..."] | Int[Array, "B ..."]]:
    """What is read in a batch; not compiled.

    Returns:
      {"glosses": (B, T') int32, 0 behind the end, "log_probability": (B,) of them, "spans":
      (B, T', 2) int32, the first and the last step of each, -1 behind the end, "steps": (B,)}, and
      where the batch has "glosses", "segments": (B, N, 2) int32, the steps of these, and what
      `protocols.GlossRecognizer.agreement` says.
    """
    out = self._model.apply(variables, **self._recognizer.eval_inputs(self._config, batch))
    scores, steps = self._recognizer.scores(self._config, out)
    found = gloss_decoding.decode(scores, steps, self._config.decode)
    read = {
        "glosses": found.glosses, "log_probability": found.log_probability,
        "spans": ctc_spans.gloss_spans(scores, steps, found.glosses), "steps": steps,
    }
    if "glosses" not in batch:
      return read
    count = batch["glosses"].shape[1]
    path = alignment.monotone_path(scores, steps, batch["glosses"])
    read["segments"] = alignment.ends(path.position, count)
    return read | self._recognizer.agreement(self._config, out, batch, path.position)

  def evaluate(self, variables: Variables, split: str, place: Place) -> dict[str, float]:
    """{"wer", "substitutions", "deletions", "insertions": percent, ...}; {} for an empty split.

    Where the data set says when each gloss is signed: how well the segments of the references'
    glosses agree with that, see `gloss_overlap.numbers`. Where the model is aligned with texts: how
    far it agrees with those of the references, see `text_agreement.numbers`.

    Raises:
      UserError: when scores are not finite, or a video cannot be read.
    """
    videos = self.reader.split(split)
    if not len(videos):
      return {}
    run = functools.partial(self._decode, variables)
    targets = self._eval_targets(videos)
    found = sentences.collect(run, self.reader.eval_batches(split, targets), place)
    self._check_finite(found, videos, variables)
    read = [self.vocabulary.decode(row) for row in self._known(found["glosses"])]
    pairs = self.reader.aligned(videos.sentences, read)
    self._told[split] = continuous_report.alignments(pairs, [clip.name for clip in videos.clips])
    errors = sum(map(word_error.count, pairs), word_error.WordErrors())
    if not errors.words:
      raise UserError(f"no reference of the {split} split has a gloss: build the data set again")
    numbers = errors.percent()
    if videos.spans is not None:
      firsts = self.reader.first_frames(videos)
      numbers |= gloss_overlap.numbers(videos.spans, found["segments"], found["steps"], firsts)
    if isinstance(targets, text_agreement.Texts):
      numbers |= text_agreement.numbers(found, targets, videos.sentences)
    return numbers

  def _eval_targets(self, videos):
    """What is known of the references of a split, beside the videos; None for nothing."""
    targets = sentences.Targets(videos.sentences, self.vocabulary.numbers)
    if self._measured_words is not None:
      texts = text_agreement.Texts(targets, videos.sentences, self._measured_words)
      if texts.known.any():
        return texts
    return None if videos.spans is None else targets

  def _known(self, glosses):
    """Rows without the classes that no gloss has, which a model of more classes may say."""
    return np.where(glosses < len(self.vocabulary), glosses, BLANK)

  def _check_finite(self, found, videos, variables):
    floats = [x.reshape(len(x), -1) for x in found.values() if x.dtype.kind == "f"]
    bad = np.flatnonzero(~np.isfinite(np.concatenate(floats, axis=1)).all(1))
    if len(bad):
      raise UserError(
          f"the scores of {len(bad)} of the {len(videos)} videos of the {videos.split} split are "
          f"not finite, the first: {videos.clips[bad[0]].name}: "
          + (finite.bad_weights(variables) or "lower --config.optim.lr or look for bad weights")
      )

  def table(self, results: dict[str, float], split: str) -> str:
    """The error rates as a text."""
    return continuous_report.table(results, split, self.facts((split,)))

  def texts(self, split: str) -> dict[str, str]:
    """{"alignments_SPLIT.txt": every sentence, word above word}."""
    return {f"alignments_{split}.txt": self._told[split]} if split in self._told else {}


def _vocabulary(sentences, init):
  """The glosses of some sentences; or those of the file `init.glosses`, in its order."""
  found = GlossVocabulary.of_sentences(sentences)
  return gloss_lists.vocabulary(init.glosses, found.glosses) if init.get("glosses") else found
