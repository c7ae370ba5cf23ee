"""Where a built TFDS data set lies: data_dir/NAME[/CONFIG]/VERSION."""

import os
import re

from sign_jax.errors import UserError
from sign_jax.files import user_path
from sign_jax.untrusted import budget

_NAME = re.compile(r"(?P<name>\w+)(/(?P<config>[\w.\-]+))?(:(?P<version>\d+\.\d+\.\d+))?")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_MAX_BYTES = 1 << 20
INFO_FILE, FEATURES_FILE = "dataset_info.json", "features.json"
DEFAULT_FILE = ".config/metadata.json"  # where it notes the default, beside all configurations
METADATA_FILE = "metadata.json"  # where TFDS keeps what a builder notes


def default_data_dir():
  """The environment's TFDS_DATA_DIR, or ~/tensorflow_datasets."""
  return user_path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")


def find(name, data_dir=None):
  """Folder of a built data set.

  Args:
    name: "NAME", "NAME/CONFIG", "NAME:VERSION" or "NAME/CONFIG:VERSION"; by default the only or
      the builder's first configuration, and the newest version.
    data_dir: folder of all data sets, by default `default_data_dir()`.

  Returns:
    pathlib.Path of the version's folder, which holds dataset_info.json and features.json.

  Raises:
    UserError: `name` cannot be read, or the data set is not built, or built by half.
  """
  parsed = _NAME.fullmatch(name)
  if not parsed:
    raise UserError(
      f"data set {name!r} is not a name: write NAME, NAME/CONFIG or NAME/CONFIG:VERSION"
    )
  root = user_path(data_dir) if data_dir else default_data_dir()
  config = parsed["config"] or _default_config(root / parsed["name"])
  build = _build_command(parsed["name"], parsed["config"], data_dir)
  folder = root / parsed["name"] / (config or "")
  versions = _versions(folder)
  version = parsed["version"] or max(versions, key=_numbers, default=None)
  if version not in versions:
    wanted = f"version {version} of data set {name!r}" if version else f"data set {name!r}"
    raise UserError(f"{wanted} is not built in {root}: run `{build}`")
  if not all((folder / version / file).is_file() for file in (INFO_FILE, FEATURES_FILE)):
    raise UserError(
      f"data set {name!r} is only half built: delete {folder / version} and run `{build}`"
    )
  return folder / version


def _build_command(name, config, data_dir):
  options = f" --config {config}" if config else ""
  options += f" --data_dir {data_dir}" if data_dir else ""
  return f"python -m data_builders.build {name}{options}"


def _versions(folder):
  if not folder.is_dir():
    return []
  return [entry.name for entry in folder.iterdir() if _VERSION.fullmatch(entry.name)]


def _numbers(version):
  return tuple(int(part) for part in version.split("."))


def _default_config(folder):
  """None without configurations; else the only one, or the one that TFDS recorded as default."""
  if not folder.is_dir() or _versions(folder):
    return None
  configs = sorted(entry.name for entry in folder.iterdir() if _versions(entry))
  if len(configs) <= 1:
    return configs[0] if configs else None
  default = _recorded_default(folder / DEFAULT_FILE)
  if default in configs:
    return default
  raise UserError(
    f"data set {folder.name!r} has several configurations: write one of "
    f"{', '.join(f'{folder.name}/{config}' for config in configs)}"
  )


def _recorded_default(path):
  """None where TFDS recorded none, or the file is damaged."""
  try:
    noted = budget.read_json(path, _MAX_BYTES)
  except (FileNotFoundError, NotADirectoryError, ValueError):
    return None
  if not isinstance(noted, dict):
    return None
  return noted.get("default_config_name") or noted.get("defaultConfigName")  # TFDS has had both
