"""Files of `torch.save` for tests, put together without PyTorch."""

import io
import pickle
import struct
import zipfile

import numpy as np

from tests.untrusted.tensors import name

NUMBERS = np.arange(6, dtype=np.float32).reshape(2, 3)
SPRUNG = []


def spring(value):
  """A function that a file may name and no reader may call."""
  SPRUNG.append(value)


class Raw:
  """Opcodes, where a value is expected; `dumps` puts them in."""

  def __init__(self, opcodes):
    self.opcodes = opcodes


class _Identity:
  def __init__(self, *identity):
    self.identity = identity


class Object:
  """Values that `dumps` writes as PyTorch does."""

  @staticmethod
  def call(full, *arguments):
    return _Call(full, arguments)

  @staticmethod
  def storage(key="0", dtype="torch.FloatStorage", count=6):
    return _Identity("storage", Raw(name(dtype)), key, "cpu", count)

  @staticmethod
  def tensor_arguments(key="0", dtype="torch.FloatStorage", count=6):
    return Object.storage(key, dtype, count), 0, (2, 3), (3, 1), False, {}

  @staticmethod
  def tensor(key="0", dtype="torch.FloatStorage", count=6):
    return _Call("torch._utils._rebuild_tensor_v2", Object.tensor_arguments(key, dtype, count))


class _Call:
  def __init__(self, full, arguments):
    self.full, self.arguments = full, arguments


class _Pickler(pickle._Pickler):
  """In Python, so that opcodes can be put in by hand; nothing is memoised twice by accident."""

  def save(self, obj, save_persistent_id=True):
    if isinstance(obj, Raw):
      self.write(obj.opcodes)
    elif isinstance(obj, _Identity):
      self.save(obj.identity)
      self.write(b"Q")
    elif isinstance(obj, _Call):
      self.write(name(obj.full))
      self.save(obj.arguments)
      self.write(b"R")
    else:
      super().save(obj, save_persistent_id)


def dumps(content, protocol=2):
  """A pickle of plain values, objects, `Object`s and `Raw` opcodes."""
  file = io.BytesIO()
  _Pickler(file, protocol).dump(content)
  return file.getvalue()


def archive(path, data, entries=None, compression=zipfile.ZIP_STORED):
  """A zip as PyTorch makes it; `entries` beside data.pkl. Returns `path`."""
  entries = {"a/data/0": NUMBERS.tobytes()} if entries is None else entries
  with zipfile.ZipFile(path, "w", compression) as file:
    for entry, content in {"a/data.pkl": data, **entries}.items():
      file.writestr(entry, content)
  return path


_STORAGES = {"float16": "torch.HalfStorage", "float32": "torch.FloatStorage",
             "int64": "torch.LongStorage"}


def save(path, state):
  """Writes a state dict as `torch.save` does; {name: array}. Returns `path`."""
  arrays = {name: np.ascontiguousarray(value) for name, value in state.items()}
  tensors = {
    name: _tensor(str(key), array) for key, (name, array) in enumerate(arrays.items())
  }
  entries = {f"a/data/{key}": array.tobytes() for key, array in enumerate(arrays.values())}
  return archive(path, dumps(tensors), entries)


def _tensor(key, array):
  shape = array.shape
  strides = tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))
  storage = Object.storage(key, _STORAGES[array.dtype.name], array.size)
  return _Call("torch._utils._rebuild_tensor_v2", (storage, 0, shape, strides, False, {}))


def old_file(path, data):
  """A file as PyTorch made it before version 1.6, with the same storage as `archive`."""
  parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
  before = b"".join(pickle.dumps(part, 2) for part in parts)
  path.write_bytes(
    before + data + pickle.dumps(["0"], 2) + struct.pack("<q", 6) + NUMBERS.tobytes()
  )
  return path
