"""Files of safetensors, read without PyTorch."""

import json
import struct
import sys

import numpy as np
import pytest
import safetensors.numpy

from sign_jax.errors import UserError
from sign_jax.weights import readers, safetensors_file

KINDS = ("bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")


def written(path, entries, data=b"", metadata=None):
  header = {**({"__metadata__": metadata} if metadata else {}), **entries}
  text = header if isinstance(header, bytes) else json.dumps(header).encode()
  path.write_bytes(struct.pack("<Q", len(text)) + text + data)
  return path


def entry(dtype, shape, size, begin=0):
  return {"dtype": dtype, "shape": shape, "data_offsets": [begin, begin + size]}


def test_every_type_of_numbers_comes_back(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "torch", None)
  state = {kind: np.arange(6).reshape(2, 3).astype(kind) for kind in KINDS}
  state |= {"number": np.array(2.5, np.float32), "none": np.zeros((0, 3), np.float32)}
  safetensors.numpy.save_file(state, tmp_path / "a.safetensors", {"format": "pt"})
  found = readers.read(tmp_path / "a.safetensors")
  assert found.keys() == state.keys()
  for name, value in state.items():
    assert found[name].dtype == value.dtype and found[name].shape == value.shape
    np.testing.assert_array_equal(found[name], value)


def test_bfloat16_becomes_float32(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "torch", None)
  numbers = np.array([[1.5, -2.0], [np.inf, 2.0**-130]], np.float32)
  upper = (numbers.view(np.uint32) >> 16).astype("<u2")
  entries = {"before": entry("U8", [3], 3), "w": entry("BF16", [2, 2], 8, 3),
             "one": entry("BF16", [], 2, 11), "none": entry("BF16", [0, 2], 0, 13)}  # fmt: skip
  data = b"abc" + upper.tobytes() + upper[0, :1].tobytes()
  found = readers.read(written(tmp_path / "a.safetensors", entries, data))
  assert found["w"].dtype == found["one"].dtype == np.float32
  np.testing.assert_array_equal(found["w"], numbers)
  assert found["one"].shape == () and found["one"] == 1.5 and found["none"].shape == (0, 2)


@pytest.mark.parametrize("kind", ["F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "C64"])
def test_other_types_of_numbers_are_named(tmp_path, kind):
  size = 8 if kind == "C64" else 1
  path = written(tmp_path / "a.safetensors", {"w": entry(kind, [1], size)}, bytes(size))
  with pytest.raises(UserError, match=f"of type {kind} .w., .* convert them to float32"):
    readers.read(path)


HEADERS = {
  "no dict": b"[]", "a number": b"5", "no JSON": b"{", "no UTF-8": b'{"\xff": 1}',
  "no entry": {"w": []}, "text for an entry": {"w": "F32"}, "no type": {"w": {"shape": [1]}},
  "a type that is a number": {"w": entry(4, [1], 4)},
  "an unknown type": {"w": entry("F31", [1], 4)},
  "a shape of text": {"w": entry("F32", "1", 4)},
  "a shape of floats": {"w": entry("F32", [1.0], 4)},
  "a negative shape": {"w": entry("F32", [-1], 4)}, "65 axes": {"w": entry("F32", [1] * 65, 4)},
  "33 axes": {"w": entry("F32", [1] * 33, 4)},
  "a million axes": {"w": entry("F32", [1] * 10**6, 4)},
  "axes that overflow": {"w": entry("F32", [2**40, 2**40], 4)},
  "brain floats of other size": {"w": entry("BF16", [3], 4)},
  "brain floats beyond the end": {"w": entry("BF16", [2**40], 2**41)},
  "no place": {"w": {"dtype": "F32", "shape": [1]}},
  "a place of text": {"w": {"dtype": "F32", "shape": [1], "data_offsets": "04"}},
  "half a place": {"w": {"dtype": "F32", "shape": [1], "data_offsets": [0]}},
  "a hole": {"w": entry("U8", [1], 1, 3)},
  "overlap": {"w": entry("U8", [4], 4), "v": entry("U8", [1], 1)},
  "metadata of numbers": {"__metadata__": {"a": 1}, "w": entry("F32", [1], 4)},
  "too long": b" " * (safetensors_file.MAX_HEADER + 1),
}  # fmt: skip


@pytest.mark.parametrize("what", HEADERS)
def test_damage_is_one_sentence(tmp_path, what):
  path, header = tmp_path / "a.safetensors", HEADERS[what]
  text = header if isinstance(header, bytes) else json.dumps(header).encode()
  path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
  with pytest.raises(UserError, match="a.safetensors is damaged") as caught:
    readers.read(path)
  assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_thirty_two_axes_are_read(tmp_path):
  path = written(tmp_path / "a.safetensors", {"w": entry("F32", [1] * 32, 4)}, bytes(4))
  assert readers.read(path)["w"].ndim == 32
