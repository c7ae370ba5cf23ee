"""JSON that asks for much: plain, in headers of safetensors and in descriptions of data sets."""

import functools
import json
import struct

from sign_jax.data import description
from sign_jax.errors import UserError
from sign_jax.untrusted import budget
from tests.untrusted.bombs_pickle import MEGA

# Opened and never closed, closed, or of what a list holds.
_DEEP = {
  "lists_open": b"[" * MEGA,
  "dicts_open": b'{"a":' * 200_000,
  "lists_deep": b"[" * 100_000 + b"]" * 100_000,
  "dicts_deep": b'{"a":' * 60_000 + b"1" + b"}" * 60_000,
  "both_deep": b'[{"a":' * 60_000 + b"1" + b"}]" * 60_000,
}

_FEATURES = (
  b'{"pythonClassName": "tensorflow_datasets.core.features.features_dict.FeaturesDict",'
  b' "featuresDict": {"features": '
)


def _list(item, count):
  return b"[" + b",".join([item] * count) + b"]"


def _keys(item, count):
  return b"{" + b",".join(b'"%x":%b' % (i, item) for i in range(count)) + b"}"


@functools.cache
def documents():
  """{file name: bytes}: JSON."""
  made = {
    **_DEEP,
    "dicts": _list(b"{}", MEGA),
    "lists": _list(b"[]", MEGA),
    "lists_of_one": _list(b"[0]", MEGA),
    "dicts_of_one": _list(b'{"a":1}', MEGA // 2),
    # These stay within the budget up to their end, which is cut.
    "numbers": _list(b"0", 2 * MEGA)[:-1],
    "floats": _list(b"1.5", MEGA)[:-1],
    "empty_texts": _list(b'""', MEGA)[:-1],
    "nulls": _list(b"null", MEGA)[:-1],
    "keys": _keys(b"1", MEGA // 3)[:-1],
    "keys_of_dicts": _keys(b"{}", MEGA // 3)[:-1],
    "same_keys": (b"{" + b",".join([b'"a":1'] * (MEGA // 2))),
    "texts": _list(b'"ab"', MEGA)[:-1],
    "digits": b"[" + b"9" * (4 * MEGA) + b"]",
    "exponent": b"[1e" + b"9" * (4 * MEGA),
    "escapes_open": b'"' + b"\\u0041" * MEGA,
    "quotes_open": b'"' + b'\\"' * (2 * MEGA),
    "backslashes": b'["' + b"\\\\" * MEGA + b"\\",
    "surrogates": b'["' + b"\xed\xa0\x80" * MEGA + b'"]',
    "utf_16": ("[" + "0," * MEGA + "0]").encode("utf-16"),
    "utf_32": '["a"]'.encode("utf-32"),
    "zeros": bytes(4 * MEGA),
    "blanks": b" " * (4 * MEGA),
    "nothing": b"",
    "brackets_in_disorder": b"]" * MEGA + b"[" * MEGA,
    "commas": b"," * (4 * MEGA),
    "colons": b":" * MEGA,
    "second_value": b"1 " * MEGA,
  }
  return {f"{what}.json": content for what, content in made.items()}


def read(path):
  """Reads a JSON file as every reader does."""
  try:
    budget.read_json(path)
  except ValueError as error:
    raise UserError(f"{path} is no JSON ({error})") from error


def descriptions():
  """{file name: bytes}: `features.json` of a data set."""
  feature = (
    b'{"pythonClassName": "tensorflow_datasets.core.features.text_feature.Text", "text": {}}'
  )
  made = documents()
  return {
    **made,
    "features.json": _FEATURES + _keys(feature, 30_000) + b"}",
    "a_list.json": b"[]",
    "large.json": b" " * (17 * MEGA),
  }


def read_description(path):
  """Reads the description of a data set whose `features.json` is this file."""
  folder = path.parent.parent / f"of_{path.stem}"
  folder.mkdir(exist_ok=True)
  info = {"name": "a", "version": "1.0.0", "fileFormat": "array_record", "splits": []}
  (folder / "dataset_info.json").write_text(json.dumps(info))
  (folder / "features.json").write_bytes(path.read_bytes())
  description.read(folder)


def _entry(size=4, begin=0, shape=(1,), dtype="F32"):
  return json.dumps(
    {"dtype": dtype, "shape": shape, "data_offsets": [begin, begin + size]}
  ).encode()


def _file(header, data=b"\0\0\0\0"):
  return struct.pack("<Q", len(header)) + header + data


def safetensors():
  """{file name: bytes}: files of safetensors."""
  headers = {what.removesuffix(".json"): content for what, content in documents().items()}
  empty = _entry(0, 0, (0,))
  files = {f"{what}.safetensors": _file(content) for what, content in headers.items()}
  return files | {
    "large_header.safetensors": _file(b"{" + b" " * (9 * MEGA) + b"}"),
    "claimed.safetensors": struct.pack("<Q", 1 << 62) + b"{}",
    "one_axis_often.safetensors": _file(b'{"w":' + _entry(4, 0, (1,) * 500_000) + b"}"),
    "huge.safetensors": _file(b'{"w":' + _entry(4, 0, (1 << 40,)) + b"}"),
    "huge_bfloat16.safetensors": _file(b'{"w":' + _entry(1 << 41, 0, (1 << 40,), "BF16") + b"}"),
    "same_place.safetensors": _file(_keys(_entry(), 50_000)),
    "metadata.safetensors": _file(b'{"__metadata__":' + _keys(b"[]", 200_000) + b"}"),
    "names.safetensors": _file(b'{"' + b"a" * (4 * MEGA) + b'":' + empty + b"}"),
    "entries_of_lists.safetensors": _file(_keys(b"[]", 300_000)),
  }
