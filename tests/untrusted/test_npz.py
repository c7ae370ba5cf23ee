""".npz files that are broken or made to harm."""

import io
import struct
import zipfile

import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.untrusted import npz

ARRAYS = {"a": np.arange(12, dtype=np.float32).reshape(3, 4), "b": np.array("text")}


def written(tmp_path, save=np.savez):
  save(tmp_path / "a.npz", **ARRAYS)
  return tmp_path / "a.npz"


def header(text, version=1):
  length = struct.pack("<H" if version == 1 else "<I", len(text))
  return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode()


def descr(shape, dtype="'<f4'"):
  return header(f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}\n")


def refused(path, **options):
  with pytest.raises(UserError, match="a.npz is no complete") as caught:
    npz.read(path, **options)
  assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_reads_all_or_some(tmp_path, save):
  path = written(tmp_path, save)
  arrays = npz.read(path)
  assert list(arrays) == ["a", "b"] and str(arrays["b"]) == "text"
  np.testing.assert_array_equal(arrays["a"], ARRAYS["a"])
  assert list(npz.read(path, ["b"])) == ["b"]
  refused(path, names=["a", "c"])


def test_reads_every_layout(tmp_path):
  arrays = {
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "empty": np.zeros((0, 5)),
    "scalar": np.array(7),
    "long_header": np.zeros(2, [(f"field_{i:04d}" + "x" * 900, "f4") for i in range(9)]),
  }
  np.savez(tmp_path / "a.npz", **arrays)
  for name, array in npz.read(tmp_path / "a.npz").items():
    np.testing.assert_array_equal(array, arrays[name])


@pytest.mark.parametrize(
  "content",
  [
    b"",
    b"not a numpy array",
    b"\x93NUMPY\x09\x00",
    header("{'descr': '<f4', 'shape': (3,"),
    header("(" * 9000),
    header("'''"),
    header("{}\n  \t{}\n {"),
    header("\0" * 50),
    header("x" * 20_000),
    header("[" * 100 + "]" * 100, version=2),
    descr("(10**15,)"),
    descr("(1000000000000000,)"),
    descr("(-3,)") + bytes(12),
    descr("('3',)") + bytes(12),
    descr("(0, 10000000000000000000000)"),
    descr("(2,)", "'<f1000'") + bytes(8),
    descr("(2,)", "('<f4', (1000000000,))") + bytes(8),
    descr("(1,)", "'|O'") + b"cos\nsystem\n(S'true'\ntR.",
    descr("(3,)") + bytes(11),
    descr("(1,)", "'<U1'") + b"\xff" * 4,  # a character that does not exist
    descr("(2,)", "'>U2'") + bytes(12) + b"\x00\x11\x00\x00",
    descr("()", "'<U20000'") + bytes(80_000),
    descr("()", "'|S70000'") + bytes(70_000),
    descr("(3,)") + bytes(13),
  ],
)
def test_hostile_entries_are_refused(tmp_path, content):
  with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
    archive.writestr("a.npy", content)
  refused(tmp_path / "a.npz")


def test_sizes_are_compared_before_memory_is_taken(tmp_path, monkeypatch):
  path = tmp_path / "a.npz"
  np.savez_compressed(path, a=np.zeros(100_000, np.float32), b=np.zeros(10))
  monkeypatch.setattr(np.lib.format, "read_array", pytest.fail)
  refused(path, max_bytes=400_000)
  monkeypatch.undo()
  assert len(npz.read(path, max_bytes=401_000)["a"]) == 100_000
  assert len(npz.read(path, ["b"], max_bytes=400)["b"]) == 10


def test_a_small_file_does_not_unpack_to_a_large_array(tmp_path, monkeypatch):
  path = tmp_path / "a.npz"
  np.savez_compressed(path, a=np.zeros(80 << 20, np.uint8))
  assert path.stat().st_size < 100_000
  monkeypatch.setattr(np.lib.format, "read_array", pytest.fail)
  refused(path)
  np.savez(path, a=np.zeros(80 << 20, np.uint8))  # of an honest size
  monkeypatch.undo()
  assert npz.read(path)["a"].nbytes == 80 << 20


def test_text_of_either_byte_order_is_read(tmp_path):
  text = np.array([["grüß", "\U0010ffff"]])
  np.savez(tmp_path / "a.npz", a=text, b=text.astype(">U4"), c=text.T, d=np.array(""))
  arrays = npz.read(tmp_path / "a.npz")
  assert arrays["b"].tolist() == text.tolist() and arrays["c"].tolist() == text.T.tolist()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_entries_that_numpy_does_not_write_so(tmp_path, method):
  path = written(tmp_path)
  content = {name: zipfile.ZipFile(path).read(name) for name in ("a.npy", "b.npy")}
  with zipfile.ZipFile(path, "w", method) as archive:
    for name, data in content.items():
      archive.writestr(name, data)
  refused(path)


def test_an_encrypted_entry_is_refused(tmp_path):
  path = written(tmp_path)
  content = bytearray(path.read_bytes())
  for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
    content[content.index(signature) + at] |= 1
  path.write_bytes(content)
  refused(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_any_flipped_byte_is_refused_or_harmless(tmp_path, save):
  content = written(tmp_path, save).read_bytes()
  outcomes = set()
  for at in range(len(content)):
    (tmp_path / "a.npz").write_bytes(content[:at] + bytes([content[at] ^ 0xA5]) + content[at + 1 :])
    try:
      arrays = npz.read(tmp_path / "a.npz")
    except UserError:
      outcomes.add("refused")
      continue
    outcomes.add("read")
    for name in ARRAYS.keys() & arrays.keys():
      np.testing.assert_array_equal(arrays[name], ARRAYS[name])
  assert outcomes == {"refused", "read"}  # dates and the like do not matter


@pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.99])
def test_truncated_files_are_refused(tmp_path, share):
  path = written(tmp_path)
  content = path.read_bytes()
  path.write_bytes(content[: int(len(content) * share)])
  refused(path)


def test_other_formats_are_refused(tmp_path):
  for content in (io.BytesIO(), b"text", b"\x80\x04N."):
    if isinstance(content, io.BytesIO):
      np.save(content, ARRAYS["a"])
      content = content.getvalue()
    (tmp_path / "a.npz").write_bytes(content)
    refused(tmp_path / "a.npz")


def test_the_sentence_is_the_callers(tmp_path):
  (tmp_path / "a.npz").write_bytes(b"")
  with pytest.raises(UserError, match="no complete feature file .*, make it anew$"):
    npz.read(tmp_path / "a.npz", kind="feature file", remedy="make it anew")
