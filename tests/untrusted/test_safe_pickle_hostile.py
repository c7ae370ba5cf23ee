"""Pickles made to do harm: each is refused in one sentence with its name, and does nothing."""

import collections
import copyreg
import datetime
import functools
import gzip
import io
import os
import pickle
import struct

import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.untrusted import budget
from tests.untrusted.pickles import FEATURE, Call, read, refused

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Point:
  """An object with attributes."""

  def __init__(self):
    self.x = 1


CODE = {
  "(posix|nt).system": Call(os.system, "exit 1"),
  "builtins.eval": Call(eval, "1+1"),
  "builtins.getattr": Call(getattr, "text", "upper"),
  "builtins.bytearray": Call(bytearray, 10**12),
  r"builtins.bytes\b": Call(bytes, 10**12),
  "builtins.x?range": range(10**12),
  "functools.partial": functools.partial(print, 1),
  "collections.deque": collections.deque([1]),
  "datetime.date": datetime.date(2026, 1, 1),
  "test_safe_pickle_hostile.Point": Point(),
  "numpy.matrix": np.ones((2, 2)).view(np.matrix),
  "numpy.load": Call(np.load, "a.npy"),
  "numpy.zeros|numpy._?core.*zeros": Call(np.zeros, 10**12),
  "numpy.random": np.random.RandomState(0),
  "numpy.dtype": [np.dtype("f4")],
  "numpy.ndarray": [np.ndarray],
  "builtins.list": {"factory": list},
  "structured": np.zeros(2, [("a", "f4")]),
  "structured ": np.zeros(2, [("a", "O")]),
  "numpy.dtype 'M8'": np.array(["2026-01-01"], "M8[D]"),
  "numpy.dtype 'm8'": np.array([1], "m8[s]"),
  "structured numpy.dtype 'V3'": np.zeros(2, "V3"),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", CODE)
def test_everything_else_is_refused_by_its_name(tmp_path, name, protocol):
  if CODE[name].__class__ is Point and protocol < 2:
    name = "copyreg|copy_reg"
    content = Point()
  else:
    content = CODE[name]
  # Python 2's name of the module.
  pattern = name.strip().replace("builtins", "(builtins|__builtin__)")
  data = pickle.dumps({"a": content}, protocol)
  refused(tmp_path, data, f"asks for .*{pattern}.* could run code")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_code_is_not_run_wherever_it_hides(tmp_path, protocol):
  trap = tmp_path / "trap"
  code = Call(os.mkdir, str(trap))
  places = [
    code, [code], {"a": code}, (1, code), np.array([1, code], dtype=object),
    np.array([[np.array([{"a": code}], dtype=object)]], dtype=object),
    collections.OrderedDict(a=code), collections.defaultdict(list, a=code),
  ]  # fmt: skip
  for place in places:
    data = pickle.dumps(place, protocol)
    refused(tmp_path, data, "(posix|nt).mkdir")
    refused(tmp_path, gzip.compress(data), "(posix|nt).mkdir")
  assert not trap.exists()


def test_a_class_hidden_in_an_object_array_is_refused(tmp_path):
  refused(tmp_path, pickle.dumps(np.array([np.ndarray, 1], dtype=object)), "numpy.ndarray")


class Persistent(pickle.Pickler):
  def persistent_id(self, obj):
    return "storage" if obj is FEATURE else None


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_persistent_ids_are_refused(tmp_path, protocol):
  file = io.BytesIO()
  Persistent(file, protocol).dump([FEATURE])
  refused(tmp_path, file.getvalue(), "a persistent id")


def test_out_of_band_buffers_are_refused(tmp_path):
  for array in (FEATURE.copy(), np.frombuffer(FEATURE.tobytes(), np.float32)):
    data = pickle.dumps(array, 5, buffer_callback=lambda buffer: None)
    refused(tmp_path, data, "an out-of-band buffer")


def test_extension_codes_are_refused(tmp_path):
  copyreg.add_extension("os", "mkdir", 240)
  try:
    refused(tmp_path, b"\x80\x02\x82\xf0.", "the opcode EXT1")
  finally:
    copyreg.remove_extension("os", "mkdir", 240)


@pytest.mark.parametrize("data", [
  b"cbuiltins\neval\n(X\x03\x00\x00\x001+1tR.",
  b"(ibuiltins\neval\n.",  # INST
  b"(cnumpy\ndtype\no.",  # OBJ
  b"cnumpy\ndtype\n)\x81.",  # NEWOBJ
  b"cnumpy\ndtype\n)}\x92.",  # NEWOBJ_EX
  b"}}b.", b"X\x01\x00\x00\x00a}b.",  # attributes of a dict, of text
  b"cbuiltins\nset\n}b.",  # attributes of a function
  b"N", b"", b".", b"b.", b"t.", b"R.", b"0.", b"K\x01K\x02s.", b"]K\x01K\x01s.", b"h\x05.",
  b"NN.", b"(N.", b"N.N", b"\xff.", b"Nq", b"X\xff\xff\xff\x7fabc.",
  b"K\x01K\x02a.", b"(K\x01K\x02e.", b"}(K\x01u.", b"(K\x01d.", b"]K\x01\x90.",
  b"}]K\x01s.", b"}}K\x01s.", b"}K\x01\x85K\x01s.", b"\x8f(]\x90.", b"(]\x91.",  # what keys are not
  b"}G\x3f\xf0\x00\x00\x00\x00\x00\x00K\x01s.",
  b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",  # BINBYTES8 of 2^63 bytes
  b"\x8e\x00\x00\x00\x00\x10\x00\x00\x00abc.",
  b"\x96\xff\xff\xff\xff\xff\xff\x00\x00abc.",  # BYTEARRAY8
  b"\x8d\xff\xff\xff\xff\xff\xff\x00\x00abc.",  # BINUNICODE8
  b"Nr\xff\xff\xff\x7f" + b"}" * 5, b"Np99999999999999999999\n.", b"Np-1\n.",  # places in the memo
  b"I" + b"9" * 5000 + b"\n.", b"Iabc\n.", b"Fabc\n.", b"S'abc\n.", b"Sabc\n.", b"S'\n.",
  b"X\x03\x00\x00\x00\xed\xa0\x80.", b"V\\ud800\n.",  # half a character
])  # fmt: skip
def test_opcodes_that_are_damaged_or_of_no_use(tmp_path, data):
  refused(tmp_path, data)
  refused(tmp_path, b"\x80\x04" + data)


def test_a_place_in_the_memo_far_away_takes_no_memory(tmp_path):
  assert read(tmp_path, b"Nr\xff\xff\xff\x7f.") is None
  refused(tmp_path, b"Nr\xff\xff\xff\x7fa.", "no complete")


NESTED = {
  "key": b"}" + b")" + b"\x85" * 200_000 + b"K\x01s.",
  "value": b"}X\x01\x00\x00\x00w" + b")" + b"\x85" * 200_000 + b"s.",
  "member": b"\x8f(" + b")" + b"\x85" * 200_000 + b"\x90.",
  "argument": b"c_codecs\nencode\n" + b")" + b"\x85" * 200_000 + b"R.",
}


@pytest.mark.parametrize("data", NESTED.values(), ids=NESTED)
def test_nesting_does_not_overflow_the_stack(tmp_path, data):
  with pytest.raises(UserError, match="no complete pickle"):
    read(tmp_path, data)


def test_nested_lists_are_read_and_freed(tmp_path):
  content, depth = read(tmp_path, b"]" * 50_000 + b"a" * 49_999 + b"."), 0
  while content:
    content, depth = content[0], depth + 1
  assert depth == 49_999


def test_numbers_that_collide_are_no_keys(tmp_path):
  for key in (2**61 - 1, 2**64, -(2**61)):
    refused(tmp_path, pickle.dumps({key: 1}), "key")
    refused(tmp_path, pickle.dumps({key}), "key")


RECONSTRUCT = FEATURE.__reduce__()[0]
FROMBUFFER = FEATURE.__reduce_ex__(5)[0]
SCALAR = FEATURE[0, 0].__reduce__()[0]
F4, OBJECTS = np.dtype("f4"), np.dtype("O")


def array(*state, of=(np.ndarray, (0,), b"b")):
  return Call(RECONSTRUCT, *of, state=tuple(state))


def dtype(*state, code="f4"):
  return array(1, (3,), Call(np.dtype, code, False, True, state=tuple(state)), False, bytes(12))


CLAIMS = {
  "memory at once": Call(RECONSTRUCT, np.ndarray, (10**12,), b"b"),
  "objects at once": Call(RECONSTRUCT, np.ndarray, (10**12,), b"O"),
  "a shape of another kind": Call(RECONSTRUCT, np.ndarray, [0], b"b"),
  "no class": Call(RECONSTRUCT, "numpy.ndarray", (0,), b"b"),
  "another class": Call(RECONSTRUCT, np.dtype, (0,), b"b"),
  "more than there is": array(1, (10**12,), F4, False, bytes(12)),
  "less than there is": array(1, (2,), F4, False, bytes(12)),
  "a product that overflows": array(1, (2**40, 2**40), F4, False, b""),
  "a product that overflows to zero": array(1, (2**32, 2**32), F4, False, b""),
  "negative": array(1, (-3, -1), F4, False, bytes(12)),
  "sizes of 70 bits": array(1, (2**70, 0), F4, False, b""),
  "no numbers": array(1, (3.0,), F4, False, bytes(12)),
  "truth for a size": array(1, (True, 3), F4, False, bytes(12)),
  "a list for a shape": array(1, [3], F4, False, bytes(12)),
  "more axes than arrays have": array(1, (1,) * 100, F4, False, bytes(4)),
  "text without latin-1": array(1, (1,), F4, False, "手语手语"),
  "a list of numbers": array(1, (3,), F4, False, [1, 2, 3]),
  "no dtype": array(1, (3,), "f4", False, bytes(12)),
  "nothing": array(),
  "an unknown version": array(7, (3,), F4, False, bytes(12)),
  "bytes as objects": array(1, (1,), OBJECTS, False, b"\x01\x02\x03\x04\x05\x06\x07\x08"),
  "more objects than there are": array(1, (10**12,), OBJECTS, False, [None]),
  "characters that do not exist": array(1, (1,), np.dtype("<U1"), False, b"\xff" * 4),
  "characters of no size": array(1, (10**12,), np.dtype("<U0"), False, b""),
  "elements larger than numbers": array(1, (0,), Call(np.dtype, "S9999999999"), False, b""),
  "a scalar of objects": Call(SCALAR, OBJECTS, b"\x01" * 8),
  "a scalar without bytes": Call(SCALAR, F4, b"\x01"),
  "a scalar without anything": Call(SCALAR, F4),
  "a buffer of another size": Call(FROMBUFFER, bytes(12), F4, (4,), "C"),
  "a buffer of objects": Call(FROMBUFFER, bytes(8), OBJECTS, (1,), "C"),
  "a buffer of text": Call(FROMBUFFER, "abcd", F4, (1,), "C"),
  "an unknown order": Call(FROMBUFFER, bytes(4), F4, (1,), "Q"),
  "order K without axes": Call(FROMBUFFER, bytes(4), F4, (1,), "K"),
  "axes that are not there": Call(FROMBUFFER, bytes(4), F4, (1,), "K", (5,)),
  "a dtype of an unknown version": dtype(99, "<", None, None, None, -1, -1, 0),
  "a dtype in an unknown order": dtype(3, "?", None, None, None, -1, -1, 0),
  "a dtype with a field": dtype(3, "<", None, ("a",), {"a": (F4, 0)}, 4, 1, 0),
  "a dtype with parts": dtype(3, "<", (F4, (10**9,)), None, None, 4, 1, 0),
  "a dtype without state": dtype(3),
  "a dtype of a class": Call(np.dtype, list),
  "a dtype of fields": Call(np.dtype, [("a", "f4")]),
  "a dtype of many": Call(np.dtype, "f4,f4"),
  "a dtype of a shape": Call(np.dtype, "(1000000,1000000)f4"),
  "an encoding": Call(pickle.codecs.encode, "abc", "rot13"),
  "a set of text": Call(set, "abc"),
  "a set of lists": Call(set, [[1]]),
  "a dict of triples": Call(collections.OrderedDict, [(1, 2, 3)]),
  "a dict of numbers": Call(collections.OrderedDict, 5),
  "a dict of lists": Call(collections.OrderedDict, [([1], 2)]),
  "a counter of text": Call(collections.Counter, "aab"),
  "a complex text": Call(complex, "1", "2"),
  "a factory that is called": Call(int, "5"),
  "too many arguments": Call(set, *range(100)),
}  # fmt: skip


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("what", CLAIMS)
def test_calls_get_what_the_file_holds_and_no_more(tmp_path, what, protocol):
  refused(tmp_path, pickle.dumps({"a": CLAIMS[what]}, protocol))


def test_the_same_bytes_are_not_copied_over_and_over(tmp_path):
  text = b"X" + struct.pack("<I", 10**6) + b"a" * 10**6
  again = b"c_codecs\nencode\nq\x01" + text + b"X\x06\x00\x00\x00latin1\x86q\x02"
  honest = b"\x80\x04" + again + b"R."
  assert read(tmp_path, honest) == b"a" * 10**6
  refused(tmp_path, b"\x80\x04" + again + b"00](" + b"h\x01h\x02R" * 10_000 + b"e.", "over and")
  copies = b"\x80\x04" + pickle.dumps(np.zeros(10**6, np.int8), 2)[2:-1]
  assert len(read(tmp_path, copies + b".")) == 10**6
  # An array that is filled a second time.
  refused(tmp_path, copies + b"K\x01\x85b.")


def test_one_array_cannot_hold_another_kind_after_it_was_checked(tmp_path):
  filled = pickle.dumps(FEATURE, 2)[:-1]
  refused(tmp_path, filled + b"(K\x01K\x01\x85cnumpy\ndtype\nX\x01\x00\x00\x00O\x85R\x89]Natb.")


@pytest.mark.parametrize("code", [b"N", b"]", b"}", b"\x8f", b"(l", b"(\x91", b"N\x94", b"N\x85"])
def test_objects_are_counted_by_what_they_take(tmp_path, code, monkeypatch):
  assert len(read(tmp_path, b"](" + code * 900 + b"e.")) == 900
  monkeypatch.setattr(budget, "MIN_MEMORY", 0)
  refused(tmp_path, gzip.compress(b"](" + code * 100_000 + b"e."), "more objects than its")
