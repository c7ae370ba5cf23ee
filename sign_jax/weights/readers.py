"""The one way in for files of PyTorch weights; none of them can run code."""

import fnmatch
import pathlib

import numpy as np
import safetensors

from sign_jax.data import npz
from sign_jax.errors import UserError
from sign_jax.files import existing_file
from sign_jax.weights import faults, torch_archive

WRAPPERS = ("state_dict", "model")  # keys under which training scripts nest the weights


def read(path):
  """Reads a file of weights as a flat state dict.

  Args:
    path: .pt, .pth, .pth.tar, .bin, .bin.EPOCH (PyTorch, also TorchScript), .safetensors or .npz.
      PyTorch itself is needed for .safetensors alone.

  Returns:
    {PyTorch name: numpy array}, without a `state_dict` or `model` level around it and without the
    `module.` prefix of DataParallel. bfloat16 arrays come back as float32.

  Raises:
    UserError: no such file, an unknown or damaged format, objects other than arrays, a missing
      package.
  """
  path = existing_file(path, remedy="pass a file of weights")
  reader = _reader(path)
  return _strip_module(_arrays(_unwrap(reader(path)), path), path)


def _reader(path):
  for pattern, reader in READERS.items():
    if fnmatch.fnmatchcase(path.name.lower(), pattern):
      return reader
  raise UserError(f"{path} has none of the known endings of weights: {', '.join(READERS)}")


def _read_torch(path):
  return torch_archive.read(path, _unwrap)


def import_torch():
  """The module torch; raises UserError where it is missing."""
  try:
    import torch
  except ImportError as error:
    raise UserError(
      "this file needs PyTorch, install it with `pip install 'torch>=2.10'`"
    ) from error
  return torch


def _read_safetensors(path):
  import_torch()  # numpy alone has no bfloat16
  try:
    with safetensors.safe_open(path, framework="pt") as file:
      return {name: file.get_tensor(name) for name in file.keys()}
  except (safetensors.SafetensorError, OSError) as error:
    raise faults.damaged(path, error) from error


def _read_npz(path):
  try:
    return npz.read(pathlib.Path(path))
  except OSError as error:
    raise faults.damaged(path, error) from error


READERS = {
  "*.pt": _read_torch,
  "*.pth": _read_torch,
  "*.pth.tar": _read_torch,
  "*.bin": _read_torch,
  "*.bin.*": _read_torch,
  "*.safetensors": _read_safetensors,
  "*.npz": _read_npz,
}


def _unwrap(state):
  # Training scripts nest at most a few times; a file that contains itself must not hang us.
  for _ in range(4):
    inner = [state[key] for key in WRAPPERS if isinstance(state, dict) and key in state]
    if not inner or not isinstance(inner[0], dict):
      break
    state = inner[0]
  return state


def _arrays(state, path):
  if not isinstance(state, dict):
    raise UserError(f"{path} holds a {type(state).__name__} and no state dict, pass another file")
  arrays = {str(name): _array(value) for name, value in state.items()}
  others = [name for name, value in arrays.items() if value is None]
  if others:
    raise UserError(
      f"{path} holds entries that are not arrays of numbers ({', '.join(others[:20])}), save its "
      "state dict alone"
    )
  return arrays


def _array(value):
  # None for anything but a dense array of numbers.
  if isinstance(value, np.ndarray):
    return value if value.dtype.kind in "biuf" else None
  if not hasattr(value, "detach"):
    return None
  value = value.detach()
  if value.is_quantized or value.is_sparse or value.is_complex():
    return None
  try:
    return (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
  except TypeError:  # a type of number that numpy does not have
    return None


def _strip_module(state, path):
  stripped = {name.removeprefix("module."): value for name, value in state.items()}
  if len(stripped) < len(state):
    raise UserError(
      f"{path} holds entries both with and without the beginning module., pass a file of one model"
    )
  return stripped
