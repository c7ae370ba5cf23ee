"""A folder with a trained model as users of Hugging Face expect it.

    model.safetensors   the weights, under the released names
    config.json         system, settings and inputs of the model
    README.md           the model card, see `run.hub_card`
    word_vectors.npz    the words that the model knows, where it reads no token ids of CLIP

Such folders come from strangers: nothing of them is run, and nothing of the sizes that they claim
is allocated before the weights have them.
"""

import json

from sign_jax.errors import UserError
from sign_jax.run import bounds, config_paths, from_weights, hub_card, settings, text_notes
from sign_jax.systems import registry
from sign_jax.train import report
from sign_jax.untrusted import budget
from sign_jax.weights import readers, writers

WEIGHTS, SETTINGS, CARD = "model.safetensors", "config.json", "README.md"
FORMAT, VERSION = "sign_jax", 1
_MOST_BYTES = 2**20  # ours have a few thousand, and the names of the classes
_LONGEST_LABEL = 200
_GLOSSES = "init.glosses"  # a file without weights
# Sizes that a run leaves to its data where they are 0: by the names of its inputs.
_OF_INPUTS = {"model.num_classes": "classes", "model.embedding": "embedding"}


def write(folder, run, labels=None, license="", data_license=""):
  """Writes a run's model.

  Args:
    folder: pathlib.Path, made where it is missing; or empty, or one that this has written.
    run: `trained.Trained` of a run.
    labels: names of the classes, of a system that recognises.
    license, data_license: what the owner says of the weights and of the data, "" for nothing.

  Raises:
    UserError: it cannot be written or holds something else, or nothing tells what the model was
      built for.
  """
  content = _content(run, labels)
  try:
    _check_place(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # First, so that a folder left half written can be written again.
    report.write_json(folder / SETTINGS, content)
    writers.write(folder / WEIGHTS, run.saved_state)
    _write_texts(folder, run)
    card = hub_card.text(run, content, license, data_license)
    (folder / CARD).write_text(card, encoding="utf-8")
  except OSError as error:
    raise UserError(f"{folder} cannot be written, pass another place ({error})") from error


def _check_place(folder):
  """Raises UserError where files of somebody else, or of a run, would be replaced."""
  if not folder.is_dir() or not any(folder.iterdir()):
    return
  try:
    _read(folder / SETTINGS)
  except UserError as error:
    raise UserError(
        f"{folder} holds something else than an exported model: pass a new folder"
    ) from error


def _write_texts(folder, run):
  read, notes = run.system.text_reader, text_notes.path(run.workdir)
  if read and notes:
    read(run.config, None, notes).write(folder / notes.name)


def _content(run, labels):
  values = settings.flat(json.loads(run.config.to_json()))
  if run.inputs is None:
    run.model  # noqa: B018 - raises: nothing tells what it was built for
  left = {key: name for key, name in _OF_INPUTS.items() if not values.get(key, 1)}
  values |= {key: run.inputs[name] for key, name in left.items()}
  begun = [
      key.removeprefix("init.") for key, value in values.items()
      if key.startswith("init.") and key != _GLOSSES and config_paths.is_path(key) and value
  ]
  content = {
      "library_name": FORMAT, "format_version": VERSION, "model_type": run.system.name,
      "task": run.system.task, "inputs": run.inputs,
      "initialised_from": begun, "settings": settings.nested(_without_paths(values)).to_dict(),
  }
  more = {
      "labels": list(labels) if labels else None, "flow_note": run.flow_note,
      settings.CLIP_WINDOWS: run.clip_windows,
  }
  return content | {key: value for key, value in more.items() if value is not None}


def _without_paths(values):
  """{dotted name: value} without names of files, which mean nothing on another machine.

  The owner's are not told to others, and those of others are not read here.
  """
  named = config_paths.names_path
  return {key: "" if named(key, value) else value for key, value in values.items()}


def read(folder, changes=None):
  """The model of such a folder.

  Args:
    folder: pathlib.Path.
    changes: {dotted name: value}, settings that are otherwise.

  Returns:
    (`trained.Trained`, names of the classes or None).

  Raises:
    UserError: it is damaged, of something else, or of a later version.
  """
  path = folder / SETTINGS
  content = _read(path)
  card = registry.get(content["model_type"])
  config = _settings(content["settings"], card, path)
  config = settings.with_changes(config, changes or {}, "config")
  inputs, labels = content.get("inputs"), content.get("labels")
  bounds.check_inputs(inputs, path)
  file = folder / WEIGHTS
  run = from_weights.fit(card, config, readers.read(file), file, inputs)
  labels = _checked(labels, run, path)
  clip_windows = settings.clip_windows(content.get(settings.CLIP_WINDOWS))
  return run.replace(flow_note=content.get("flow_note"), clip_windows=clip_windows), labels


def _read(path):
  try:
    content = budget.read_json(path, _MOST_BYTES)
  except FileNotFoundError as error:
    raise UserError(f"there is no {path}: pass a whole folder of sign_jax.export") from error
  except OSError as error:
    raise UserError(f"{path} cannot be read ({error.strerror}): get it anew") from error
  except ValueError as error:
    raise UserError(f"{path} is damaged, get it anew ({error})") from error
  kinds = {"library_name": str, "format_version": int, "model_type": str, "settings": dict}
  if not isinstance(content, dict) or content.get("library_name") != FORMAT:
    raise UserError(f"{path} was not written by sign_jax.export: pass a folder that was")
  wrong = [key for key, kind in kinds.items() if type(content.get(key)) is not kind]
  if wrong:
    raise UserError(f"{path} is damaged, get it anew ({wrong[0]} is missing or of another kind)")
  if not 1 <= content["format_version"] <= VERSION:
    raise UserError(f"{path} is of a version that is not known: update sign_jax")
  return content


def _settings(given, card, path):
  """The ConfigDict of settings from JSON, each of the kind that the system's own have."""
  given = _without_paths(settings.flat(given))
  if card.config is None:
    return settings.nested(settings.tuples(given))
  own = card.config(None)
  return settings.with_changes(own, settings.completed(given, settings.flat(own.to_dict())), path)


def _checked(labels, run, path):
  """Names of the classes; raises UserError where they are none."""
  if labels is None:
    return None
  classes = run.inputs.get("classes")
  if classes is None:
    raise UserError(f"{path} is damaged, get it anew ({run.system.name} has no labels of classes)")
  is_list = isinstance(labels, list) and len(labels) == classes
  if not is_list or not all(isinstance(x, str) and len(x) <= _LONGEST_LABEL for x in labels):
    raise UserError(f"{path} is damaged, get it anew (its labels are not {classes} names)")
  return labels
