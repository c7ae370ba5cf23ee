"""What `python -m sign_jax.main --mode evaluate` does, from Python."""

import os
from collections.abc import Mapping
from typing import Any

import jax
import ml_collections

from sign_jax.api import loading, model, sentence_recognition
from sign_jax.errors import UserError
from sign_jax.run import from_weights, hub, settings, task, text_notes, weights
from sign_jax.systems import registry
from sign_jax.train import report
from sign_jax.train.step import Evaluator

_SPLITS = ("validation", "test")
_WHOLE = "pass a whole one, as the files of configs/ give it"
_ONE_MACHINE = {"mesh.fsdp": 1, "mesh.tensor": 1}


def evaluate(
    source: model.Model | str | os.PathLike | ml_collections.ConfigDict,
    split: str | None = None, *, config: Mapping[str, Any] | None = None,
    **options: Any,
) -> dict[str, Any]:
  """Measures a trained model on the data set that its settings name; nothing is written.

  Args:
    source: what `sign_jax.load` gives or takes; or a whole configuration, whose `init` names a file
      of weights.
    split: "validation" or "test", the other one need not be there; by default those of both that
      are there.
    config: {dotted name: value}, settings that are otherwise, such as {"data.data_dir": DIR}.
    options: further arguments of `sign_jax.load`.

  Returns:
    {name: value} as in results.json: "test/t2v/R@1" and the like, and what was measured.

  Raises:
    UserError: no model, no data set or split, scores that are not finite.
  """
  if split is not None and split not in _SPLITS:
    raise UserError(f"split={split!r} is not one of {', '.join(_SPLITS)}")
  splits = (split,) if split else None
  config = loading.changes_of(config)
  if isinstance(source, ml_collections.ConfigDict):
    _check_whole(source)
    return _of_config(settings.with_changes(source, config, "config"), config, splits)
  found = source if isinstance(source, model.Model) else loading.load(source, **options)
  run = found.trained
  changed = settings.with_changes(run.config, {**_here(run.config), **config}, "config")
  made = task.make(changed, notes=text_notes.path(run.workdir), inputs=run.inputs)
  _check_names(found, made)
  evaluator = Evaluator(made, changed)
  splits = splits or evaluator.splits
  results = _facts(run) | report.measured(made, changed, splits)
  if run.record.get("fingerprint") not in (None, made.fingerprint):
    results["trained_on"] = run.record["fingerprint"]
  return results | _numbers(evaluator, jax.device_put(run.variables), splits)


def _check_names(found, made):
  """Raises UserError where a model of sentences has other glosses than the task numbers."""
  is_other = isinstance(found, sentence_recognition.SentenceModel) and found.labels is not None
  if is_other and found.labels != made.class_names:
    raise UserError(
        f"{found} has other classes than the glosses of {made.reader.source}: pass the file of its "
        "glosses, config={'init.glosses': FILE}, or the data set that it was trained on"
    )


def _check_whole(config):
  """Raises UserError where a configuration lacks a section."""
  section = config.get("model")
  name = section.get("name") if isinstance(section, ml_collections.ConfigDict) else None
  if not isinstance(name, str):
    raise UserError(f"the configuration names no system: {_WHOLE}")
  card = registry.get(name)
  missing = sorted(set(card.config(None)) - set(config)) if card.config else ()
  if missing:
    raise UserError(f"the configuration lacks {', '.join(missing)}: {_WHOLE}")


def _of_config(config, given, splits):
  if not weights.named(config):
    raise UserError("the configuration names no weights: set init.model to a file of them")
  config = from_weights.sized(config, given)
  facts = weights.facts(config)
  made = task.make(config, notes=text_notes.path(weights.path(config)))
  evaluator = Evaluator(made, config)
  splits = splits or evaluator.splits
  results = facts | report.measured(made, config, splits)
  return results | _numbers(evaluator, evaluator.loaded(), splits)


def _numbers(evaluator, variables, splits):
  return {name: x for split in splits for name, x in evaluator.evaluate(variables, split).items()}


def _here(config):
  """A run may have been divided among more devices than there are here."""
  known = settings.flat(config.to_dict())
  return {key: value for key, value in _ONE_MACHINE.items() if key in known}


def _facts(run):
  if run.record:
    return {"best_step": run.record["step"]}
  is_folder = run.workdir.is_dir()
  return weights.facts_of(run.workdir / hub.WEIGHTS if is_folder else run.workdir)
