"""ArrayRecord files, compressed or not."""

import contextlib

from array_record.python import array_record_module
from tensorflow_datasets.core import file_adapters


def options(compressed):
  """Of `ArrayRecordWriter`: one record in a group, for random access.

  Sign features of an encoder look like noise: compression saves less than a tenth and makes reading
  take about twice as long. The simulator's take a third less room.
  """
  return "group_size:1" if compressed else "group_size:1,uncompressed"


def write(path, records, compressed):
  """Writes serialized examples to a file; returns how many there were."""
  count = 0
  writer = array_record_module.ArrayRecordWriter(str(path), options(compressed))
  with contextlib.closing(writer):
    for record in records:
      writer.write(record)
      count += 1
  return count


@contextlib.contextmanager
def used_by_tfds(compressed):
  """Lets TFDS, which has no way to say the options, write as `write` does while the block runs."""

  class Adapter(file_adapters.ArrayRecordFileAdapter):
    @classmethod
    def write_examples(cls, path, iterator):
      write(path, (example for _, example in iterator), compressed)

  adapters, key = file_adapters.ADAPTER_FOR_FORMAT, file_adapters.FileFormat.ARRAY_RECORD
  before = adapters[key]
  adapters[key] = Adapter
  try:
    yield
  finally:
    adapters[key] = before
