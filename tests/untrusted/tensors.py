"""Pickled PyTorch tensors for tests, put together without PyTorch."""

import pickle
import struct

import numpy as np

NUMBERS = np.arange(6, dtype=np.float32).reshape(2, 3)
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


class Raw(bytes):
  """Opcodes, where a value is expected."""


def put(value):
  """The opcodes that put a value on the stack."""
  if isinstance(value, Raw):
    return value
  if type(value) is tuple:
    return Raw(b"(" + b"".join(put(item) for item in value) + b"t")
  return Raw(pickle.dumps(value, 2)[2:-1])


def name(full):
  module, _, last = full.rpartition(".")
  return Raw(b"c%s\n%s\n" % (module.encode(), last.encode()))


def call(function, *arguments):
  return Raw(name(function) + put(tuple(arguments)) + b"R")


def whole(value):
  """A pickle of `put`'s opcodes."""
  return b"\x80\x02" + put(value) + b"."


def storage(key="0", count=6, kind="torch.FloatStorage", view=None):
  return Raw(put(("storage", name(kind), key, "cpu", count, view)) + b"Q")


def saved(content=None, keys=("0",), count=6, data=None, magic=MAGIC, version=VERSION):
  """The bytes of `torch.save` before PyTorch 1.6, as `pickle.dump` still holds them."""
  data = NUMBERS.tobytes() if data is None else data
  parts = [magic, version, {"little_endian": True}, content or storage(), list(keys)]
  storages = (struct.pack("<q", count) + data) * len(keys)
  return b"".join(whole(part) for part in parts) + storages


def tensor(shape=(2, 3), strides=(3, 1), offset=0, of=None, more=(False, None)):
  of = call("torch.storage._load_from_bytes", saved()) if of is None else of
  return call("torch._utils._rebuild_tensor_v2", of, offset, shape, strides, *more)
