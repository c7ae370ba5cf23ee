"""What a checkpoint says of itself, under a digest of its own as its arrays are.

A record is a dict of JSON values. It is stored with a seal, the digest of all the rest, because a
flipped bit in a step, a score or a fingerprint would otherwise be believed.
"""

import hashlib
import json
import pathlib
from typing import Any

SEAL = "seal"
_FILE = "record/metadata"  # where orbax puts the item of that name
_MOST_BYTES = 2**20  # ours have a few thousand
# Exactly what records held before they had a seal. A sealed one with one letter changed never
# passes for such a one: it has a key more.
_UNSEALED = {
  "fingerprint": str, "best_step": int | None, "best": int | float | None, "digest": str,
  "structure": str,
}  # fmt: skip


class Damaged(Exception):
  """A record that is not as it was written; the text says what is wrong with it."""


def sealed(facts: dict[str, Any]) -> dict[str, Any]:
  """`facts`, a dict of JSON values, as they come back from JSON, with their seal."""
  facts = json.loads(json.dumps(facts))
  return {**facts, SEAL: _digest(facts)}


def read(step_folder: pathlib.Path) -> dict[str, Any]:
  """The record of a checkpoint.

  Args:
    step_folder: pathlib.Path of the checkpoint, which is named by its step.

  Returns:
    dict with "step", "digest" and "structure", and what else was saved; without the seal.

  Raises:
    Damaged: on any fault of the content.
    OSError: when the file cannot be read.
  """
  with open(step_folder / _FILE, "rb") as file:
    data = file.read(_MOST_BYTES + 1)
  if len(data) > _MOST_BYTES:
    raise Damaged("its record is too large")
  try:
    facts = json.loads(data)
  except (ValueError, RecursionError) as error:
    raise Damaged("its record is no JSON") from error
  if not isinstance(facts, dict):
    raise Damaged("its record is no JSON object")
  if _is_unsealed(facts):
    return {**facts, "step": int(step_folder.name)}
  if facts.pop(SEAL, None) != _digest(facts):
    raise Damaged("the digest of its record differs")
  if facts["step"] != int(step_folder.name):
    raise Damaged(f"its record is of step {facts['step']}")
  return facts


def _is_unsealed(facts: dict[str, Any]) -> bool:
  return facts.keys() == _UNSEALED.keys() and all(
    isinstance(facts[name], kind) for name, kind in _UNSEALED.items()
  )


def _digest(facts: dict[str, Any]) -> str:
  text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
  return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
