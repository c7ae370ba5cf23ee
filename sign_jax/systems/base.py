"""A system's card: all that the rest of the library knows of it.

A system is a folder with a card, `docs/adding_a_system.md` shows how to write one. Its `model`
section has switches that a configuration may leave None: then `model.variant` decides them.
"Released" equals the authors' code, "paper" what the paper says.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import ml_collections

from sign_jax.errors import UserError, did_you_mean
from sign_jax.protocols import GlossRecognizer, Inputs, ParameterKinds, Recognizer, Selection


@dataclasses.dataclass(frozen=True)
class Limits:
  """Names of numbers in a configuration, by what they may be."""

  positive: tuple[str, ...] = ()
  not_negative: tuple[str, ...] = ()
  probabilities: tuple[str, ...] = ()
  below_one: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Classifier:
  """The last layer of a model that recognises: where training on other classes begins afresh.

  Attributes:
    names, paths: regular expressions of its released names, and of its paths in our variables.
    classes: function (state dict, path for errors) -> the number of classes of a file.
  """

  names: str
  paths: str
  classes: Callable[[Mapping[str, Any], Any], int]


def _keep(params, step, config):
  del step, config
  return params


@dataclasses.dataclass(frozen=True)
class System:
  """A system; the attributes that `protocols.System` names are explained there.

  Attributes:
    make: function (model, inputs) -> Flax module. `model` is the section of a configuration with
      every switch decided, `inputs` as `protocols.Inputs`.
    init: function (model, inputs, PRNG key) -> fresh variables; None is the module's own `init` on
      a batch of zeros, or on its video for a system that recognises.
    config: function (data set or None) -> the whole configuration.
    variants: {"released": {key of the model section: value}, "paper": ...}, keys with dots.
    choices: {key of the model section, with dots: the values that it may have}.
    limits: of numbers, beside those of every system.
    check: function of {dotted name: value}, the whole configuration; raises UserError.
    free_keys: settings that may change between two starts of a run.
    frozen: function of the whole configuration -> regular expressions of the parameters that
      training leaves as they are, of a system that reads sentences.
    still: the same of modules whose BatchNorm normalises by its running statistics in training too,
      which then do not move.
    check_beginning: function of the whole configuration of a run that is about to begin; raises
      UserError.
    check_classes: function (whole configuration, names of the classes or None) of a run that trains
      or goes on: None before its data are read, and then once more; raises UserError.
    fresh: {regular expression of paths in our variables: how the released code draws what no file
      of CLIP's holds}, see `weights.fresh`.
    names_of: of a system whose released names differ by its settings: function (`model` section) ->
      `names` in another order; what several rules rename gets the name of the first.
    sizes: function {released name: shape} -> {dotted name: value}, the settings that give a model
      of these sizes, a value is None where a file does not tell; None where none of them does.
    feature_width: function {released name: shape} -> D, the channels of the sign features that a
      checkpoint of a retrieval system reads; None where files do not tell.
    classifier: of a system that recognises.
    text_reader: of a retrieval system that reads no token ids of CLIP: see `protocols.System`;
      `data.captions.reader` is one of word vectors.
    text_inputs: of such a system: function (config, {released name: shape}) -> the `inputs` of its
      reader, where weights alone are known; None where files do not tell. Of a system that reads
      sentences of glosses: {"text_width": channels of a token's features, 0 where it reads none}.
    recognizer: of a system that recognises: `protocols.Recognizer`, None is that of windows of 16
      frames; or `protocols.GlossRecognizer`.
    loss: of a system that recognises windows: function (outputs of the model, labels (B,) int32,
      step) -> (float32 scalar, {name: term}); None is the cross-entropy of the outputs' "logits".
      Models of retrieval systems have a method `loss` themselves.
    scorers: of a system that retrieves, {name: function (whole configuration, RetrievalSplit) ->
      (V, S) similarities}, which `fusion.systems` may name; None in the function's place is the
      model. {} is the model alone.
    late_interaction: of a system that retrieves: whether `encode_video` and `encode_text` give
      `systems.cico.model.Tokens` and `score` is their late interaction by the module's
      `token_pooling`, `mask_padding` and `temperature`. A search then bounds scores from above and
      finds places in a video; else it scores every video by the model.
    measures: settings of these that an evaluation may change, see `run.settings.MEASURES`.
    warning: function of the `model` section -> a sentence about settings that may fail, or None.
    training_warning: the same of the whole configuration, for a run that begins to train.
    advice: function (`train.nonfinite.Finding`, `model` section) -> what is known about a tensor
      that is not finite, or None.
    golden: name of the module whose `quantities` computes a golden case, see `golden.compare`.
    published: name of the module whose TABLES are those of the paper.
    program: name of the module that goes the system's whole way, which `make train` runs.
    only_of_program: beginnings of the settings that `sign_jax.main` does not heed.
    shared: setting that names the folder in which that program's runs find each other's results.
  """

  name: str
  task: str
  make: Callable
  init: Callable | None = None
  config: Callable | None = None
  variants: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
  choices: Mapping[str, tuple] = dataclasses.field(default_factory=dict)
  limits: Limits = Limits()
  check: Callable[[Mapping[str, Any]], None] = lambda values: None
  free_keys: tuple[str, ...] = ()
  reads_poses: bool = False
  can_cache_gradients: bool = False
  constrain: Callable = _keep
  names: tuple = ()
  ignore: tuple[str, ...] = ()
  init_files: Mapping[str, Callable] = dataclasses.field(default_factory=dict)
  frozen: Callable = lambda config: ()
  still: Callable = lambda config: ()
  check_beginning: Callable = lambda config: None
  check_classes: Callable = lambda config, classes: None
  fresh: Mapping[str, str] = dataclasses.field(default_factory=dict)
  names_of: Callable | None = None
  sizes: Callable | None = None
  feature_width: Callable | None = None
  classifier: Classifier | None = None
  text_reader: Callable | None = None
  text_inputs: Callable | None = None
  recognizer: Recognizer | GlossRecognizer | None = None
  loss: Callable | None = None
  parameter_kinds: ParameterKinds = ParameterKinds()
  selection: Selection | None = None
  scorers: Mapping[str, Callable | None] = dataclasses.field(default_factory=dict)
  late_interaction: bool = False
  measures: tuple[str, ...] = ()
  warning: Callable = lambda model: None
  training_warning: Callable = lambda config: None
  advice: Callable = lambda finding, model: None
  golden: str = ""
  published: str = ""
  program: str = "sign_jax.main"
  only_of_program: tuple[str, ...] = ()
  shared: str = ""

  def export_names(self, model: ml_collections.ConfigDict) -> tuple:
    """The rules that name the parameters of a `model` section in files."""
    return self.names_of(model) if self.names_of else self.names

  def build(self, model: ml_collections.ConfigDict, inputs: Inputs) -> nn.Module:
    """The Flax module of a `model` section.

    Args:
      model: ml_collections.ConfigDict, with None for switches that its variant decides.
      inputs: `protocols.Inputs`.

    Raises:
      UserError: on a value that a switch does not have, or that this machine cannot compute.
    """
    return self.make(resolve(self, model), inputs)


def resolve(system: System, model: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  """A `model` section in which every switch is decided.

  Args:
    system: `System`.
    model: ml_collections.ConfigDict; switches that it lacks are the variant's, as those that are
      None.

  Returns:
    ml_collections.ConfigDict, a copy.

  Raises:
    UserError: on a value that a switch does not have.
  """
  if system.variants:
    _check("variant", model.variant, tuple(system.variants))
  values = system.variants[model.variant] if system.variants else {}
  decided = filled(model, values).to_dict()
  for key, choices in system.choices.items():
    section, name = _place(decided, key)
    if name in section:  # runs made before a switch lack it
      _check(key, section[name], choices)
  return ml_collections.ConfigDict(decided)


def filled(
    model: ml_collections.ConfigDict, values: Mapping[str, Any]
) -> ml_collections.ConfigDict:
  """A copy of a `model` section, with {key with dots: value} where it has None or lacks the key."""
  found = model.to_dict()
  for key, value in values.items():
    section, name = _place(found, key)
    if section.get(name) is None:
      section[name] = value
  return ml_collections.ConfigDict(found)


def _place(values, key):
  """The section that a key with dots lies in, and the key's last part."""
  *sections, name = key.split(".")
  for section in sections:
    values = values[section]
  return values, name


def _check(key, value, choices):
  if value not in choices:
    raise UserError(
        f"model.{key}={value!r} is not one of {', '.join(map(str, choices))}"
        + did_you_mean(str(value), tuple(map(str, choices)))
    )
