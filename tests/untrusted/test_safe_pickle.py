"""Untrusted pickles: honest ones of every protocol are read, damaged ones are refused."""

import collections
import gzip
import pickle
import pickletools
import struct

import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.untrusted import safe_pickle
from tests.untrusted.pickles import FEATURE, read, refused

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
PLAIN = {
  "none": None,
  "truth": [True, False],
  "numbers": [0, 255, -1, 65536, 2**70, -(2**70), 1.5, float("inf"), 1 + 2j],
  "text": ["", "abc", "'\"\\\n", "grüß", "手语", "\U0001f44b"],
  "bytes": [b"", b"abc\x00\xff"],
  "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, (4, (5,)))],
  "sets": [set(), {1, "a", None}, frozenset("ab")],
  "dicts": [{}, {"a": {"b": []}, 1: 2, None: 3, b"c": 4}],
  "ordered": collections.OrderedDict(b=1, a=2),
  "counter": collections.Counter("aab"),
  "default": collections.defaultdict(list, a=[1]),
}
ARRAYS = {
  "float32": FEATURE,
  "float16": FEATURE.astype(np.float16),
  "big-endian": FEATURE.astype(">f8"),
  "columns": np.asfortranarray(FEATURE),
  "transposed": np.arange(24).reshape(2, 3, 4).transpose(1, 2, 0),
  "strided": np.arange(10)[::2],
  "complex": np.array([1j], np.complex64),
  "truth": np.array([True, False]),
  "empty": np.zeros((0, 5), np.uint8),
  "zero axes": np.array(3.5),
  "text": np.array(["a", "手语"]),
  "bytes": np.array([b"x", b"yy"]),
  "objects": np.array([{"a": 1}, [2], None, "text"], dtype=object),
  "scalar": np.float32(1.5),
  "text scalar": np.str_("abc"),
  "truth scalar": np.bool_(True),
}


def same(actual, expected):
  if isinstance(expected, np.ndarray):
    np.testing.assert_array_equal(actual, expected)
    assert actual.dtype == expected.dtype and actual.shape == expected.shape
  assert isinstance(actual, type(expected)) or isinstance(expected, dict)
  assert isinstance(expected, np.ndarray) or actual == expected


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("content", PLAIN.values(), ids=PLAIN)
def test_plain_data_come_back(tmp_path, content, protocol):
  data = pickle.dumps(content, protocol)
  same(read(tmp_path, data), pickle.loads(data))
  same(read(tmp_path, pickletools.optimize(data)), pickle.loads(data))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("content", ARRAYS.values(), ids=ARRAYS)
def test_arrays_come_back(tmp_path, content, protocol):
  data = pickle.dumps({"name": "a", "feature": content, "again": content}, protocol)
  actual = read(tmp_path, data)
  same(actual["feature"], pickle.loads(data)["feature"])
  same(actual["again"], pickle.loads(data)["again"])
  assert actual["name"] == "a"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_both_places_of_numpys_functions_are_known(tmp_path, protocol):
  # Text of known length only; protocol 4 and 5 write the length before the name.
  old = {b"numpy._core": b"numpy.core", b"\x16numpy.core": b"\x15numpy.core",
         b"\x13numpy.core": b"\x12numpy.core", b"\x17numpy.core": b"\x16numpy.core"}  # fmt: skip
  data = pickle.dumps([FEATURE, FEATURE[0, 0]], protocol)
  for new, replacement in old.items():
    data = data.replace(new, replacement)
  assert b"numpy.core" in data and b"numpy._core" not in data
  if protocol >= 4:
    data = bytes([*data[:3], *struct.pack("<Q", len(data) - 11), *data[11:]])
  actual = read(tmp_path, data)
  same(actual[0], FEATURE)
  same(actual[1], FEATURE[0, 0])


def python2(protocol):
  """{'name': 'caf\xe9', 'feature': FEATURE} as Python 2 and its numpy wrote it."""
  if protocol == 0:
    escaped = repr(FEATURE.tobytes())[2:-1].encode()
    return (
      b"(dp1\nS'name'\np2\nS'caf\\xe9'\np3\nsS'feature'\np4\n"
      b"cnumpy.core.multiarray\n_reconstruct\np5\n(cnumpy\nndarray\np6\n(I0\ntp7\nS'b'\np8\n"
      b"tp9\nRp10\n(I1\n(L3L\nI4\ntp11\ncnumpy\ndtype\np12\n(S'f4'\np13\nI0\nI1\ntp14\nRp15\n"
      b"(I3\nS'<'\np16\nNNNI-1\nI-1\nI0\ntp17\nbI00\nS'" + escaped + b"'\np18\ntp19\nbs."
    )
  return (
    b"\x80\x02}q\x01(U\x04nameq\x02U\x04caf\xe9q\x03U\x07featureq\x04"
    b"cnumpy.core.multiarray\n_reconstruct\nq\x05cnumpy\nndarray\nq\x06K\x00\x85q\x07U\x01b"
    b"q\x08\x87q\x09Rq\x0a(K\x01K\x03\x8a\x01\x04\x86q\x0bcnumpy\ndtype\nq\x0cU\x02f4q\x0dK\x00K"
    b"\x01\x87q\x0eRq\x0f(K\x03U\x01<q\x10NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x11b\x89"
    b"T" + struct.pack("<i", FEATURE.nbytes) + FEATURE.tobytes() + b"q\x12tq\x13bu."
  )


@pytest.mark.parametrize("protocol", [0, 2])
def test_python_2s_pickles_are_read(tmp_path, protocol):
  actual = read(tmp_path, python2(protocol))
  assert list(actual) == ["name", "feature"] and actual["name"] == "café"
  same(actual["feature"], FEATURE)
  same(pickle.loads(python2(protocol), encoding="latin1")["feature"], FEATURE)


def test_containers_may_hold_themselves(tmp_path):
  content = {"list": []}
  content["list"].append(content)
  actual = read(tmp_path, pickle.dumps(content))
  assert actual["list"][0] is actual


def test_gzip_is_told_by_its_first_bytes(tmp_path):
  data = pickle.dumps({"feature": FEATURE})
  same(read(tmp_path, gzip.compress(data))["feature"], FEATURE)
  two_members = gzip.compress(data[:50]) + gzip.compress(data[50:])
  same(read(tmp_path, two_members)["feature"], FEATURE)
  for damaged in (gzip.compress(data)[:-9], gzip.compress(data)[:-8] + bytes(8), b"\x1f\x8b\x08"):
    refused(tmp_path, damaged, "no complete")


def test_no_more_than_max_bytes_are_unpacked(tmp_path):
  data = pickle.dumps(bytes(2**26))
  bomb = gzip.compress(data)
  assert len(bomb) < 2**17
  refused(tmp_path, bomb, "more than 100000 bytes", max_bytes=100_000)
  refused(tmp_path, data[: 2**21], "more than 100000 bytes", max_bytes=100_000)
  assert len(read(tmp_path, data, max_bytes=len(data))) == 2**26
  refused(tmp_path, data, "more than", max_bytes=len(data) - 1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_files_that_are_cut_short_or_too_long(tmp_path, protocol):
  data = pickle.dumps({"name": "a", "feature": FEATURE}, protocol)
  for size in range(len(data)):
    with pytest.raises(UserError, match="no complete pickle"):
      read(tmp_path, data[:size])
  refused(tmp_path, data + b"\n", "1 bytes follow its end")
  refused(tmp_path, data + data, "bytes follow its end")


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_any_changed_byte_is_read_or_refused(tmp_path, protocol):
  content = {"name": "a", "feature": FEATURE, "objects": np.array([None, "b"], dtype=object),
             "scalar": np.float32(1)}  # fmt: skip
  data = pickle.dumps(content, protocol)
  outcomes = collections.Counter()
  for at in range(len(data)):
    change = (0x01, 0x80, 0xA5)[at % 3]
    try:
      read(tmp_path, data[:at] + bytes([data[at] ^ change]) + data[at + 1 :])
      outcomes["read"] += 1
    except UserError:
      outcomes["refused"] += 1
  assert outcomes["read"] > 20 and outcomes["refused"] > 20


def test_the_sentence_is_the_callers(tmp_path):
  text = refused(tmp_path, b"", "no complete feature file .*, make it anew$", kind="feature file",
                 remedy="make it anew")  # fmt: skip
  assert text.startswith(str(tmp_path))
  reason = "asks for os.system, which no feature file needs"
  refused(tmp_path, b"cos\nsystem\n.", reason, kind="feature file")
  with pytest.raises(UserError, match="there is no file .*none.pkl.*, name the feature file"):
    safe_pickle.read(tmp_path / "none.pkl", kind="feature file")
  with pytest.raises(UserError, match="is no file, name the pickle"):
    safe_pickle.read(tmp_path)


def test_names_cannot_write_to_the_terminal(tmp_path):
  text = refused(tmp_path, b"\x80\x04\x8c\x02os\x8c\x06\x1b[2J\x07x\x93.", r"os.\\x1b\[2J\\x07x")
  assert text.isprintable()
