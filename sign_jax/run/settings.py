"""The settings of a run: written beside its checkpoints, compared when it goes on or is evaluated.

They stand in config.json, for people and programs, and in every checkpoint's record, under a
digest. Where the two differ, the checkpoint's are those that it was made with.
"""

import json
import sys

import ml_collections

from sign_jax.data.hand_boxes import BOTTOM
from sign_jax.errors import UserError, did_you_mean, printable, shown
from sign_jax.run import config_paths
from sign_jax.systems import registry
from sign_jax.train import checkpoint
from sign_jax.untrusted import budget

# What may change between two starts of a run: where the data lie, what curves are called, how often
# to look, and how the work is cut into pieces.
FREE_KEYS = (
    "data.data_dir", "data.num_workers", "data.reader_timeout", "data.placement", "data.cache_gib",
    "data.videos", "data.labels",
    "title", "log_every", "eval_batch_size", "mesh.fsdp", "mesh.tensor", "gradient_cache.chunks",
    "profile", "quick_compile",
)
# What an evaluation may do otherwise than the run that it measures: the results' file says so.
MEASURES = (
    "ties", "protocol", "data.crops", "data.linear_baseline", "model.ensemble",
    "fusion.systems", "fusion.runs", "fusion.weights",
)
# What a run was trained with that was made before these were settings.
EARLIER = {
    "optim.schedule": "warmup_cosine", "optim.precision": "float32", "optim.released_gpus": 1,
    "data.train_second": "aware", "init.fresh": "lecun", "data.augment_per": "window",
    "data.bottom_margin": BOTTOM, "data.hand_boxes": "exact", "data.boxes": True,
    "model.depth": "full", "optim.flat": False, "protocol": "sentence", "data.sample": "sentence",
    "fusion.runs": "", "fusion.weights": (), "init.glosses": "",
}
_SAME_COMBINE = {"sum", "auto"}  # the same where there are two streams, and were always so before
FILE = "config.json"
# In that file, and no settings: what the model was built for, the names of its classes, how the
# pictures of optical flow that it reads were made, and how many windows the clips mostly have that
# it was trained on.
INPUTS, LABELS, FLOW_NOTE, CLIP_WINDOWS = "inputs", "labels", "flow_note", "clip_windows"
_NOTES = (INPUTS, LABELS, FLOW_NOTE, CLIP_WINDOWS)
_MOST_BYTES = 2**20  # ours have a few thousand
_MOST_WINDOWS = 10**6


def flat(config):
  """Nested dict -> {dotted name: value}."""
  found = {}
  for key, value in config.items():
    if isinstance(value, dict):
      found |= {f"{key}.{name}": v for name, v in flat(value).items()}
    else:
      found[key] = value
  return found


def free_keys(values):
  """FREE_KEYS and those of the system that {dotted name: value} are the settings of."""
  name = values.get("model.name")
  return (*FREE_KEYS, *(registry.get(name).free_keys if name in registry.names() else ()))


def check(config, workdir):
  """Compares with an earlier start that left a checkpoint.

  Args:
    config: ml_collections.ConfigDict.
    workdir: pathlib.Path.

  Raises:
    UserError: when the run was started with other settings, those apart that are free.
  """
  # A start that ended before its first checkpoint, perhaps for a wrong setting, binds nobody.
  if not checkpoint.exists(workdir / "checkpoints"):
    return
  if not (workdir / FILE).exists() and not _sure(workdir):
    return  # of an earlier version, and nothing is left to compare with
  now = flat(json.loads(config.to_json()))
  before = completed(flat(of_run(workdir)), now)
  changed = [f"{key}={before.get(key)}" for key in differing(before, now)]
  if changed:
    raise UserError(
        f"{workdir} was started with {', '.join(changed)}: use the same settings or a new --workdir"
    )


def completed(before, now):
  """{dotted name: value} of a run, with those of `now` that were no settings when it was made."""
  return {key: value for key, value in EARLIER.items() if key in now} | before


def differing(before, now):
  """Names of the settings that are not the same, those apart that are free."""
  before, now = config_paths.expanded(completed(before, now)), config_paths.expanded(now)
  keys = sorted((before.keys() | now.keys()) - set(free_keys(now)))
  return [key for key in keys if not _is_same(key, before.get(key), now.get(key))]


def _is_same(key, before, now):
  return before == now or key == "data.combine" and {before, now} == _SAME_COMBINE


def of_run(workdir):
  """The settings that a run was trained with.

  Args:
    workdir: pathlib.Path of a run that has left a checkpoint, or a config.json alone.

  Returns:
    nested dict of JSON values. Of what is free it has what the last start had.

  Raises:
    UserError: when they cannot be read.
  """
  path = workdir / FILE
  sure = _sure(workdir)
  try:
    written = _read(path)
  except FileNotFoundError:
    fault = f"there is no {path}"
  except OSError as error:
    fault = f"{path} cannot be read ({error.strerror})"
  except ValueError:
    fault = f"{path} is damaged"
  else:
    if sure is None or not differing(flat(written), flat(sure)):
      return written
    wrong = ", ".join(differing(flat(written), flat(sure)))
    fault = f"{path} does not say what the checkpoints were made with ({wrong})"
  if sure is None:
    raise UserError(f"{fault}: put it back, or start again with a new --workdir")
  said = f"{fault}: the settings in the newest checkpoint are used"
  print(printable(said), file=sys.stderr)
  return sure


def _sure(workdir):
  """The settings in the newest record of a checkpoint, or None."""
  return (checkpoint.newest_record(workdir / "checkpoints") or {}).get("config")


def _read(path):
  content = budget.read_json(path, _MOST_BYTES)
  if not isinstance(content, dict):
    raise ValueError("it is no object")
  return {key: value for key, value in content.items() if key not in _NOTES}


def inputs_of_run(workdir):
  """What a run's model was built for (`protocols.Inputs`), or None where nothing says it."""
  record = checkpoint.newest_record(workdir / "checkpoints") or {}
  return record[INPUTS] if INPUTS in record else _noted(workdir, INPUTS)


def labels_of_run(workdir):
  """The names of a run's classes, of a system that recognises; None where it has noted none."""
  labels = _noted(workdir, LABELS)
  is_list = isinstance(labels, list) and all(isinstance(name, str) for name in labels)
  return labels if is_list else None


def flow_note_of_run(workdir):
  """What a run has noted of how its optical flow was made, see `data.flow_recipe`; or None."""
  return _noted(workdir, FLOW_NOTE)


def clip_windows_of_run(workdir):
  """The median number of windows of a retrieval run's clips; None where it has noted none."""
  return clip_windows(_noted(workdir, CLIP_WINDOWS))


def clip_windows(noted):
  """Such a note if it can be one, otherwise None: a stranger may have written it."""
  return noted if type(noted) is int and 1 <= noted <= _MOST_WINDOWS else None


def _noted(workdir, key):
  try:
    return budget.read_json(workdir / FILE, _MOST_BYTES).get(key)
  except (OSError, ValueError, AttributeError):
    return None


def for_evaluation(config, workdir, argv):
  """The settings that a run was trained with, and what a command line says of those that
  may change.

  Args:
    config: ml_collections.ConfigDict of the command line. What a run made by an earlier version
      lacks is taken from it, where it is of the same system.
    workdir: pathlib.Path.
    argv: the command line.

  Returns:
    (ml_collections.ConfigDict, those of the settings that change results, as "KEY=VALUE").

  Raises:
    UserError: when there is no run in `workdir`, its settings cannot be read, or the command line
      contradicts them.
  """
  if not checkpoint.exists(workdir / "checkpoints"):
    raise UserError(f"there is no trained run in {workdir}: train first, with --mode train")
  now = flat(config.to_dict())
  trained = config_paths.expanded(completed(flat(tuples(of_run(workdir))), now))
  free = free_keys(trained)
  is_same = all(now.get(key) == trained.get(key) for key in ("task", "model.name"))
  defaults = now if is_same else {key: now[key] for key in free if key in now}
  used = {**defaults, **trained}
  if is_same:
    _check_kinds(used, now, workdir)
  named = sorted(given(argv) & now.keys())
  differing = [key for key in named if not _is_same(key, now[key], used.get(key))]
  measures = (*MEASURES, *registry.get(trained["model.name"]).measures) if is_same else MEASURES
  wrong = [f"{key}={used.get(key)}" for key in differing if key not in (*free, *measures)]
  if wrong:
    raise UserError(
        f"{workdir} was trained with {', '.join(wrong)}: evaluate it without these flags"
    )
  changed = tuple(f"{key}={now[key]}" for key in differing if key not in free)
  return nested(used | {key: now[key] for key in named}), changed


def given(argv):
  """Names of the settings that a command line sets."""
  flags = (argument.lstrip("-") for argument in argv[1:])
  return {
      flag.removeprefix("config.").split("=")[0] for flag in flags if flag.startswith("config.")
  }


def _check_kinds(used, template, workdir):
  """Raises UserError where a value is of another kind than the configuration's own file says."""
  for key, value in used.items():
    known = template.get(key)
    numbers = isinstance(value, int | float) and isinstance(known, int | float)
    boolean = isinstance(value, bool) or isinstance(known, bool)
    fits = type(value) is type(known) or numbers and not boolean
    if key not in template or not (fits or value is None or known is None):
      raise UserError(
          f"{workdir / FILE} is damaged or of another version, it has {key}={value!r}: put it "
          "back, or evaluate with the version that trained the run"
      )


def with_defaults(config, system):
  """The settings of a run, with the system's own for those that an earlier version lacked."""
  if system.config is None:
    return config
  defaults = flat(system.config(None).to_dict())
  return nested(defaults | completed(flat(config.to_dict()), defaults))


def with_changes(config, changes, where):
  """A configuration with other values for some of its settings.

  Args:
    config: ml_collections.ConfigDict, not changed.
    changes: {dotted name: value}; lists are taken as tuples.
    where: what asks for them, for messages.

  Returns:
    ml_collections.ConfigDict.

  Raises:
    UserError: a setting that there is not, or a value of another kind.
  """
  changed = ml_collections.ConfigDict(config)
  known = flat(config.to_dict())
  for key, value in tuples(dict(changes)).items():
    if key not in known:
      raise UserError(
          f"{where}: there is no setting {shown(key)}{did_you_mean(str(key)[:80], known)}"
      )
    try:
      changed.update_from_flattened_dict({key: value})
    except (TypeError, ValueError, AttributeError, KeyError) as error:
      raise UserError(
          f"{where}: {key}={shown(value)} is of another kind than {known[key]!r}"
      ) from error
  return changed


def tuples(value):
  """JSON has lists where configurations have tuples."""
  if isinstance(value, dict):
    return {key: tuples(x) for key, x in value.items()}
  return tuple(map(tuples, value)) if isinstance(value, list) else value


def nested(values):
  """{dotted name: value} -> ConfigDict."""
  config = ml_collections.ConfigDict()
  for key, value in values.items():
    *sections, name = key.split(".")
    place = config
    for section in sections:
      if section not in place:
        place[section] = ml_collections.ConfigDict()
      place = place[section]
    place[name] = value
  return config
