"""Other runs, whose similarities an evaluation adds to its own, see `tasks.fusion`."""

import functools

import jax
import ml_collections
from jaxtyping import Float32
from numpy import ndarray

from sign_jax.errors import UserError
from sign_jax.files import user_path
from sign_jax.run import checks, settings, text_notes, trained

_OURS = ("protocol", "ties", "eval_batch_size", "data.name", "data.data_dir")  # of what is measured


def others(runs, config):
  """The runs that `fusion.runs` names.

  Args:
    runs: workdirs, with commas between them.
    config: ml_collections.ConfigDict of the evaluation, whose data they are measured on.

  Returns:
    {name of the run's folder: function (RetrievalSplit, split's name, place) -> (V, S) float32}.

  Raises:
    UserError: no run, a run that does not retrieve, two of one name.
  """
  found = {}
  for text in filter(None, map(str.strip, runs.split(","))):
    path = user_path(text)
    run = trained.load(path)
    if run.system.task != "retrieval":
      raise UserError(f"fusion.runs: {path} is a run of {run.system.name}, which does not retrieve")
    if path.name in found or path.name in ("t2v", "v2t"):
      raise UserError(f"fusion.runs: {path.name!r} can be no run's name here: rename its folder")
    found[path.name] = functools.partial(_similarity, run, _on_our_data(run, config))
  return found


def _on_our_data(run, config):
  known = settings.flat(config.to_dict())
  ours = {key: known[key] for key in _OURS if key in known}
  own = settings.with_defaults(run.config, run.system)
  changed = ml_collections.ConfigDict(own)
  changed.update_from_flattened_dict({**ours, "fusion.runs": "", "fusion.weights": ()})
  return changed


def _similarity(run, config, data, split, place) -> Float32[ndarray, "V S"]:
  notes = text_notes.path(run.workdir) if run.system.text_reader else None
  task = checks.TASKS[config.task](
      config, checks.check(config), **({"notes": notes} if notes else {})
  )
  if task.inputs != run.inputs:
    raise UserError(
        f"{run.workdir} reads inputs of other shapes than {config.data.name} gives: it was trained "
        "on other data"
    )
  other = task.split(split)
  if other.video_ids != data.video_ids or other.sentence_ids != data.sentence_ids:
    raise UserError(f"{run.workdir} reads other videos or sentences of {split}: name other runs")
  # Several processes must have them as host arrays, which are the same in all.
  variables = run.variables if jax.process_count() > 1 else jax.device_put(run.variables)
  return task.similarity(variables, split, place)
