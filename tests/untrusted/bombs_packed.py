"""Archives of numpy, vocabularies, records and pictures that ask for much."""

import functools
import gzip
import io
import pathlib
import struct
import zipfile
import zlib

import numpy as np

from sign_jax.data import tf_example, tokenizer
from sign_jax.errors import UserError
from sign_jax.video import pictures as picture_reader
from tests.untrusted.bombs_pickle import MEGA, deflated, squeeze

FACTS = {"num_frames": 1, "fps": 1.0, "stride": 1, "weights": "x"}


_deflated = functools.cache(deflated)  # features and weights hold the same arrays


def _header(shape, dtype="<f4", fortran=False):
  file = io.BytesIO()
  described = {"descr": dtype, "fortran_order": fortran, "shape": shape}
  np.lib.format.write_array_header_2_0(file, described)
  return file.getvalue()


def _npz(entries, method=zipfile.ZIP_DEFLATED):
  """An archive of entries: [(bytes, how often)]."""
  file = io.BytesIO()
  with zipfile.ZipFile(file, "w") as archive:
    for entry, pieces in entries.items():
      if method == zipfile.ZIP_DEFLATED:
        _add_packed(archive, entry, *_deflated(tuple(pieces)))
      else:
        content = b"".join(piece * times for piece, times in pieces)
        archive.writestr(entry, content, method, compresslevel=1)
  return file.getvalue()


def _add_packed(archive, entry, data, crc, size):
  """Adds what is packed already: first as it is, then the entry's header tells the truth."""
  info = zipfile.ZipInfo(entry)
  archive.writestr(info, data)
  info.compress_type, info.CRC, info.file_size = zipfile.ZIP_DEFLATED, crc, size
  archive.fp.seek(info.header_offset)
  archive.fp.write(info.FileHeader())
  archive.fp.seek(archive.start_dir)


def _facts():
  entries = {}
  for key, value in FACTS.items():
    file = io.BytesIO()
    np.save(file, np.asarray(value))
    entries[f"{key}.npy"] = [(file.getvalue(), 1)]
  return entries


def _arrays():
  """{name: pieces of the array "feature"}."""
  zeros = [(bytes(MEGA), 1024)]
  sizes = {"<f2": 2, "<f4": 4, "<f8": 8, ">f4": 4, "<c16": 16, "|b1": 1, "<i8": 8, "<U16": 64}
  return {
    **{
      f"zeros_{dtype[1:]}_{dtype[0] == '>'}": [
        (_header((1 << 30 - size.bit_length() + 1,), dtype), 1),
        *zeros,
      ]
      for dtype, size in sizes.items()
    },
    "two_axes": [(_header((1 << 18, 1024)), 1), *zeros],
    "columns": [(_header((1 << 18, 1024), fortran=True), 1), *zeros],
    "three_axes": [(_header((1 << 9, 512, 1024)), 1), *zeros],
    "claimed": [(_header((1 << 40,)), 1)],
    "claimed_twice": [(_header((1 << 40, 1 << 40)), 1)],
    "one_text": [(_header((), "<U67108864"), 1), (bytes(MEGA), 256)],
    "one_byte_text": [(_header((), "|S268435456"), 1), (bytes(MEGA), 256)],
    "objects": [(_header((MEGA,), "|O"), 1), (b"\x80\x04" + b"\x8f" * MEGA + b".", 9)],
    "long_header": [(b"\x93NUMPY\x02\x00" + struct.pack("<I", 60 * MEGA), 1), (b" " * MEGA, 60)],
    "deep_header": [(b"\x93NUMPY\x02\x00" + struct.pack("<I", 9000) + b"(" * 9000, 1)],
    "a_header_without_end": [(b"\x93NUMPY\x02\x00\xff\xff\xff\xff", 1), (b" " * MEGA, 60)],
    "nothing_often": [(_header((1 << 47, 0)), 1), (bytes(MEGA), 100)],
  }


def _archives(entry, more, suffix):
  files = {f"{what}{suffix}": _npz({**more, entry: pieces}) for what, pieces in _arrays().items()}
  zeros = [(_header((1 << 28,)), 1), (bytes(MEGA), 16)]
  return files | {
    f"bzip{suffix}": _npz({**more, entry: zeros}, zipfile.ZIP_BZIP2),
    f"lzma{suffix}": _npz({**more, entry: zeros}, zipfile.ZIP_LZMA),
    f"many_entries{suffix}": _npz({**more, **{f"{i}.npy": [(b"", 1)] for i in range(20_000)}}),
    f"cut{suffix}": _npz({**more, entry: zeros})[:-40],
  }


def features():
  """{file name: bytes}: feature files."""
  return _archives("feature.npy", _facts(), ".npz")


def weights():
  """{file name: bytes}: weights in .npz."""
  small = [(_header((1 << 24,)), 1), (bytes(MEGA), 64)]
  return _archives("w.npy", {}, ".npz") | {
    "several.npz": _npz({f"{i}.npy": small for i in range(16)}),
  }


def read_vocabulary(path):
  """Reads a file as CLIP's vocabulary."""
  tokenizer._read_merges(path)


def vocabularies():
  """{file name: bytes}: vocabularies of CLIP."""
  count = tokenizer._MERGES
  lines = {
    "zeros": [(bytes(MEGA), 1024)],
    "letters": [(b"a" * MEGA, 1024)],
    "ends": [(b"\n" * MEGA, 1024)],
    "pairs": [(b"a b\n" * (1 << 18), 1024)],
    "same_pairs": [(b"#\n", 1), (b"a b\n", count)],
    "long_line": [(b"#\n", 1), (b"a " * (MEGA // 2), 12)],
    "wide": [("😀".encode() * (MEGA // 4), 12)],
    "three_symbols": [(b"#\n", 1), (b"a b c\n", count)],
    "one_symbol": [(b"#\n", 1), (b"a\n", count)],
    "unknown_symbols": [(b"#\n", 1), (b"ab cd\n", count)],
    "too_few": [(b"#\n", 1), (b"a b\n", 1)],
    "nothing": [(b"", 1)],
    "no_utf_8": [(b"#\n\xff \xfe\n", count)],
    "doubling": [
      (b"#\n" + b"".join(b"a" * 2**i + b" " + b"a" * 2**i + b"\n" for i in range(18)), 1)
    ],
    "carriage_returns": [(b"a b\r" * MEGA, 8)],
    "blanks": [(b"#\n" + b" " * MEGA, 12)],
  }
  files = {f"{what}.gz": squeeze(pieces) for what, pieces in lines.items()}
  return files | {
    "not_packed.gz": b"a b\n" * MEGA,
    "empty.gz": b"",
    "cut.gz": files["same_pairs.gz"][:-9],
    "many_members.gz": gzip.compress(b"") * 30_000,
    "packed_twice.gz": gzip.compress(files["zeros.gz"]),
  }


def read_example(path):
  """Reads a file as a record of a data set; its errors are told by `description.damage_told`."""
  try:
    tf_example.bytes_values(path.read_bytes(), ["text"])
  except ValueError as error:
    raise UserError(f"{path} is no record ({error})") from error


def _field(number, content):
  size, length = [], len(content)
  while length > 127:
    size.append(length & 127 | 128)
    length >>= 7
  return bytes([number << 3 | 2, *size, length]) + content


def examples():
  """{file name: bytes}: records of a data set."""
  nothing = b"\x0a\x00"
  value = _field(1, b"text") + _field(2, _field(1, _field(1, b"x")))
  inner = {
    "features": nothing * MEGA,
    "entries": _field(1, nothing * MEGA),
    "parts": _field(1, _field(1, nothing * MEGA)),
    "values": _field(1, _field(1, _field(1, b"text") + _field(2, nothing * MEGA))),
    "texts": _field(1, _field(1, _field(1, b"text") + _field(2, _field(1, nothing * MEGA)))),
    "other_features": b"\x12\x00" * MEGA,
    "other_entries": _field(1, b"\x12\x00" * MEGA),
    "same_entries": _field(1, _field(1, value) * 100_000),
    "names": _field(1, _field(1, _field(1, b"a" * MEGA)) * 3),
  }
  damage = {
    "claimed": b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    "long_number": b"\x0a" + b"\xff" * MEGA,
    "nothing": b"",
    "zeros": bytes(MEGA),
    "numbers": b"\x08\x01" * MEGA,
    "groups": b"\x0b" * MEGA,
    "wide_tag": b"\xfa\x01\x00" * MEGA,
    "cut": _field(1, bytes(10))[:-1],
    "floats": b"\x0d" * MEGA,
    "text": b"a" * MEGA,
    "ends": b"\n" * MEGA,
    "high": b"\xff" * MEGA,
  }
  return {f"{what}.bin": content for what, content in {**inner, **damage}.items()}


def read_picture(path):
  """Reads a file as a picture of a video."""
  picture_reader._read(pathlib.Path(path), (256, 256))


def _chunk(kind, content=b""):
  return (
    struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
  )


def _png(width, height, *chunks, depth=8, color=2, rows=True, interlaced=0):
  head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced))
  data = zlib.compress(bytes(MEGA) * 16, 9) if rows else b""
  return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + _chunk(b"IDAT", data) + _chunk(b"IEND")


def _jpeg(width, height, scans, progressive=True):
  from PIL import Image

  file = io.BytesIO()
  Image.new("RGB", (64, 64)).save(file, "JPEG", progressive=progressive)
  data = file.getvalue()
  frame = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
  data = data[: frame + 5] + struct.pack(">HH", height, width) + data[frame + 9 :]
  scan = data.index(b"\xff\xda")
  return data[:scan] + data[scan:-2] * scans + b"\xff\xd9"


def pictures():
  """{file name: bytes}: pictures."""
  text = zlib.compress(bytes(MEGA) * 100, 9)
  sizes = {
    "large": (8192, 4352),
    "wide": (2**31 - 1, 1),
    "high": (1, 2**31 - 1),
    "square": (60_000, 60_000),
    "one_row": (30_000_000, 1),
    "just_too_large": (4097, 3073),
  }
  files = {f"{what}.png": _png(*size) for what, size in sizes.items()}
  files |= {
    "grey.png": _png(8192, 4352, color=0, depth=1),
    "deep.png": _png(8192, 4352, depth=16, color=6),
    "interlaced.png": _png(8192, 4352, interlaced=1),
    "packed_text.png": _png(9, 9, _chunk(b"zTXt", b"a\0\0" + text), rows=False),
    "packed_profile.png": _png(9, 9, _chunk(b"iCCP", b"a\0\0" + text), rows=False),
    "many_texts.png": _png(
      9, 9, *[_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000)))] * 200, rows=False
    ),
    "many_chunks.png": _png(9, 9, *[_chunk(b"tEXt", b"a\0b")] * 60_000, rows=False),
    "no_rows.png": _png(4096, 3072, rows=False),
    "large.jpg": _jpeg(8192, 4352, 1),
    "many_scans.jpg": _jpeg(4000, 3000, 1500),
    "scans_of_a_small_one.jpg": _jpeg(640, 480, 10_000),
    "widest.jpg": _jpeg(65_500, 65_500, 1),
    "plain.jpg": _jpeg(65_500, 500, 1, progressive=False),
    "claimed.bmp": b"BM"
    + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
    "runs.bmp": b"BM"
    + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 1078, 40, 8192, 4352, 1, 8, 1, 0, 0, 0, 256, 0)
    + bytes(1024)
    + b"\xff\x00" * 100_000,
    "no_picture.png": b"\x89PNG\r\n\x1a\n" + bytes(MEGA),
    "nothing.jpg": b"",
  }
  return files
