"""The way out for weights: files that PyTorch programs read."""

import safetensors.numpy

from sign_jax.errors import UserError
from sign_jax.files import replacing


def write(path, state):
  """Writes a flat state dict; a file appears whole or not at all.

  Args:
    path: pathlib.Path of a .safetensors or .pt file.
    state: {PyTorch name: numpy array}.

  Raises:
    UserError: another ending, a missing package, or a place that cannot be written to.
  """
  save = _writer(path)
  try:
    with replacing(path) as partial:
      save(partial, state)
  except (OSError, RuntimeError) as error:  # PyTorch's own writer raises the latter
    raise UserError(f"{path} cannot be written, pass another place ({error})") from error


def _writer(path):
  writer = WRITERS.get(path.suffix.lower())
  if writer is None:
    raise UserError(f"{path} has none of the endings of weights: {', '.join(WRITERS)}")
  return writer


def _write_safetensors(path, state):
  path.write_bytes(safetensors.numpy.save(state))


def _write_torch(path, state):
  torch = _import_torch()
  torch.save({name: torch.from_numpy(value) for name, value in state.items()}, path)


def _import_torch():
  try:
    import torch
  except ImportError as error:
    raise UserError(
      "writing .pt needs PyTorch, install it with `pip install 'torch>=2.10'` or write .safetensors"
    ) from error
  return torch


WRITERS = {".safetensors": _write_safetensors, ".pt": _write_torch}
