"""Pickles that ask for much: packed by gzip, in archives of PyTorch and in its old format."""

import functools
import gzip
import io
import struct
import zipfile
import zlib

from tests.untrusted.tensors import call, name, put, saved, storage

MEGA = 1 << 20
START = b"\x80\x04"
TORCH = b"PK\x03\x04"


def squeeze(pieces):
  """gzip of pieces, (bytes, how often), without ever holding all of them."""
  data, crc, size = deflated(pieces)
  return gzip.compress(b"")[:10] + data + struct.pack("<II", crc, size)


def deflated(pieces):
  """(DEFLATE's bytes of pieces, their CRC, their length); a repeated piece is packed once."""
  packed, crc, size = [], 0, 0
  for piece, times in pieces:
    many = max(min(times, MEGA // max(len(piece), 1)), 1)
    for block, count in ((piece * many, times // many), (piece * (times % many), 1)):
      packed.append(_whole_block(block) * count)
      shift, own = _power(8 * len(block)), zlib.crc32(block)
      for _ in range(count):
        crc = _product(shift, crc) ^ own
      size += len(block) * count
  return b"".join(packed) + b"\x03\x00", crc, size


@functools.lru_cache(1)
def _whole_block(block):
  """DEFLATE's bytes that refer to nothing before them, so that they may be repeated."""
  pack = zlib.compressobj(6, wbits=-15)  # 9 takes 15 times as long for as many bytes
  return pack.compress(block) + pack.flush(zlib.Z_FULL_FLUSH)


def _product(a, b):
  """a b modulo the polynomial of CRC-32; the highest bit of a number is the lowest power."""
  total = 0
  for bit in reversed(range(32)):
    total ^= b * (a >> bit & 1)
    b = b >> 1 ^ 0xEDB88320 * (b & 1)
  return total


@functools.cache
def _power(n):
  """x**n in the same manner."""
  if n < 2:
    return 1 << 31 >> n
  half = _power(n // 2)
  return _product(_product(half, half), _power(n % 2))


def numbered(opcodes, count):
  """`opcodes` with a running number of four bytes at the place of ####."""
  before, after = opcodes.split(b"####")
  return b"".join(before + struct.pack("<i", i) + after for i in range(count))


def _text(length):
  return b"\x8d" + struct.pack("<Q", length)


@functools.cache
def contents():
  """{name: [(bytes, how often)]} of pickles; they are small once packed."""
  many = 9 * MEGA
  doubled = b"]q\x00" + b"".join(
    b"](h" + bytes([i]) + b"h" + bytes([i]) + b"eq" + bytes([i + 1]) for i in range(60)
  )
  encode = name("_codecs.encode") + b"q\x01" + b"X" + struct.pack("<I", MEGA) + b"a" * MEGA
  return {
    "sets": [(START, 1), (b"\x8f", many), (b".", 1)],
    "lists": [(START, 1), (b"]", many), (b".", 1)],
    "dicts": [(START, 1), (b"}", many), (b".", 1)],
    "tuples": [(START, 1), (b"N\x85", many // 2), (b".", 1)],
    "frozensets": [(START, 1), (b"(\x91", many // 2), (b".", 1)],
    "marks": [(START, 1), (b"(", many), (b".", 1)],
    "lists_of_marks": [(START, 1), (b"(l", many // 2), (b".", 1)],
    "places": [(START + b"N", 1), (b"\x94", many), (b".", 1)],
    "copies_on_the_stack": [(START + b"N", 1), (b"2", many), (b".", 1)],
    "from_the_memo": [(START + b"N\x94", 1), (b"h\x00", many // 2), (b".", 1)],
    "floats": [(START + b"](", 1), (b"G" + bytes(8), 5 * MEGA), (b"e.", 1)],
    "pairs": [(START + b"}(", 1), (numbered(b"J####N", 500_000), 3), (b"u.", 1)],
    "members": [(START + b"\x8f(", 1), (numbered(b"J####", 500_000), 4), (b"\x90.", 1)],
    "nested_lists": [(START, 1), (b"]", 5 * MEGA), (b"a", 5 * MEGA - 1), (b".", 1)],
    "nested_tuples": [(START + b")", 1), (b"\x85", 5 * MEGA), (b".", 1)],
    "doubled": [(START + doubled + b".", 1)],
    "bytes": [(START + b"\x8e" + struct.pack("<Q", 1 << 30), 1), (bytes(MEGA), 1024), (b".", 1)],
    "byte_array": [
      (START + b"\x96" + struct.pack("<Q", 1 << 30), 1),
      (bytes(MEGA), 1024),
      (b".", 1),
    ],
    "text": [(START + _text(1 << 30), 1), (b"a" * MEGA, 1024), (b".", 1)],
    "wide_text": [
      (START + _text(60 * MEGA + 4) + "\U0001f600".encode(), 1),
      (b"a" * MEGA, 60),
      (b".", 1),
    ],
    "claimed_text": [(START + _text(1 << 62) + b"a.", 1)],
    "whole_number": [
      (START + b"\x8b" + struct.pack("<i", 60 * MEGA), 1),
      (b"\x01" * MEGA, 60),
      (b".", 1),
    ],
    "digits": [(b"I", 1), (b"9" * MEGA, 60), (b"\n.", 1)],
    "digits_of_a_float": [(b"F", 1), (b"9" * MEGA, 60), (b"\n.", 1)],
    "line": [(b"V\\U0001f600", 1), (b"a" * MEGA, 60), (b"\n.", 1)],
    "string": [(b"S'", 1), (b"a" * MEGA, 60), (b"'\n.", 1)],
    "name": [(b"c", 1), (b"a" * MEGA, 60), (b"\nb\n.", 1)],
    "names": [(START, 1), (name("numpy.dtype"), 2 * MEGA), (b".", 1)],
    "types": [(START, 1), (name("numpy.dtype") + b"X\x02\x00\x00\x00f4\x85R", MEGA), (b".", 1)],
    "encoded_again": [
      (START + encode, 1),
      (b"X\x06\x00\x00\x00latin1\x86q\x02", 1),
      (b"h\x01h\x02R", 100_000),
      (b".", 1),
    ],
    "long_keys_alike": [
      (START + b"}", 1),
      (_text(8 * MEGA), 1),
      (b"k" * MEGA, 8),
      (b"q\x01", 1),
      (_text(8 * MEGA), 1),
      (b"k" * MEGA, 8),
      (b"q\x02(", 1),
      (b"h\x01Nh\x02N", 200_000),
      (b"u.", 1),
    ],
    "one_dict_often": [
      (START + b"}q\x00(", 1),
      (numbered(b"J####N", 2000), 1),
      (b"u](", 1),
      (b"h\x00", MEGA),
      (b"e.", 1),
    ],
    "one_text_often": [
      (START, 1),
      (_text(2 * MEGA), 1),
      ("é".encode(), MEGA),
      (b"q\x00](", 1),
      (b"h\x00", MEGA),
      (b"e.", 1),
    ],
  }


# Many objects of one kind, which the unpickler that all readers share counts for a second each:
# annotations alone have them, and others those of sets, members and what is their own.
_MANY = {
  "lists", "dicts", "tuples", "frozensets", "marks", "lists_of_marks", "copies_on_the_stack",
  "from_the_memo", "floats", "pairs", "nested_lists", "nested_tuples", "names", "types",
}


def elsewhere(files):
  """Those of `files` that the readers of other pickles than annotations are given."""
  return {name: x for name, x in files.items() if name.partition(".")[0] not in _MANY}


def packed_features():
  """`packed` for the files of features."""
  return elsewhere(packed())


@functools.cache
def packed():
  """{file name: bytes}: pickles packed by gzip, and bombs of gzip itself."""
  files = {f"{what}.pkl": squeeze(pieces) for what, pieces in contents().items()}
  sets = files["sets.pkl"]
  return {
    **files,
    "packed_twice.pkl": gzip.compress(sets),
    "many_members.pkl": gzip.compress(b"") * 30_000,
    "members_of_sets.pkl": gzip.compress(b"\x8f" * 1000) * 10_000,
    "long_name.pkl": b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * MEGA,
    "half.pkl": sets[: len(sets) // 2],
  }


def _whole(pieces):
  return b"".join(piece * times for piece, times in pieces)


def _zip(entries, method=zipfile.ZIP_DEFLATED):
  file = io.BytesIO()
  with zipfile.ZipFile(file, "w", method, compresslevel=1) as archive:
    for entry, content in entries.items():
      archive.writestr(entry, content)
  return file.getvalue()


def _small_enough():
  # What fits into 16 MiB, the most that data.pkl may have.
  made = elsewhere(contents())
  sizes = {what: sum(len(a) * n for a, n in pieces) for what, pieces in made.items()}
  return {what: _whole(made[what]) for what, size in sizes.items() if size < 15 * MEGA}


def archives():
  """{file name: bytes}: archives of `torch.save`."""
  kind = name("training.A") + b"q\x00"
  chain = (
    b"\x80\x02c__torch__\nM\n)\x81q\x00"
    + b"".join(
      b"0c__torch__\nM\n)\x81}("
      + b"".join(
        b"X" + struct.pack("<I", 60_000) + letter * 60_000 + b"h" + bytes([i])
        for letter in (b"a", b"b")
      )
      + b"ubq"
      + bytes([i + 1])
      for i in range(40)
    )
    + b"."
  )
  pickles = {
    **_small_enough(),
    "placeholders": b"\x80\x02" + kind + b"](" + b"h\x00)\x81" * 3_000_000 + b"e.",
    "states": b"\x80\x02" + kind + b"](" + b"h\x00)\x81}b" * 2_000_000 + b"e.",
    "tensors": b"\x80\x02"
    + put(storage())
    + b"q\x00"
    + name("torch._utils._rebuild_tensor_v2")
    + b"q\x01]("
    + b"h\x01(h\x00K\x00)))tR" * 1_000_000
    + b"e.",
    "storages": b"\x80\x02](" + b"".join(storage(str(i)) for i in range(200_000)) + b"e.",
    "names_of_modules": chain,
    "unknown_names": b"\x80\x02](" + b"ctraining\nA\n" * 1_000_000 + b"e.",
    "odd_keys": b"\x80\x02}("
    + b"G"
    + bytes(8)
    + b"N"
    + (b"G" + bytes(8) + b"N") * 1_200_000
    + b"u.",
  }
  files = {f"{what}.pt": _zip({"a/data.pkl": data}) for what, data in pickles.items()}
  tensor = call(
    "torch._utils._rebuild_tensor_v2", storage(count=1 << 28), 0, (1 << 28,), (1,), False, None
  )
  weights = b"\x80\x02" + put({"a": 1})[:-1] + b"X\x01\x00\x00\x00w" + tensor + b"s."
  return {
    **files,
    "padded.pt": _zip({"a/data.pkl": b"\x80\x02N." + bytes(1 << 26)}),
    "packed_storage.pt": _zip({"a/data.pkl": weights, "a/data/0": bytes(1 << 26)}),
    "many_entries.pt": _zip({"a/data.pkl": weights, **{f"a/{i}": b"" for i in range(40_000)}}),
    "bzip.pt": _zip({"a/data.pkl": bytes(1 << 24)}, zipfile.ZIP_BZIP2),
    "lzma.pt": _zip({"a/data.pkl": bytes(1 << 24)}, zipfile.ZIP_LZMA),
    "cut.pt": _zip({"a/data.pkl": weights})[:-30],
  }


def legacy():
  """{file name: bytes}: files of `torch.save` before version 1.6, which are not packed."""
  begin = b"".join(b"\x80\x02" + put(x) + b"." for x in (0x1950A86A20F9469CFC6C, 1001, {}))
  wanted = ("sets", "places", "members", "doubled", "claimed_text", "tuples")
  made = contents()
  files = {f"{what}.pth": begin + _whole(made[what])[: 3 * MEGA] for what in wanted}
  many = storage() + b"](" + b"h\x00" * MEGA + b"e"
  return {
    **files,
    "keys.pth": saved(keys=("0",) * 300_000, data=b"", count=0),
    "many_keys.pth": begin + b"\x80\x02N." + b"\x80\x02](" + b"K\x00" * MEGA + b"e.",
    "a_list.pth": begin + b"\x80\x02" + many + b".",
    "a_length.pth": saved(storage(count=1 << 47), count=1 << 47, data=b""),
  }
