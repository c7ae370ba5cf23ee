"""Files made to do harm: each is refused in one sentence with its name, and does nothing."""

import io
import json
import os
import pickle
import re
import struct
import zipfile
from collections import OrderedDict

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402

from sign_jax.errors import UserError  # noqa: E402
from sign_jax.weights import readers  # noqa: E402
from tests.weights import clip_files  # noqa: E402

NAMES = ("weights.pt", "weights.pth.tar", "pytorch_model.bin", "pytorch_model.bin.3")


class Trap:
  """Unpickling it makes a folder."""

  def __init__(self, path):
    self.path = str(path)

  def __reduce__(self):
    return os.mkdir, (self.path,)


class Storage:
  """Stands for a persistent id."""

  def __init__(self, *identity):
    self.identity = identity


class Call:
  """Pickled as a call of `function`."""

  def __init__(self, function, *arguments):
    self.call = function, arguments

  def __reduce__(self):
    return self.call


class Pickler(pickle.Pickler):
  def persistent_id(self, obj):
    return obj.identity if isinstance(obj, Storage) else None


def dumps(content, protocol=2):
  file = io.BytesIO()
  Pickler(file, protocol).dump(content)
  return file.getvalue()


def storage(key="0", count=6, kind="storage", dtype=torch.FloatStorage):
  return Storage(kind, dtype, key, "cpu", count)


def tensor(shape=(2, 3), strides=(3, 1), offset=0, of=None):
  of = of or storage()
  return Call(torch._utils._rebuild_tensor_v2, of, offset, shape, strides, False, OrderedDict())


def archive(path, data, entries=None, compression=zipfile.ZIP_STORED):
  """A zip as PyTorch makes it; `entries` beside data.pkl."""
  numbers = np.arange(6, dtype=np.float32).tobytes()
  entries = {"a/data/0": numbers} if entries is None else entries
  with zipfile.ZipFile(path, "w", compression) as file:
    for name, content in {"a/data.pkl": data, **entries}.items():
      file.writestr(name, content)
  return path


def old_file(path, data):
  """A file as PyTorch made it before version 1.6, with the same storage as `archive`."""
  parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
  before = b"".join(pickle.dumps(part, 2) for part in parts)
  numbers = np.arange(6, dtype=np.float32).tobytes()
  path.write_bytes(before + data + pickle.dumps(["0"], 2) + struct.pack("<q", 6) + numbers)
  return path


def refused(path, reason=""):
  """Reads a file, expects the one sentence about it."""
  with pytest.raises(UserError) as error:
    readers.read(path)
  text = str(error.value)
  assert str(path) in text and "\n" not in text and len(text) < 700
  assert re.search(reason, text), text


@pytest.mark.parametrize("make", [archive, old_file])
def test_the_honest_file_is_read(tmp_path, make):
  state = readers.read(make(tmp_path / "a.pt", dumps({"w": tensor()})))
  np.testing.assert_array_equal(state["w"], np.arange(6).reshape(2, 3))


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_code_is_refused_by_its_name_and_not_run(tmp_path, name, protocol):
  trap = tmp_path / "trap"
  refused(archive(tmp_path / name, dumps({"w": Trap(trap)}, protocol)), "posix.mkdir")
  (tmp_path / name).write_bytes(pickle.dumps({"w": Trap(trap)}, protocol=protocol))
  refused(tmp_path / name)
  torch.save({"state_dict": {"w": Trap(trap)}}, tmp_path / name)
  refused(tmp_path / name, "posix.mkdir")
  torch.save({"w": Trap(trap)}, tmp_path / name, _use_new_zipfile_serialization=False)
  refused(tmp_path / name, r"\(posix.mkdir\)")
  assert not trap.exists()


def test_code_in_a_torchscript_file_is_refused_and_not_run(tmp_path):
  honest, path, trap = tmp_path / "honest.pt", tmp_path / "a.pt", tmp_path / "trap"
  clip_files.torchscript(clip_files.make(), honest)
  with zipfile.ZipFile(honest) as source, zipfile.ZipFile(path, "w") as target:
    for name in source.namelist():
      is_pickle = name.endswith("/data.pkl")
      target.writestr(name, dumps({"w": Trap(trap)}) if is_pickle else source.read(name))
  refused(path, "posix.mkdir")
  assert not trap.exists()


@pytest.mark.parametrize("dangerous", [
  b"cbuiltins\neval\n(X\x03\x00\x00\x001+1tR.",
  b"c__torch__.os\nsystem\nX\x01\x00\x00\x00abR.",  # BUILD on a module, then a call of it
  b"ccollections\nOrderedDict\n}X\x01\x00\x00\x00aK\x01sb.",  # attributes of an admitted name
  b"ctorch._utils\n_rebuild_parameter\n)R.",
  b"ctorch\nFloatStorage\n)R.",
  b"(ibuiltins\neval\n.",  # INST
  b"\x82\x01.",  # EXT1
  b"Vtext\n.", b"N", b".", b"b.", b"t.", b"R.", b"K\x01K\x02s.", b"]K\x01K\x01s.", b"h\x05.",
  b"}]K\x01s.",  # a list as a key
  b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",  # BINBYTES8 of 2^63 bytes
  b"\x96\xff\xff\xff\xff\xff\xff\x00\x00abc.",  # BYTEARRAY8
  b"Nr\xff\xff\xff\xff" + b"}" * 5,  # a memo of 2^32 places
])  # fmt: skip
def test_pickles_that_weights_do_not_need(tmp_path, dangerous):
  refused(archive(tmp_path / "a.pt", b"\x80\x02" + dangerous))


def deep_key():
  return b"\x80\x02}" + b")" + b"\x85" * 200_000 + b"K\x01s."


def deep_value():
  return b"\x80\x02}X\x01\x00\x00\x00w" + b")" + b"\x85" * 200_000 + b"s."


@pytest.mark.parametrize("data", [deep_key(), deep_value()])
def test_nesting_does_not_overflow_the_stack(tmp_path, data):
  refused(archive(tmp_path / "a.pt", data))


TENSORS = {
  "larger than its storage": tensor((3, 3)),
  "beyond its end": tensor(offset=1),
  "before its start": tensor(offset=-1),
  "backwards": tensor(strides=(-3, 1)),
  "one number a million million times": tensor((10**12,), (0,)),
  "sizes of 70 bits": tensor((2**70, 3)),
  "sizes that overflow when multiplied": tensor((2**40, 2**40, 0), (1, 1, 1)),
  "no sizes": tensor((2.5, "3")),
  "sizes and strides that differ in number": tensor((2, 3), (1,)),
  "more axes than arrays have": tensor((1,) * 100, (1,) * 100),
  "a storage that is not there": tensor(of=storage("1")),
  "a storage outside": tensor(of=storage("../../../etc/passwd")),
  "a storage of other length": tensor(of=storage(count=7)),
  "a storage of absurd length": tensor(of=storage(count=2**60)),
  "one storage of two lengths": [tensor(), tensor(of=storage(count=5))],
  "one storage of two types": [tensor(), tensor(of=storage(dtype=torch.IntStorage))],
  "numbers to be negated": Call(
    torch._utils._rebuild_tensor_v2, storage(), 0, (2, 3), (3, 1), False, None, {"neg": True}
  ),
  "another persistent id": tensor(of=storage(kind="module")),
  "a storage without type": tensor(of=storage(dtype="float")),
  "no storage": tensor(of=(1, 2)),
}


@pytest.mark.parametrize("make", [archive, old_file])
@pytest.mark.parametrize("what", TENSORS)
def test_tensors_stay_within_their_storages(tmp_path, what, make):
  refused(make(tmp_path / "a.pt", dumps({"w": TENSORS[what]})), "damaged")


def test_damage_of_old_files(tmp_path):
  whole = old_file(tmp_path / "a.pt", dumps({"w": tensor()})).read_bytes()
  damaged = {
    "torch.save": whole.replace(pickle.dumps(1001, 2), pickle.dumps(1002, 2), 1),
    "follow its end": whole + b"\n",
    "storage '0'": whole[:-32] + struct.pack("<q", 7) + whole[-24:],
    "'0' does not have 24": whole[:-32] + struct.pack("<q", -1) + whole[-24:],
    "24 bytes": whole[:-1],
    "": old_file(tmp_path / "b.pt", dumps({"w": tensor(of=storage("1"))})).read_bytes(),
  }
  for reason, content in damaged.items():
    (tmp_path / "a.pt").write_bytes(content)
    refused(tmp_path / "a.pt", f"damaged.*{reason}")


ENTRIES = {
  "outside": {"a/data/0": bytes(24), "../outside": b"x"},
  "at the root": {"a/data/0": bytes(24), "/etc/passwd": b"x"},
  "two structures": {"a/data/0": bytes(24), "b/data.pkl": dumps({})},
  "big-endian": {"a/data/0": bytes(24), "a/byteorder": b"big"},
  "storage cut short": {"a/data/0": bytes(20)},
}


@pytest.mark.parametrize("what", ENTRIES)
def test_entries_of_the_archive(tmp_path, what):
  refused(archive(tmp_path / "a.pt", dumps({"w": tensor()}), ENTRIES[what]), "damaged")
  assert [path.name for path in tmp_path.rglob("*")] == ["a.pt"]


def test_bombs_are_not_unpacked(tmp_path):
  count = 2**24
  data = dumps({"w": tensor((count,), (1,), of=storage(count=count))})
  bomb = archive(tmp_path / "a.pt", data, {"a/data/0": bytes(4 * count)}, zipfile.ZIP_DEFLATED)
  assert bomb.stat().st_size < 2**18
  refused(bomb, "more bytes than it has")
  padded = dumps({"w": tensor()}) + bytes(2**25)
  refused(archive(tmp_path / "b.pt", padded, {}, zipfile.ZIP_DEFLATED), "data.pkl has")


def test_sizes_that_the_directory_only_claims(tmp_path):
  path = archive(tmp_path / "a.pt", dumps({"w": tensor((2**28,), (1,), of=storage(count=2**28))}))
  content = path.read_bytes()
  at = content.rindex(b"PK\x01\x02")  # of a/data/0 in the central directory
  sizes = struct.pack("<II", 2**30, 2**30)
  path.write_bytes(content[: at + 20] + sizes + content[at + 28 :])
  refused(path, "damaged")


def test_changed_numbers_do_not_pass(tmp_path):
  path = archive(tmp_path / "a.pt", dumps({"w": tensor()}))
  content = path.read_bytes()
  numbers = np.arange(6, dtype=np.float32).tobytes()
  path.write_bytes(content.replace(numbers, numbers[::-1]))
  refused(path, "CRC")


def test_modules_within_themselves_end(tmp_path):
  module = b"c__torch__\nM\n)\x81"
  itself = b"\x80\x02" + module + b"q\x00}X\x01\x00\x00\x00ah\x00sb."
  refused(archive(tmp_path / "a.pt", itself), "contain one another")
  # Each holds the next one twice: 2^50 names.
  doubled = b"\x80\x02" + module + b"q\x00"
  for i in range(50):
    doubled += b"0" + module + b"}(" + b"".join(
      b"X\x01\x00\x00\x00" + name + b"h" + bytes([i]) for name in (b"a", b"b")
    ) + b"ubq" + bytes([i + 1])  # fmt: skip
  refused(archive(tmp_path / "b.pt", doubled + b"."), "contain one another")


@pytest.mark.parametrize("kind", ["ViT-B-32.pt", "old.pth", "model.safetensors"])
def test_files_that_are_cut_short(tmp_path, kind):
  path = tmp_path / kind
  clip_files.KINDS[kind](clip_files.make(), path)
  whole = path.read_bytes()
  for size in (len(whole) - 1, len(whole) // 2, 100, 4, 1):
    path.write_bytes(whole[:size])
    refused(path)


HEADERS = {
  "longer than the file": struct.pack("<Q", 2**62) + b"{}",
  "no JSON": struct.pack("<Q", 4) + b"{{{{",
  "offsets beyond the end": {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}},
  "a shape of other size": {"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]}},
  "an unknown type": {"w": {"dtype": "F31", "shape": [1], "data_offsets": [0, 4]}},
  "a negative offset": {"w": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}},
}


@pytest.mark.parametrize("what", HEADERS)
def test_bad_headers_of_safetensors(tmp_path, what):
  pytest.importorskip("safetensors")
  header, path = HEADERS[what], tmp_path / "a.safetensors"
  if isinstance(header, dict):
    text = json.dumps(header).encode()
    header = struct.pack("<Q", len(text)) + text + bytes(4)
  path.write_bytes(header)
  refused(path, "damaged")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_flipped_bytes_of_a_compressed_pickle(tmp_path, method):
  path = tmp_path / "w.pt"
  with zipfile.ZipFile(path, "w") as file:
    file.writestr("a/data.pkl", dumps({"w": tensor()}), method)
    file.writestr("a/data/0", bytes(24))
  content, errors = path.read_bytes(), 0
  for place in range(40, content.index(b"a/data/0")):
    path.write_bytes(content[:place] + bytes([content[place] ^ 0x5A]) + content[place + 1 :])
    try:
      readers.read(path)
    except UserError:
      errors += 1
  assert errors > 20
