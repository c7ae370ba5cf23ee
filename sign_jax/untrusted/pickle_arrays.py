"""The few calls that pickles of plain data make: numpy arrays and scalars, bytes, sets, dicts.

None of them takes more memory than the pickle has bytes for it.
"""

import math
import re

import numpy as np

from sign_jax.untrusted import pickle_machine
from sign_jax.untrusted.pickle_machine import Global, Refused, keys

MAX_AXES = 32
COPIES = 4  # how often all bytes of the pickle may be copied: once or twice in honest ones
ROOM = 2**16  # bytes more, for tiny pickles
_ENTRY = 128  # bytes of an item in a new dict or set
NUMBERS = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "f16", "c8",
           "c16")  # fmt: skip
OTHERS = re.compile(r"O[48]?|[SU][1-9]\d{0,8}")  # objects, bytes, text
LAST_CHARACTER = 0x10FFFF
_ORDERS = (("C", True), ("F", True), ("K", False))  # of axes, and whether they are not listed
FACTORIES = ("builtins.int", "builtins.float", "builtins.str", "builtins.list", "builtins.dict",
             "numpy.ndarray")  # fmt: skip


class Dtype:
  """A numpy.dtype in the making."""

  name = "numpy.dtype"

  def __init__(self, code, order="|"):
    self.code, self.order = code, order

  def finished(self):
    """The numpy.dtype."""
    return np.dtype(self.order.replace("|", "=") + self.code)


class Calls(pickle_machine.Calls):
  """Gives numpy's arrays and scalars, bytes, sets and dicts, for a pickle of `size` bytes."""

  def __init__(self, budget, size):
    super().__init__(budget)
    self._left = COPIES * size + ROOM
    self._functions = {
      "_codecs.encode": self._encode,
      "builtins.bytes": _no_bytes,
      "builtins.set": self._set,
      "builtins.frozenset": lambda items=(): frozenset(self._set(items)),
      "builtins.complex": _complex,
      "collections.Counter": self._counter,
      "collections.OrderedDict": self._dict,
      "collections.defaultdict": lambda factory=None: {},
      "numpy.dtype": _dtype,
      **dict.fromkeys(FACTORIES, _no_call),
    }
    for core in ("numpy.core", "numpy._core"):
      self._functions[f"{core}.multiarray._reconstruct"] = _empty_array
      self._functions[f"{core}.multiarray.scalar"] = self._scalar
      self._functions[f"{core}.numeric._frombuffer"] = _frombuffer

  def find(self, name):
    """The function of a global's calls, None for one that is refused."""
    module, _, rest = name.partition(".")
    return self._functions.get(f"builtins.{rest}" if module == "__builtin__" else name)

  def build(self, target, state):
    """Gives an array or a dtype its state."""
    if isinstance(target, Dtype):
      _finish_dtype(target, *state)
    elif isinstance(target, np.ndarray):
      self._finish_array(target, *state)
    else:
      super().build(target, state)

  def _copy(self, count):
    # One object of a pickle can be copied again and again by two bytes each.
    self._left -= count
    if self._left < 0:
      raise ValueError("it copies the same bytes over and over")
    self.budget.take_memory(count)

  def _copy_entries(self, count):
    self._copy(count)
    self.budget.take_memory(_ENTRY * count)

  def _encode(self, text, encoding):
    if encoding not in ("latin1", "latin-1"):
      raise ValueError(f"bytes are written in the encoding {encoding!r:.40}")
    self._copy(len(text))
    return text.encode("latin-1")

  def _set(self, items=()):
    if not isinstance(items, list):
      raise TypeError("a set is made of something else than a list")
    self._copy_entries(len(items))
    return set(keys(items, self.odd_key))

  def _dict(self, pairs=()):
    if not isinstance(pairs, list | tuple) or any(
      not isinstance(pair, list | tuple) or len(pair) != 2 for pair in pairs
    ):
      raise TypeError("a dict is made of something else than pairs")
    self._copy_entries(len(pairs))
    names = keys([key for key, _ in pairs], self.odd_key)
    return dict(zip(names, [value for _, value in pairs], strict=True))

  def _counter(self, counts):
    if not isinstance(counts, dict):
      raise TypeError("a counter is made of something else than a dict")
    self._copy_entries(len(counts))
    return dict(counts)

  def _scalar(self, dtype, data):
    dtype = _finished(dtype)
    if dtype.hasobject:
      raise Refused("a numpy scalar of objects")
    data = _bytes(data)
    if len(data) != dtype.itemsize:
      raise ValueError(f"a number of type {dtype} has {len(data)} bytes")
    self._copy(len(data))
    scalar = _readable(np.frombuffer(data, dtype))[0]
    if isinstance(scalar, str):
      scalar.encode()  # a lone surrogate fails here, not where the text is printed
    return scalar

  def _finish_array(self, array, version, shape, dtype, is_fortran, data):
    if array.size or version not in (0, 1):
      raise ValueError("an array is given its content twice, or in an unknown version")
    shape, dtype = _shape(shape), _finished(dtype)
    size = math.prod(shape)
    if dtype.hasobject:
      if not isinstance(data, list) or len(data) != size:
        raise ValueError(f"an array of shape {shape} does not have as many objects")
      self._copy(size * dtype.itemsize)
    else:
      data = _bytes(data)
      if len(data) != size * dtype.itemsize:
        raise ValueError(f"an array {shape} of type {dtype} has {len(data)} bytes")
      self._copy(len(data))
    array.__setstate__((1, shape, dtype, bool(is_fortran), data))
    _readable(array)


def _empty_array(kind, shape, code):
  if not isinstance(kind, Global) or kind.name != "numpy.ndarray":
    raise Refused(kind.name if isinstance(kind, Global) else "an array of unknown kind")
  if shape != (0,) or code not in ("b", b"b"):
    raise ValueError("an array is described as numpy does not")
  return np.ndarray((0,), np.int8)


def _frombuffer(data, dtype, shape, order, axes=None):
  # Order K: the bytes are those of an array whose axes are then transposed.
  if not isinstance(data, bytes | bytearray) or (order, axes is None) not in _ORDERS:
    raise ValueError("an array is described as numpy does not")
  shape, dtype = _shape(shape), _finished(dtype)
  if dtype.hasobject or len(data) != math.prod(shape) * dtype.itemsize:
    raise ValueError(f"an array {shape} of type {dtype} has {len(data)} bytes")
  array = _readable(np.frombuffer(data, dtype))
  if order == "K":
    return array.reshape(shape).transpose(_shape(axes))
  return array.reshape(shape, order=order)


def _dtype(code, align=False, copy=False):
  del align, copy
  if not isinstance(code, str):
    raise TypeError("a numpy.dtype is described by something else than text")
  if code not in NUMBERS and not OTHERS.fullmatch(code):
    structured = "structured " if code.startswith("V") else ""
    raise Refused(f"a {structured}numpy.dtype {code[:40]!r}")
  return Dtype(code)


def _finish_dtype(target, version, order, *rest):
  # version, byte order, sub-array, names, fields, size, alignment, flags
  if any(part is not None for part in rest[:3]):
    raise Refused("a structured numpy.dtype")
  if version not in (1, 2, 3) or order not in ("<", ">", "=", "|"):
    raise ValueError("a numpy.dtype is described as numpy does not")
  target.order = order


def _finished(dtype):
  if not isinstance(dtype, Dtype):
    raise TypeError("an array has no numpy.dtype")
  return dtype.finished()


def _shape(shape):
  if type(shape) is not tuple or len(shape) > MAX_AXES:
    raise ValueError("an array has no shape")
  if any(type(length) is not int or not 0 <= length < 2**48 for length in shape):
    raise ValueError("the shape of an array holds no sensible numbers")
  return shape


def _bytes(data):
  # Python 2 wrote its bytes as strings.
  if isinstance(data, str):
    return data.encode("latin-1")
  if not isinstance(data, bytes):
    raise TypeError("the numbers of an array are no bytes")
  return data


def _readable(array):
  # numpy takes any number for a character, and fails when it is looked at.
  if array.dtype.kind == "U" and array.size:
    numbers = array.ravel(order="K").view(f"{array.dtype.byteorder}u4")
    if numbers.max() > LAST_CHARACTER:
      raise ValueError("an array holds text with characters that do not exist")
  return array


def _no_bytes(*content):
  if content:
    raise Refused("builtins.bytes")
  return b""


def _no_call(*_):
  raise TypeError("a type is called")


def _complex(real, imaginary):
  if type(real) is not float or type(imaginary) is not float:
    raise TypeError("a complex number has parts that are no numbers")
  return complex(real, imaginary)
