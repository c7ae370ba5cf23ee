"""PyTorch's tensors in pickles, rebuilt as numpy arrays without PyTorch.

A tensor is a view of a storage: `torch._utils._rebuild_tensor_v2(storage, offset, shape, strides,
...)`. The storage stands elsewhere in the file, under the key that a persistent id gives.
"""

import math

import numpy as np

from sign_jax.untrusted import pickle_arrays
from sign_jax.untrusted.pickle_machine import Global, Placeholder, Refused

MAX_AXES = 16
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
  "torch.ComplexFloatStorage": "<c8",
  "torch.ComplexDoubleStorage": "<c16",
  "torch.storage.UntypedStorage": "u1",
}
# Numbers without a storage of their own: their tensors view an UntypedStorage.
DTYPES = {"torch.uint16": "<u2", "torch.uint32": "<u4", "torch.uint64": "<u8"}


class Storage:
  """A row of numbers; its reader sets `data`, `nbytes` bytes, when it comes to them."""

  name = "torch.storage"

  def __init__(self, key, dtype, count):
    self.key, self.dtype, self.count, self.data = key, dtype, count, None
    self._numbers = {}

  @property
  def nbytes(self):
    """How many bytes its data must have."""
    return self.count * _stored(self.dtype).itemsize

  def numbers(self, dtype):
    """The data as an array of one axis (bfloat16 as float32), the same one for every tensor."""
    if dtype not in self._numbers:
      if self.data is None:
        raise ValueError(f"storage {self.key[:80]!r} is named but not there")
      # A storage may begin at any byte of a file, which not every reader of arrays expects.
      array = np.require(np.frombuffer(self.data, _stored(dtype)), requirements="A")
      if dtype == BFLOAT16:
        array = (array.astype(np.uint32) << 16).view(np.float32)
      self._numbers[dtype] = array
    return self._numbers[dtype]


class Tensor:
  """A view of a storage, in elements."""

  name = "torch.Tensor"

  def __init__(self, storage, offset, shape, strides, dtype=None):
    if not isinstance(storage, Storage) or not len(shape) == len(strides) <= MAX_AXES:
      raise ValueError("a tensor is not described as PyTorch does")
    self.storage, self.dtype, self.offset = storage, dtype or storage.dtype, _natural(offset)
    self.shape = tuple(_natural(length) for length in shape)
    self.strides = tuple(_natural(stride) for stride in strides)

  def array(self):
    """A numpy array that shares the numbers of the storage and may be read-only.

    Raises:
      ValueError, TypeError: the storage has no data, or less than the view needs.
    """
    numbers = self.storage.numbers(self.dtype)
    # A stride of 0 can make any number of elements out of one.
    if math.prod(self.shape) > numbers.size:
      raise ValueError(f"a tensor of shape {self.shape} has a storage of {numbers.size} numbers")
    size = numbers.itemsize
    strides = tuple(stride * size for stride in self.strides)
    return np.ndarray(self.shape, numbers.dtype, numbers, self.offset * size, strides)


class Calls(pickle_arrays.Calls):
  """Gives plain data, numpy arrays and tensors.

  Tensors come back as `Tensor`; `storages` holds those that were named, by their keys.
  """

  def __init__(self, budget, size):
    super().__init__(budget, size)
    self.storages = {}
    self._functions |= {
      "torch._utils._rebuild_tensor_v2": self._tensor,
      "torch._utils._rebuild_tensor_v3": self._tensor_of_untyped,
      "torch._utils._rebuild_parameter": parameter,
      "torch.Size": _size,
      **dict.fromkeys([*STORAGES, *DTYPES], _no_call),
    }

  def build(self, target, state):
    """Gives an array or a dtype its state; what a state dict notes of its modules is of no use."""
    if not isinstance(target, dict):
      super().build(target, state)

  def persistent(self, identity):
    """The storage that a persistent id describes."""
    if type(identity) is not tuple or len(identity) not in (5, 6):
      raise ValueError("a persistent id is of no storage")
    kind, dtype, key, _, count, *view = identity
    if kind != "storage" or not isinstance(dtype, Global):
      raise ValueError("a persistent id is of no storage")
    if dtype.name not in STORAGES:
      return self._unknown(dtype.name)
    if not isinstance(key, str):
      raise TypeError("a storage's key is no text")
    if any(part is not None for part in view):
      raise ValueError("a storage is part of another, as PyTorch no longer writes them")
    asked = Storage(key, STORAGES[dtype.name], _natural(count))
    storage = self.storages.setdefault(key, asked)
    if (storage.dtype, storage.count) != (asked.dtype, asked.count):
      raise ValueError(f"storage {key[:80]!r} is described in two ways")
    return storage

  def _tensor(self, storage, offset, shape, strides, needs_grad=False, hooks=None, lazy=None):
    # What is lazy: an array whose numbers are yet to be conjugated or negated.
    del needs_grad, hooks
    if isinstance(storage, Placeholder):
      return storage
    if lazy:
      raise ValueError("the numbers of a tensor are not those it shows")
    return self._rebuilt(Tensor(storage, offset, shape, strides))

  def _tensor_of_untyped(
    self, storage, offset, shape, strides, needs_grad, hooks, dtype, lazy=None
  ):
    del needs_grad, hooks
    if isinstance(dtype, Global) and dtype.name not in DTYPES:
      return self._unknown(dtype.name)
    is_known = isinstance(dtype, Global) and isinstance(storage, Storage)
    if lazy or not is_known or storage.dtype != "u1":
      raise ValueError("a tensor is not described as PyTorch does")
    return self._rebuilt(Tensor(storage, offset, shape, strides, DTYPES[dtype.name]))

  def _rebuilt(self, tensor):
    return tensor

  def _unknown(self, name):
    # A type of numbers that numpy does not have.
    raise Refused(name)


def _stored(dtype):
  return np.dtype("<u2" if dtype == BFLOAT16 else dtype)


def _natural(value):
  if type(value) is not int or not 0 <= value < 2**48:
    raise ValueError("a size is no sensible number")
  return value


def _size(lengths):
  if type(lengths) is not tuple:
    raise TypeError("a size is no tuple")
  return tuple(_natural(length) for length in lengths)


def parameter(tensor, *_):
  """The tensor of a parameter."""
  if not isinstance(tensor, Tensor | np.ndarray | Placeholder):
    raise TypeError("a parameter is no tensor")
  return tensor


def _no_call(*_):
  raise TypeError("a type of numbers is called")
