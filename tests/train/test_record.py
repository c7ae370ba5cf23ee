import json

import pytest

from sign_jax.train import record

FACTS = {
    "fingerprint": "0f" * 32, "best_step": 20, "best": 5.5, "digest": "a1" * 16,
    "structure": "b2" * 16, "step": 60, "score": None, "config": {"model": {"name": "upret"}},
}


@pytest.fixture
def write(tmp_path):
  folder = tmp_path / "60"
  (folder / "record").mkdir(parents=True)

  def write(data):
    (folder / "record/metadata").write_bytes(data)
    return record.read(folder)

  return write


def test_it_comes_back_as_it_was(write):
  assert write(json.dumps(record.sealed(FACTS)).encode()) == FACTS


def test_no_flipped_bit_is_believed(write):
  data = json.dumps(record.sealed(FACTS)).encode()
  believed = []
  for bit in range(8 * len(data)):
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    try:
      found = write(bytes(changed))
    except record.Damaged:
      continue
    believed += [bit] if found != FACTS else []
  assert not believed


@pytest.mark.parametrize("data", [
    b"", b"null", b"7", b"[]", b"{}", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"seal": null}',
    b'{"step": 60}', b" " * 2**21,
], ids=lambda data: repr(data[:16]))  # fmt: skip
def test_other_content_is_damage(write, data):
  with pytest.raises(record.Damaged):
    write(data)


def test_one_of_another_step_is_damage(write):
  with pytest.raises(record.Damaged, match="of step 40"):
    write(json.dumps(record.sealed({**FACTS, "step": 40})).encode())


OLD = {name: FACTS[name] for name in ("fingerprint", "best_step", "best", "digest", "structure")}


def test_one_without_a_seal_is_read_if_it_is_of_the_time_before_seals(write):
  assert write(json.dumps(OLD).encode()) == {**OLD, "step": 60}
  sealed = {name: value for name, value in record.sealed(FACTS).items() if name != "seal"}
  for wrong in (sealed, {**OLD, "best_step": "20"}, {**OLD, "more": 1}):
    with pytest.raises(record.Damaged):
      write(json.dumps(wrong).encode())
