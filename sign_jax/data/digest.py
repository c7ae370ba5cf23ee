"""Digest of the records of a built data set."""

import hashlib
import pathlib
import re

from array_record.python import array_record_data_source
from tensorflow_datasets.proto import tf_example_pb2

FILE = "records.sha256"  # beside the records, so that they need not be read each time
_READ_AT_ONCE = 256


def write(folder):
  """Notes the digest of a folder's records beside them."""
  (pathlib.Path(folder) / FILE).write_text(compute(folder))


def noted(folder):
  """The noted digest, 64 hexadecimal digits, or None."""
  path = pathlib.Path(folder) / FILE
  text = path.read_text(errors="replace") if path.is_file() else ""
  return text if re.fullmatch("[0-9a-f]{64}", text) else None


def read(folder):
  """The noted digest, or a computed one where a build without it has made the records.

  Returns:
    str of 64 hexadecimal digits.
  """
  return noted(folder) or compute(folder)


def compute(folder):
  """SHA-256 over the content of all records in their order, file by file.

  Not over the bytes of the files: the order of features in a record is another in each process
  that builds the same data, and the lengths of files are the same for other data.
  """
  digest = hashlib.sha256()
  for path in sorted(pathlib.Path(folder).glob("*record-*")):
    with array_record_data_source.ArrayRecordDataSource(str(path)) as records:
      _add(digest, f"{path.name} {len(records)}".encode())
      for start in range(0, len(records), _READ_AT_ONCE):
        indices = range(start, min(start + _READ_AT_ONCE, len(records)))
        for record in records.__getitems__(list(indices)):
          _add_record(digest, record)
  return digest.hexdigest()


def _add_record(digest, record):
  features = tf_example_pb2.Example.FromString(record).features.feature
  for name in sorted(features):
    _add(digest, name.encode())
    _add(digest, features[name].SerializeToString())


def _add(digest, content):
  digest.update(len(content).to_bytes(8, "big") + content)
