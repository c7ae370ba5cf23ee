"""Values of a serialized tf.train.Example, found in its bytes without copying or decoding the rest.

Protocol buffers are nested runs of (tag, length, content). An Example is
`Example{1: Features{1: entry{1: name, 2: Feature{1: BytesList{1: value}}}}}`; lists of numbers are
Feature's fields 2 and 3. https://protobuf.dev/programming-guides/encoding

The library protobuf reads the same, but copies every value, also those that nobody asked for.
"""

_MOST_FIELDS = 10_000  # of one message; data sets have tens of features
_LENGTH_DELIMITED = 2  # the only wire type on the way to the values


def bytes_values(record, names):
  """The values of some features that hold one bytes value each.

  Args:
    record: bytes of an Example.
    names: names of features.

  Returns:
    {name: memoryview into `record`}.

  Raises:
    ValueError: the record is no Example, or lacks a feature, or holds another kind of value there.
  """
  wanted, found = {name.encode(): name for name in names}, {}
  for raw_name, *where in _features(record):
    name = wanted.get(raw_name)
    if name is not None:  # a later entry of a map replaces an earlier one
      found[name] = _single_value(record, name, *where)
  missing = [name for name in wanted.values() if name not in found]
  if missing:
    raise ValueError(f"a record has no feature {missing[0]!r}")
  return found


def raw_features(record):
  """All features as they lie in a record.

  Args:
    record: bytes of an Example.

  Returns:
    {name as bytes: memoryview of the message Feature}.

  Raises:
    ValueError: the record is no Example.
  """
  return {name: memoryview(record)[start:stop] for name, start, stop in _features(record)}


def _features(record):
  """Yields (name as bytes, start, stop of the message Feature); a later one of a name replaces."""
  for _, *features in _fields(record, 0, len(record)):
    for _, *entry in _fields(record, *features):
      bounds = {number: where for number, *where in _fields(record, *entry)}
      yield record[slice(*bounds.get(1, (0, 0)))], *bounds.get(2, (0, 0))


def _single_value(record, name, at, stop):
  count = first = last = 0
  for kind, *values in _fields(record, at, stop):
    for _, *where in _fields(record, *values) if kind == 1 else ():
      count, (first, last) = count + 1, where
  if count != 1:
    raise ValueError(f"feature {name!r} of a record has {count} values of bytes, not one")
  return memoryview(record)[first:last]


def _fields(record, at, stop):
  """Yields (field number, start, stop of its content) of a message between `at` and `stop`."""
  left = _MOST_FIELDS
  while at < stop:
    tag, left = record[at], left - 1
    if left < 0:  # two bytes each: a small record has room for a million of them
      raise ValueError(f"a record has more than {_MOST_FIELDS} features, or values of one")
    if tag & 7 != _LENGTH_DELIMITED or tag > 127:
      raise ValueError("a record is not a tf.train.Example")
    size, at = _varint(record, at + 1, stop)
    if at + size > stop:
      raise ValueError("a record is cut off")
    yield tag >> 3, at, at + size
    at += size


def _varint(record, at, stop):
  """(int, where it ends): seven bits a byte, the low ones first, the last byte below 128."""
  number, shift = 0, 0
  while at < stop and shift < 64:
    byte = record[at]
    at, number, shift = at + 1, number | (byte & 127) << shift, shift + 7
    if byte < 128:
      return number, at
  raise ValueError("a record is cut off")
