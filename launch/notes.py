"""What a study's results were made with: results of other settings are not taken for its own."""

import hashlib
import importlib
import json

from sign_jax.data import records
from sign_jax.errors import UserError
from sign_jax.files import sha256
from sign_jax.run import config_paths, settings
from sign_jax.train import report
from sign_jax.untrusted import budget

_MOST = 3  # differences that an error names
_SOME = 8  # files of a folder whose content is looked at
_SAMPLE = 1 << 20  # bytes


def check(note, facts, result, remedy, is_there):
  """Notes what a result is made with; where it is there, compares with what was noted before.

  Args:
    note: pathlib.Path of the JSON file.
    facts: {name: text, number or None}.
    result: what is made, or was, for the error.
    remedy: what a user can do about a difference.
    is_there: whether it is made already.

  Raises:
    UserError: it was made with other facts, or nothing, or a damaged note, says with which.
  """
  if not is_there:
    note.parent.mkdir(parents=True, exist_ok=True)
    report.write_json(note, facts)
  elif not note.exists():
    raise UserError(f"nothing says what {result} was made with ({note} is missing): {remedy}")
  elif changed := differences(_read(note), facts):
    raise UserError(f"{result} was made with other settings ({changed}): {remedy}")


def differences(before, now):
  """'NAME=BEFORE, now NOW' for the first names that differ, or ''."""
  names = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
  shown = [f"{name}={before.get(name)}, now {now.get(name)}" for name in names[:_MOST]]
  more = [f"and {len(names) - _MOST} more"] if len(names) > _MOST else []
  return "; ".join([*shown, *more])


def file_digest(path):
  """Of a file's content, a text; None where there is no file."""
  if not path.is_file():
    return None
  return sha256(path)


def configuration_digest(given):
  """Of the values in configs/NAME.py:DATASET as they are now; another version has others."""
  name, _, dataset = given.removeprefix("configs/").partition(":")
  config = importlib.import_module(f"configs.{name.removesuffix('.py')}").get_config(dataset)
  return text_digest(config.to_json())


def folder_digest(folder):
  """Of the names and sizes of all files of a folder, and of the content of some of them.

  Also of large ones in a moment; another encoder's features have other content in each file.
  """
  paths = sorted(x for x in folder.rglob("*") if x.is_file())
  listed = [(x.relative_to(folder).as_posix(), x.stat().st_size) for x in paths]
  some = paths[:: max(1, len(paths) // _SOME)]
  return text_digest(json.dumps([listed, [sample_digest(x) for x in some]]))


def sample_digest(path):
  """Of a file's size and its first and last bytes, where reading all of it would take long."""
  with path.open("rb") as file:
    begin, size = file.read(_SAMPLE), path.stat().st_size
    file.seek(max(0, size - _SAMPLE))
    return hashlib.sha256(b"%d " % size + begin + file.read()).hexdigest()


def settings_digest(config, without=()):
  """Of a configuration, those settings apart whose names begin as one of `without`."""
  values = config_paths.expanded(settings.flat(json.loads(config.to_json())))
  without = tuple(without)
  kept = {key: value for key, value in values.items() if not key.startswith(without)}
  return text_digest(json.dumps(kept, sort_keys=True))


def text_digest(text):
  """Of a text."""
  return hashlib.sha256(text.encode()).hexdigest()


def data_fingerprint(name, data_dir=None):
  """`records.fingerprint`, or None where the data set is not built, or not readable now."""
  try:
    return records.fingerprint(name, data_dir)
  except UserError:
    return None


def _read(note):
  try:
    facts = budget.read_json(note)
  except ValueError:
    facts = None
  if not isinstance(facts, dict):
    raise UserError(f"{note} is damaged: start again in a new folder")
  return facts
