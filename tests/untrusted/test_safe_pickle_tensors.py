"""PyTorch's tensors in plain pickles: honest ones are rebuilt, others get what the file holds."""

import collections
import gzip
import os
import pickle
import sys

import numpy as np
import pytest

from sign_jax.errors import UserError
from tests.untrusted.pickles import Call, read, refused
from tests.untrusted.tensors import NUMBERS, Raw, call, name, put, saved, storage, tensor, whole

LOAD, REBUILD = "torch.storage._load_from_bytes", "torch._utils._rebuild_tensor_v2"


def same(actual, expected):
  assert type(actual) is np.ndarray and actual.flags.aligned
  assert actual.dtype == expected.dtype and actual.shape == expected.shape
  np.testing.assert_array_equal(actual, expected)


def honest(torch):
  """{what: tensor}, as `pickle.dump` may meet them."""
  table = torch.arange(24.0).reshape(4, 6)
  kinds = ("float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool",
           "bfloat16", "uint16", "uint32", "uint64", "complex64", "complex128")  # fmt: skip
  return {
    **{kind: table.to(getattr(torch, kind)) for kind in kinds},
    "one number": torch.tensor(2.5), "of 16 bits": torch.tensor(-2.5, dtype=torch.bfloat16),
    "empty": torch.zeros(0, 3), "empty at the end": table[4:], "empty truth": torch.zeros(0) > 1,
    "transposed": table.T, "part": table[1:3, ::2], "row": table[2], "one": table[3, 5],
    "with gradient": torch.ones(2, requires_grad=True), "parameter": torch.nn.Parameter(table),
  }  # fmt: skip


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_tensors_of_every_kind_come_back(tmp_path, protocol, monkeypatch):
  torch = pytest.importorskip("torch")
  tensors = honest(torch)
  data = pickle.dumps(tensors, protocol)
  with monkeypatch.context() as patch:
    patch.setitem(sys.modules, "torch", None)
    actual = read(tmp_path, data, tensors=True)
  assert actual.keys() == tensors.keys()
  for what, expected in tensors.items():
    is_brain = expected.dtype == torch.bfloat16
    same(actual[what], (expected.float() if is_brain else expected).detach().numpy())


def test_tensors_may_share_a_storage(tmp_path):
  torch = pytest.importorskip("torch")
  table = torch.arange(12.0).reshape(3, 4)
  data = pickle.dumps([table, table[1], table, table.T], 4)
  actual = read(tmp_path, data, tensors=True)
  for found, expected in zip(actual, [table, table[1], table, table.T], strict=True):
    same(found, expected.numpy())
  assert actual[0] is actual[2]


def test_sizes_are_tuples(tmp_path):
  torch = pytest.importorskip("torch")
  actual = read(tmp_path, pickle.dumps(torch.Size([2, 3])), tensors=True)
  assert type(actual) is tuple and actual == (2, 3)


def test_state_dicts_come_back(tmp_path):
  torch = pytest.importorskip("torch")
  state = torch.nn.BatchNorm1d(2).state_dict()
  actual = read(tmp_path, pickle.dumps(state), tensors=True)
  assert list(actual) == list(state)
  same(actual["running_var"], np.ones(2, np.float32))


def test_tensors_are_rebuilt_without_pytorch(tmp_path):
  same(read(tmp_path, whole(tensor()), tensors=True), NUMBERS)
  same(read(tmp_path, whole(tensor((3, 2), (1, 3))), tensors=True), NUMBERS.T)
  same(read(tmp_path, whole(tensor((2,), (2,), 1)), tensors=True), NUMBERS.ravel()[1:4:2])
  parameter = call("torch._utils._rebuild_parameter", tensor(), True, None)
  same(read(tmp_path, gzip.compress(whole(parameter)), tensors=True), NUMBERS)


def test_tensors_are_refused_where_they_are_not_expected(tmp_path):
  refused(tmp_path, whole(tensor()), f"asks for {REBUILD}")
  refused(tmp_path, whole(call(LOAD, saved())), f"asks for {LOAD}")
  assert read(tmp_path, whole({"a": 1})) == {"a": 1}


def test_kinds_of_tensors_that_arrays_are_not(tmp_path):
  torch = pytest.importorskip("torch")
  others = {
    "_rebuild_sparse_tensor": torch.eye(2).to_sparse(),
    "float8_e4m3fn": torch.zeros(2).to(torch.float8_e4m3fn),
    "torch.device": torch.device("cpu"),
    r"a tensor of shape \(4, 3\) has a storage of 3": torch.zeros(3).expand(4, 3),
    "not those it shows": torch.tensor([1j]).conj(),
    "ReLU": torch.nn.ReLU(),
  }
  for reason, content in others.items():
    refused(tmp_path, pickle.dumps(content), reason, tensors=True)


def of(*arguments, **options):
  return call(LOAD, saved(*arguments, **options))


CLAIMS = {
  "larger than its storage": tensor((3, 3)),
  "beyond its end": tensor(offset=1),
  "before its start": tensor(offset=-1),
  "backwards": tensor(strides=(-3, 1)),
  "strides beyond the end": tensor(strides=(4, 1)),
  "strides of 70 bits": tensor(strides=(2**70, 1)),
  "one number a million million times": tensor((10**12,), (0,)),
  "one number seven times": tensor((7,), (0,)),
  "sizes of 70 bits": tensor((2**70, 3)),
  "sizes that overflow when multiplied": tensor((2**40, 2**40, 0), (1, 1, 1)),
  "no sizes": tensor((2.5, "3")),
  "truth for a size": tensor((True, 3)),
  "a number for sizes": tensor(6, 1),
  "sizes and strides that differ in number": tensor((2, 3), (1,)),
  "more axes than arrays have": tensor((1,) * 100, (1,) * 100),
  "numbers to be negated": tensor(more=(False, None, {"neg": True})),
  "no storage": tensor(of=(1, 2)),
  "a type for a storage": tensor(of=name("torch.FloatStorage")),
  "a persistent id in the pickle itself": tensor(of=storage()),
  "no bytes": tensor(of=call(LOAD, "text")),
  "nothing": tensor(of=call(LOAD, b"")),
  "an archive": tensor(of=call(LOAD, b"PK\x03\x04" + bytes(100))),
  "another magic number": tensor(of=of(magic=5)),
  "another version": tensor(of=of(version=1002)),
  "another key": tensor(of=of(keys=("1",))),
  "keys that are no text": tensor(of=of(keys=([],))),
  "bytes cut short": tensor(of=of(data=NUMBERS.tobytes()[:-1])),
  "bytes that follow": tensor(of=of(data=NUMBERS.tobytes() + b"\n")),
  "another length": tensor(of=of(count=5)),
  "an absurd length": tensor(of=of(storage(count=2**47), count=2**47)),
  "a length of 70 bits": tensor(of=of(storage(count=2**70))),
  "a negative length": tensor(of=of(storage(count=-1), count=-1)),
  "wider numbers than there are": tensor(of=of(storage(kind="torch.DoubleStorage"))),
  "part of another storage": tensor(of=of(storage(view=("1", 0, 6)))),
  "another persistent id": tensor(of=of(Raw(put(("module", 1, "0", "cpu", 6)) + b"Q"))),
  "an id that is text": tensor(of=of(Raw(put("abcde") + b"Q"))),
  "a storage without type": tensor(of=of(Raw(put(("storage", "f", "0", "cpu", 6)) + b"Q"))),
  "no storage in the bytes": call(LOAD, saved(put([1, 2]), keys=())),
  "a list of storages": tensor(of=of(Raw(b"]" + storage() + b"a"))),
  "a tensor for a storage": tensor(of=of(tensor(of=storage()))),
  "a size of text": call("torch.Size", "abc"),
  "a size of 70 bits": call("torch.Size", (2**70,)),
  "a parameter of text": call("torch._utils._rebuild_parameter", "text"),
  "a type that is called": call("torch.FloatStorage", 10**12),
  "a type of numbers that is called": call("torch.uint16", 10**12),
  "text of other numbers": call("torch._utils._rebuild_tensor_v3", of(), 0, (2, 3), (3, 1), False,
                                None, "uint16"),
  "other numbers of floats": call("torch._utils._rebuild_tensor_v3", of(), 0, (2, 3), (3, 1),
                                  False, None, name("torch.uint16")),
}  # fmt: skip


@pytest.mark.parametrize("what", CLAIMS)
def test_tensors_stay_within_their_storages(tmp_path, what):
  refused(tmp_path, whole({"a": 1})[:-1] + put("sign") + CLAIMS[what] + b"s.",
          "no complete|persistent id", tensors=True)  # fmt: skip


def test_a_storage_that_is_named_but_not_there(tmp_path):
  refused(tmp_path, whole(tensor(of=of(keys=()))), "storage '0' is named but not", tensors=True)


def test_names_that_are_left_over_are_refused(tmp_path):
  refused(tmp_path, whole(call(LOAD, saved())), "asks for torch.storage,", tensors=True)
  refused(tmp_path, whole(name("torch.FloatStorage")), "asks for torch.FloatStorage", tensors=True)


def test_code_is_not_run_wherever_it_hides(tmp_path):
  trap = tmp_path / "trap"
  code = Call(os.mkdir, str(trap))
  opcodes = Raw(pickle.dumps(code, 2)[2:-1])
  for place in (opcodes, tensor(of=opcodes), tensor(of=call(LOAD, saved(opcodes))),
                tensor(of=call(LOAD, whole(opcodes))), tensor(more=(False, opcodes))):  # fmt: skip
    refused(tmp_path, whole(place), "asks for (posix|nt).mkdir", tensors=True)
  assert not trap.exists()


def test_bytes_of_storages_do_not_nest(tmp_path):
  nested = call(LOAD, saved(call(LOAD, saved())))
  refused(tmp_path, whole(tensor(of=nested)), f"asks for {LOAD}", tensors=True)


def test_one_storage_is_not_loaded_over_and_over(tmp_path):
  count = 10**5
  of = storage(count=count, kind="torch.BFloat16Storage")
  data = saved(of, count=count, data=bytes(2 * count))
  again = name(LOAD) + b"q\x05" + put((data,)) + b"q\x06"
  shape = put(0) + put((count,)) + put((1,)) + b"tR"
  once = b"(" + b"h\x05h\x06R" + shape
  honest = b"\x80\x02]" + again + b"00" + name(REBUILD) + b"q\x070h\x07" + once + b"a."
  assert read(tmp_path, honest, tensors=True)[0].shape == (count,)
  many = honest[:-2] + b"a" + (b"h\x07" + once + b"a") * 1000 + b"."
  refused(tmp_path, many, "over and over", tensors=True)


def test_any_changed_byte_is_read_or_refused(tmp_path):
  data = whole({"sign": 1})[:-1] + put("b") + tensor() + b"s."
  outcomes = collections.Counter()
  for at in range(len(data)):
    changed = data[:at] + bytes([data[at] ^ (0x01, 0x80, 0xA5)[at % 3]]) + data[at + 1 :]
    try:
      read(tmp_path, changed, tensors=True)
      outcomes["read"] += 1
    except UserError:
      outcomes["refused"] += 1
  assert outcomes["read"] > 20 and outcomes["refused"] > 20


def test_files_that_are_cut_short(tmp_path):
  data = whole(tensor())
  for size in range(0, len(data), 3):
    with pytest.raises(UserError, match="no complete pickle"):
      read(tmp_path, data[:size], tensors=True)
