"""Our reader of tf.train.Example against the protocol buffers library, and damaged bytes."""

import numpy as np
import pytest
from tensorflow_datasets.proto import tf_example_pb2

from sign_jax.data.tf_example import bytes_values, raw_features

VALUES = {"empty": b"", "short": b"x", "long": bytes(range(256)) * 300, "umlaut": "ü".encode()}


def example(values=None, numbers=True):
  message = tf_example_pb2.Example()
  for name, value in (VALUES if values is None else values).items():
    message.features.feature[name].bytes_list.value.append(value)
  if numbers:
    message.features.feature["ints"].int64_list.value.extend([1, -5, 2**40])
    message.features.feature["floats"].float_list.value.extend([0.5, -1])
    message.features.feature["two"].bytes_list.value.extend([b"a", b"b"])
    message.features.feature["none"].bytes_list.SetInParent()
  return message.SerializeToString()


@pytest.mark.parametrize("names", [list(VALUES), ["long"], ["umlaut", "empty"], []])
def test_values_are_those_that_were_written(names):
  found = bytes_values(example(), names)
  assert {name: bytes(value) for name, value in found.items()} == {n: VALUES[n] for n in names}


def test_raw_features_are_as_the_library_writes_them():
  record = example()
  features = tf_example_pb2.Example.FromString(record).features.feature
  expected = {name.encode(): features[name].SerializeToString() for name in features}
  assert {name: bytes(value) for name, value in raw_features(record).items()} == expected
  twice = example({"a": b"first"}, False) + example({"a": b"second"}, False)
  assert raw_features(twice) == raw_features(example({"a": b"second"}, False))


@pytest.mark.parametrize("read", [raw_features, lambda record: bytes_values(record, ["a"])])
@pytest.mark.parametrize("record", [
  b"\x0a\x00" * 20_000,  # empty messages Features
  b"\x0a\xc0\xb8\x02" + b"\x0a\x00" * 20_000,  # one of 40,000 bytes of empty entries
])  # fmt: skip
def test_far_too_many_fields_are_told(read, record):
  with pytest.raises(ValueError, match="has more than 10000 features"):
    read(record)


def test_values_are_not_copied():
  record = example()
  assert bytes_values(record, ["long"])["long"].obj is record


def test_a_later_entry_replaces_an_earlier_one():
  record = example({"a": b"first"}, False) + example({"a": b"second"}, False)
  assert bytes_values(record, ["a"]) == {"a": b"second"}
  assert tf_example_pb2.Example.FromString(record).features.feature["a"].bytes_list.value == [
    b"second"
  ]


@pytest.mark.parametrize(("name", "message"), [
  ("absent", "no feature 'absent'"),
  ("two", "'two' of a record has 2 values"),
  ("none", "'none' of a record has 0 values"),
  ("ints", "'ints' of a record has 0 values"),
])
def test_other_kinds_of_features_are_told(name, message):
  with pytest.raises(ValueError, match=message):
    bytes_values(example(), [name])


def test_every_cut_is_noticed():
  record = example({"a": b"value", "b": b"other"}, False)
  for stop in range(len(record)):
    with pytest.raises(ValueError, match="record"):
      bytes_values(record[:stop], ["a", "b"])


def test_damaged_bytes_give_a_value_or_an_error_and_nothing_else():
  record, rng = example({"a": b"value", "b": bytes(200)}), np.random.default_rng(0)
  outcomes = set()
  for _ in range(3000):
    damaged = bytearray(record)
    for at in rng.integers(len(record), size=3):
      damaged[at] = rng.integers(256)
    try:
      found = bytes_values(bytes(damaged), ["a", "b"])
      outcomes.add(all(len(value) <= len(record) for value in found.values()))
    except ValueError:
      outcomes.add("refused")
  assert outcomes == {True, "refused"}


@pytest.mark.parametrize("record", [
  b"\x0a" + b"\xff" * 9 + b"\x01", b"\x0a" + b"\xff" * 20, b"\x08\x01", b"\x0a", b"\xff" * 12,
])
def test_absurd_lengths_and_other_messages_are_refused(record):
  with pytest.raises(ValueError, match="record"):
    bytes_values(record, ["a"])
