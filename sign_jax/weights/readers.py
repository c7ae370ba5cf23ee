"""The one way in for files of PyTorch weights; none of them can run code."""

import fnmatch
import sys

import numpy as np

from sign_jax.errors import UserError, printable
from sign_jax.files import existing_file
from sign_jax.untrusted import npz
from sign_jax.untrusted.pickle_machine import Global, Placeholder
from sign_jax.weights import faults, safetensors_file, torch_archive, wrappers

MAX_NAME = 1000  # characters of an entry's name
_USUAL = ("state_dict", "model")  # keys that need no mention


def read(path):
  """Reads a file of weights as a flat state dict; PyTorch is not needed.

  Args:
    path: .pt, .pth, .pth.tar, .bin, .bin.EPOCH (PyTorch, also TorchScript), .safetensors or .npz.

  Returns:
    {PyTorch name: numpy array}, without the levels around it (`state_dict`, `model`, ...) and
    without the names of wrappers (`module.`, `model.`, `_orig_mod.`, ...), which one line on stderr
    names. bfloat16 arrays come back as float32. What lies beside the weights is not read.

  Raises:
    UserError: no such file, an unknown or damaged format, objects other than arrays.
    OSError: the system fails to read it, or a right is lacking.
  """
  path = existing_file(path, remedy="pass a file of weights")
  content, keys = _reader(path)(path)
  state, removed = wrappers.without_prefixes(_arrays(content, path))
  if state is None:
    raise UserError(
      f"{path} holds entries both with and without the beginning {' or '.join(removed)}, pass a "
      "file of one model"
    )
  _tell(path, keys, removed)
  return state


def _tell(path, keys, removed):
  said = [f"took the weights under {key!r}" for key in keys[-1:] if key not in _USUAL]
  said += [f"took {' and '.join(removed)} off the names"] if removed else []
  if said:
    print(f"{printable(path)}: {', '.join(said)}", file=sys.stderr)


def _reader(path):
  for pattern, reader in READERS.items():
    if fnmatch.fnmatchcase(path.name.lower(), pattern):
      return reader
  raise UserError(f"{path} has none of the known endings of weights: {', '.join(READERS)}")


# Readers give the content, and the keys under which it lay.
def _read_torch(path):
  keys = []

  def pick(content):  # the arrays of the rest are not read
    content, keys[:] = wrappers.inner(content)
    return content

  return torch_archive.read(path, pick), keys


def _read_safetensors(path):
  return safetensors_file.read(path), []


def _read_npz(path):
  return npz.read(path), []


READERS = {
  "*.pt": _read_torch,
  "*.pth": _read_torch,
  "*.pth.tar": _read_torch,
  "*.bin": _read_torch,
  "*.bin.*": _read_torch,
  "*.safetensors": _read_safetensors,
  "*.npz": _read_npz,
}


def _arrays(content, path):
  if isinstance(content, Placeholder):
    raise faults.whole_model(path, content.name)
  if not isinstance(content, dict):
    raise UserError(f"{path} holds a {type(content).__name__} and no state dict, pass another file")
  others = {
    name: _kind(value) for name, value in content.items() if not _is_entry(name, value)
  }
  if others:
    raise faults.no_arrays(path, others)
  return {str(name): value for name, value in content.items()}


def _is_entry(name, value):
  # Only a dense array of numbers under a name of sensible length.
  is_array = isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
  return is_array and not isinstance(name, Placeholder) and len(str(name)) <= MAX_NAME


def _kind(value):
  if isinstance(value, Placeholder | Global):
    return f"an object of {value.name}"
  return f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
