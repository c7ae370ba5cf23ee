"""A trained model from whatever holds one: a run, a folder of the hub, a file of weights."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from sign_jax.api import (
  feature_recognition,
  model,
  recognition,
  retrieval,
  sentence_recognition,
  sign_recognition,
)
from sign_jax.errors import UserError
from sign_jax.files import existing_path, user_path
from sign_jax.run import bounds, checks, class_names, from_weights, hub, settings, trained
from sign_jax.tasks import isolated
from sign_jax.train import checkpoint

_WHAT = (
    "pass the folder of a run, a folder of sign_jax.export --format hub, or a file of weights"
)
# By what a system that recognises reads, see `protocols.Recognizer`.
_RECOGNITION = {
    "windows": recognition.RecognitionModel, "features": feature_recognition.FeatureModel,
    "signs": sign_recognition.SignModel,
}


def load(
    source: str | os.PathLike, *, system: str | None = None, dataset: str | None = None,
    config: Mapping[str, Any] | None = None, labels: Sequence[str] | None = None,
) -> model.Model:
  """A trained model, ready to use; no data set is needed.

  Args:
    source: the folder of a run; a folder as `python -m sign_jax.export --format hub` writes it; or
      a file of weights under the released names, .safetensors, .pt, .bin and the like, whose
      system and sizes are found out from the names and shapes of its arrays.
    system: the name of a file's system, where it fits several.
    dataset: whose published settings a file's model has, as in `configs/NAME.py:DATASET`; how2sign
      by default.
    config: {dotted name: value}, settings that are otherwise, such as {"data.alpha": 0.9}.
    labels: names of the classes of a recognition model, in their order.

  Returns:
    `retrieval.RetrievalModel`, `recognition.RecognitionModel`,
    `feature_recognition.FeatureModel`, `sign_recognition.SignModel` or
    `sentence_recognition.SentenceModel`.

  Raises:
    UserError: there is nothing of that name, or it cannot be used.
  """
  if not isinstance(source, str | os.PathLike):
    raise UserError(f"{type(source).__name__} is no path: {_WHAT}")
  path = existing_path(user_path(source), remedy=_WHAT)
  config = changes_of(config)
  if path.is_file():
    return _of(from_weights.load(path, system, dataset, config), labels)
  if dataset:
    raise UserError(f"{path} is a folder, whose settings are known: leave dataset= out")
  if (path / hub.WEIGHTS).is_file() and not checkpoint.exists(path / "checkpoints"):
    found, names = hub.read(path, config)
  elif (path / "checkpoints").is_dir() or (path / settings.FILE).is_file():
    found = _of_run(path, config)
    names = class_names.of_run(found) if labels is None else None
  else:
    raise UserError(f"{path} holds no trained model: {_WHAT}")
  if system and found.system.name != system:
    raise UserError(f"{path} holds a model of {found.system.name}: leave system= out")
  return _of(found, names if labels is None else labels)

def changes_of(config: Any) -> dict[str, Any]:
  """The argument `config` as a dict, {} for None; raises UserError where it is something else."""
  if config is not None and not isinstance(config, Mapping):
    raise UserError(
        "config is a dict {dotted name: value}, such as {'data.alpha': 0.9}, not "
        f"{type(config).__name__}"
    )
  return dict(config or {})


def _of(found, labels):
  # Rows that fill up a batch are no windows that such a bound counts.
  if found.config.model.get("pose", {}).get("max_windows"):
    found.config.model.pose.max_windows = 0
  if found.system.task == "retrieval":
    if labels is not None:
      raise UserError("labels are the classes of a recognition model: leave them out")
    return retrieval.RetrievalModel(found)
  if found.system.task == "recognition":
    reads = isolated.recognizer_of(found.system).reads
    return _RECOGNITION[reads](found, labels)
  if found.system.task == "continuous":
    return sentence_recognition.SentenceModel(found, labels)
  raise UserError(f"models of the task {found.system.task} cannot be loaded here yet")


def _of_run(path, changes):
  run = trained.load(path)
  config = settings.with_defaults(run.config, run.system)
  config = settings.with_changes(config, changes, "config")
  bounds.check(config, path)
  checks.check(config)
  run = run.replace(config=config)
  if run.inputs is not None:
    bounds.check_inputs(run.inputs, path)
  if changes:
    run = from_weights.fit(run.system, config, run.state, path, run.inputs).replace(
        record=run.record, workdir=path, flow_note=run.flow_note, clip_windows=run.clip_windows
    )
  return run

