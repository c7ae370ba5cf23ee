"""The corpora whose annotations can be read, by name."""

import importlib
import pathlib

from data_builders import loading
from sign_jax.data import splits as split_names
from sign_jax.errors import UserError, did_you_mean
from sign_jax.files import existing_folder, user_path


def names():
  """The data sets whose annotations can be read, sorted."""
  root = pathlib.Path(__file__).parent.parent
  return [name for name in loading.names() if (root / name / "annotations.py").is_file()]


def annotations(name):
  """The module `annotations` of a corpus.

  Raises:
    UserError: there is no such corpus.
  """
  if name not in names():
    raise UserError(
      f"there is no corpus {name!r}{did_you_mean(name, names())}: choose one of "
      f"{', '.join(names())}"
    )
  return importlib.import_module(f"data_builders.{name}.annotations")


def is_isolated(name):
  """Whether a corpus is of isolated signs, with classes in place of sentences; errors as above."""
  return hasattr(annotations(name), "SUBSETS")


def read(name, manual_dir, protocol=None, findings=None, splits=split_names.SPLITS):
  """{split: [`Clip`]} of a corpus, or [`SignClip`]; arguments as its annotations' `read` has them.

  Raises:
    UserError: no such corpus, protocol or folder, or files that are missing or damaged.
  """
  module = annotations(name)
  if protocol and protocol not in module.PROTOCOLS:
    raise UserError(
      f"{name} has no protocol {protocol!r}{did_you_mean(protocol, module.PROTOCOLS)}: choose one "
      f"of {', '.join(module.PROTOCOLS)}"
    )
  folder = existing_folder(user_path(manual_dir), "--manual_dir", f"pass the folder of {name}")
  return module.read(folder, protocol, findings, splits)
