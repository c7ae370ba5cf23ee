"""Digest of the records of a built data set, and whether the noted one is still theirs.

Reading all records at each start would take minutes, so their digest is noted beside them. A note
may be of other records, as files are copied, changed and damaged. It therefore holds a second
digest, of the headers of all chunks (`chunks`): these have checksums of the records, and are read
in a moment. Where they are not those of the note, all records are read again.

  DIGEST  content
  DIGEST  headers
  DIGEST  of the two lines above
"""

import hashlib
import re
import sys

from array_record.python import array_record_data_source
from tqdm import tqdm

from sign_jax.data import chunks, description
from sign_jax.data.tf_example import raw_features
from sign_jax.files import replacing

FILE = "records.sha256"  # beside the records
_READ_AT_ONCE = 256
_QUIET_SECONDS = 2  # before a bar is shown
_MAX_BYTES = 1000
_NOT_NOTED = {}  # folder: (digest of the content, digest of the headers)


def read(known):
  """Digest of the records as they are now: the noted one where it is theirs, else as computed.

  Args:
    known: `description.Description`.

  Returns:
    str of 64 hexadecimal digits.

  Raises:
    UserError: records are missing or damaged.
  """
  return noted(known) or _found_before(known) or write(known)


def _found_before(known):
  """What this process has computed for the records as they are now, and could not note, or None."""
  content, headers = _NOT_NOTED.get(known.folder, (None, None))
  return content if headers and headers == chunks.digest(known.paths()) else None


def noted(known):
  """The digest that is noted for the records as they are now, or None."""
  content, headers = read_note(known.folder)
  return content if headers and headers == chunks.digest(known.paths()) else None


def read_note(folder):
  """(digest of the content, digest of the headers) as noted, None for what is not.

  Notes of earlier versions have none of the headers, so they are compared and never believed.
  """
  try:
    with (folder / FILE).open("rb") as file:
      text = file.read(_MAX_BYTES).decode()
  except (FileNotFoundError, NotADirectoryError, IsADirectoryError, UnicodeDecodeError):
    return None, None
  if re.fullmatch("[0-9a-f]{64}", text):
    return text, None
  content, headers = ([*text.split(), "", "", ""][place] for place in (0, 2))
  return (content, headers) if text == _note(content, headers) else (None, None)


def write(known):
  """Computes the digest of the records and notes it beside them; returns it.

  It says so where another one was noted. A folder that cannot be written to gets no note, so that
  each start computes the digest anew, once.

  Args, Raises: as `compute`.
  """
  before, headers = read_note(known.folder)[0], chunks.digest(known.paths())
  content = compute(known)
  if before and before != content:
    print(
      f"note: the records in {known.folder} are not those that its {FILE} was written for: they "
      "count as another data set",
      file=sys.stderr,
    )
  try:
    with replacing(known.folder / FILE) as partial:
      partial.write_text(_note(content, headers))
  except OSError:
    _NOT_NOTED[known.folder] = content, headers
  return content


def compute(known):
  """SHA-256 over the content of all records in their order, file by file.

  Not over the bytes of the files: the order of features in a record is another in each process
  that builds the same data, and the lengths of files are the same for other data.

  Args:
    known: `description.Description`.

  Raises:
    UserError: records are missing or damaged.
  """
  digest, shards, paths = hashlib.sha256(), known.shards(), known.paths()
  total = sum(shards.values())
  with (
    description.damage_told(known.folder),
    tqdm(total=total, desc=f"digest of {known.label}", unit="video", delay=_QUIET_SECONDS) as bar,
  ):
    for path in paths:
      chunks.check(path, shards[path])
      with array_record_data_source.ArrayRecordDataSource(str(path)) as records:
        _add(digest, f"{path.name} {len(records)}".encode())
        for start in range(0, len(records), _READ_AT_ONCE):
          indices = range(start, min(start + _READ_AT_ONCE, len(records)))
          for record in records.__getitems__(list(indices)):
            _add_record(digest, record)
            bar.update()
  return digest.hexdigest()


def _add_record(digest, record):
  features = raw_features(record)  # protobuf takes up to 20 times a crafted record's bytes
  for name in sorted(features):
    _add(digest, name)
    _add(digest, features[name])


def _add(digest, content):
  digest.update(len(content).to_bytes(8, "big"))
  digest.update(content)


def _note(content, headers):
  lines = f"{content}  content\n{headers}  headers\n"
  return f"{lines}{hashlib.sha256(lines.encode()).hexdigest()}  of the two lines above\n"
