"""Values of a serialized tf.train.Example, found in its bytes without copying or decoding the rest.

Protocol buffers are nested runs of (tag, length, content). An Example is
`Example{1: Features{1: entry{1: name, 2: Feature{1: BytesList{1: value}}}}}`; lists of numbers are
Feature's fields 2 and 3. https://protobuf.dev/programming-guides/encoding
"""

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
  for _, *features in _fields(record, 0, len(record)):
    for _, *entry in _fields(record, *features):
      bounds = {number: where for number, *where in _fields(record, *entry)}
      name = wanted.get(record[slice(*bounds.get(1, (0, 0)))])
      if name is not None:  # a later entry of a map replaces an earlier one
        found[name] = _single_value(record, name, *bounds.get(2, (0, 0)))
  missing = [name for name in wanted.values() if name not in found]
  if missing:
    raise ValueError(f"a record has no feature {missing[0]!r}")
  return found


def _single_value(record, name, at, stop):
  values = [
    memoryview(record)[start:end]
    for kind, *values in _fields(record, at, stop)
    if kind == 1
    for _, start, end in _fields(record, *values)
  ]
  if len(values) != 1:
    raise ValueError(f"feature {name!r} of a record has {len(values)} values of bytes, not one")
  return values[0]


def _fields(record, at, stop):
  """[(field number, start, stop of its content)] of a message between `at` and `stop`."""
  fields = []
  while at < stop:
    tag = record[at]
    if tag & 7 != _LENGTH_DELIMITED or tag > 127:
      raise ValueError("a record is not a tf.train.Example")
    size, at = _varint(record, at + 1, stop)
    if at + size > stop:
      raise ValueError("a record is cut off")
    fields.append((tag >> 3, at, at + size))
    at += size
  return fields


def _varint(record, at, stop):
  """(int, where it ends): seven bits a byte, the low ones first, the last byte below 128."""
  number, shift = 0, 0
  while at < stop and shift < 64:
    byte = record[at]
    at, number, shift = at + 1, number | (byte & 127) << shift, shift + 7
    if byte < 128:
      return number, at
  raise ValueError("a record is cut off")
