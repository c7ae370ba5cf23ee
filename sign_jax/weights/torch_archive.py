"""PyTorch's zip archives, of `torch.save` and of TorchScript, read without PyTorch.

An archive ROOT.zip holds ROOT/data.pkl, a pickle with the structure, and ROOT/data/KEY, the bytes
of one storage each. TorchScript adds code, which is neither read nor run: its modules are only
collected into names ("visual.conv1.weight").
"""

import math
import re
import zipfile
from typing import NamedTuple

import numpy as np

from sign_jax.weights import faults, inert_pickle
from sign_jax.weights.inert_pickle import Global, Module

MAX_PICKLE = 2**24  # bytes; structures of real files have less than one million
MAX_NAMES, MAX_DEPTH = 100_000, 64  # of modules
MAX_AXES = 16
DAMAGE = (
  ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, EOFError, OSError,
  RuntimeError, MemoryError, zipfile.BadZipFile,
)  # fmt: skip

BFLOAT16 = "bfloat16"
STORAGES = {
  "torch.FloatStorage": "<f4",
  "torch.DoubleStorage": "<f8",
  "torch.HalfStorage": "<f2",
  "torch.BFloat16Storage": BFLOAT16,
  "torch.LongStorage": "<i8",
  "torch.IntStorage": "<i4",
  "torch.ShortStorage": "<i2",
  "torch.CharStorage": "i1",
  "torch.ByteStorage": "u1",
  "torch.BoolStorage": "?",
}


class Storage(NamedTuple):
  """An entry ROOT/data/KEY."""

  key: str
  dtype: str
  count: int


class Tensor(NamedTuple):
  """A view of a storage, in elements."""

  storage: Storage
  offset: int
  shape: tuple
  strides: tuple


def is_archive(path):
  """Whether a file begins as a zip archive does."""
  with open(path, "rb") as file:
    return file.read(4) == b"PK\x03\x04"


def read(path, pick=lambda content: content):
  """Reads an archive.

  Args:
    path: pathlib.Path.
    pick: function of the content (dicts, lists, numbers, `Tensor`s) that takes out the dict whose
      arrays are wanted; only those are read.

  Returns:
    what `pick` gives, with a numpy array for every `Tensor` of a dict (bfloat16 as float32).

  Raises:
    UserError: a damaged file, or one that holds more than weights.
  """
  try:
    with zipfile.ZipFile(path) as archive:
      reader = _Archive(archive, path.stat().st_size)
      content = pick(reader.content())
      if not isinstance(content, dict):
        return content
      return {
        name: reader.array(value) if isinstance(value, Tensor) else value
        for name, value in content.items()
      }
  except inert_pickle.Refused as error:
    raise faults.refused(path, error) from error
  except DAMAGE as error:
    raise faults.damaged(path, error) from error


class _Archive:
  """The entries of an open archive."""

  def __init__(self, archive, size):
    self._archive, self._storages = archive, {}
    self._entries = {info.filename: info for info in archive.infolist()}
    for name in self._entries:
      if name.startswith("/") or ".." in name.split("/"):
        raise ValueError(f"its entry {name[:80]} points outside")
    pickles = [name for name in self._entries if re.fullmatch(r"[^/]+/data\.pkl", name)]
    if len(pickles) != 1:
      raise ValueError("it has no data.pkl")
    self._root = pickles[0].removesuffix("data.pkl")
    # PyTorch stores arrays as they are; anything larger than the file is a bomb.
    data = [i for name, i in self._entries.items() if name.startswith(f"{self._root}data/")]
    if any(i.compress_type != zipfile.ZIP_STORED for i in data) or (
      sum(i.file_size for i in data) > size
    ):
      raise ValueError("its entries claim more bytes than it has")

  def content(self):
    """What data.pkl holds; a TorchScript module as {dotted name: Tensor}."""
    name = f"{self._root}data.pkl"
    if self._entries[name].file_size > MAX_PICKLE:
      raise ValueError(f"data.pkl has {self._entries[name].file_size} bytes")
    byteorder = f"{self._root}byteorder"
    if byteorder in self._entries and self._read(byteorder, 16) != b"little":
      raise ValueError("its numbers are big-endian")
    content = inert_pickle.load(self._read(name, MAX_PICKLE), _find, _storage)
    return _tensors(content) if isinstance(content, Module) else content

  def array(self, tensor):
    """A read-only view of a storage's bytes."""
    data = self._storage_array(tensor.storage)
    # A stride of 0 can make any number of elements out of one.
    if math.prod(tensor.shape) > data.size:
      raise ValueError(f"a tensor of shape {tensor.shape} has a storage of {data.size} numbers")
    size = data.itemsize
    strides = tuple(stride * size for stride in tensor.strides)
    return np.ndarray(tensor.shape, data.dtype, data, tensor.offset * size, strides)

  def _storage_array(self, storage):
    if storage not in self._storages:
      dtype = np.dtype("<u2" if storage.dtype == BFLOAT16 else storage.dtype)
      name, nbytes = f"{self._root}data/{storage.key}", storage.count * dtype.itemsize
      if name not in self._entries or self._entries[name].file_size != nbytes:
        raise ValueError(f"its entry {name[:80]} does not have {nbytes} bytes")
      array = np.frombuffer(self._read(name, nbytes), dtype)
      if storage.dtype == BFLOAT16:
        array = (array.astype(np.uint32) << 16).view(np.float32)
      self._storages[storage] = array
    return self._storages[storage]

  def _read(self, name, most):
    with self._archive.open(self._entries[name]) as file:
      data = file.read(most)
      file.read(1)  # at the end, zipfile compares the checksum
      return data


def _find(name):
  if re.fullmatch(r"__torch__\.[\w.]+", name):
    return lambda *_: Module()
  if name in STORAGES:
    return _not_callable
  return FUNCTIONS.get(name)


def _not_callable(*_):
  raise TypeError("a storage's type is called")


def _storage(identity):
  kind, dtype, key, _, count = identity
  if kind != "storage" or not isinstance(dtype, Global) or dtype.name not in STORAGES:
    raise ValueError("a persistent id is of no storage")
  if not isinstance(key, str):
    raise TypeError("a storage's key is no text")
  return Storage(key, STORAGES[dtype.name], _natural(count))


def _tensor(storage, offset, shape, strides, *_):
  # Further: whether it needs a gradient, hooks, metadata.
  if not isinstance(storage, Storage) or not len(shape) == len(strides) <= MAX_AXES:
    raise ValueError("a tensor is not described as PyTorch does")
  numbers = lambda values: tuple(_natural(value) for value in values)
  return Tensor(storage, _natural(offset), numbers(shape), numbers(strides))


def _natural(value):
  if type(value) is not int or not 0 <= value < 2**48:
    raise ValueError("a size is no sensible number")
  return value


def _dict(*items):
  if items:
    raise ValueError("a dict is made from something")
  return {}


_first = lambda value, *_: value

FUNCTIONS = {
  "collections.OrderedDict": _dict,
  "torch._utils._rebuild_tensor_v2": _tensor,
  "torch._utils._rebuild_parameter": _first,
  # Lists among the attributes of TorchScript modules (a convolution's padding).
  **{
    f"torch.jit._pickle.{name}": _first
    for name in (
      "build_intlist", "build_doublelist", "build_boollist", "build_tensorlist",
      "restore_type_tag",
    )
  },
}  # fmt: skip


def _tensors(module):
  found, waiting, seen = {}, [("", module, 0)], 0
  while waiting:
    prefix, module, depth = waiting.pop()
    for name, value in module.state.items():
      seen += 1
      if seen > MAX_NAMES or depth > MAX_DEPTH:
        raise ValueError("its modules contain one another")
      if isinstance(value, Tensor):
        found[f"{prefix}{name}"] = value
      elif isinstance(value, Module):
        waiting.append((f"{prefix}{name}.", value, depth + 1))
  return found
