"""A configuration is checked by what its own system has, and by nothing of another."""

import pytest

from sign_jax.errors import UserError
from sign_jax.run import checks
from sign_jax.run import task as run_task
from sign_jax.systems import registry
from tests import fakes, program


def config(system, **changes):
  found = registry.get(system).config("signing_sim")
  for key, value in changes.items():
    *sections, name = key.split("__")
    place = found
    for section in sections:
      place = place[section]
    with place.unlocked(), place.ignore_type():
      place[name] = value
  return found


@pytest.mark.parametrize("system", [name for name in registry.names() if name != "i3d"])
def test_the_check_gives_the_card(system):
  assert checks.check(config(system)).name == system


@pytest.mark.parametrize("extra", [
  {"data__image_size": (0, 720)}, {"data__max_frames": 3}, {"model__fusion": {"keys": ()}},
])  # fmt: skip
def test_a_key_of_another_system_asks_for_nothing(extra):
  assert checks.check(config("upret", **extra)).name == "upret"


@pytest.mark.parametrize(("key", "value"), [
  ("data__image_size", (0, 720)), ("data__image_size", (640,)), ("data__image_size", ("a", "b")),
  ("data__max_frames", 15), ("model__fusion__keys", ()), ("model__fusion__heads", 7),
  ("model__alpha", -1.0),
])  # fmt: skip
def test_what_seds_cannot_compute_is_refused(key, value):
  with pytest.raises(UserError, match=key.replace("__", ".")):
    checks.check(config("seds", **{key: value}))


@pytest.mark.parametrize(("changes", "words"), [
  ({"task": "recognise"}, "task='recognise' is not one of retrieval, recognition"),
  ({"task": "recognition"}, "task=recognition is not what upret is for: use retrieval"),
  ({"model__name": "uprt"}, "no system 'uprt' .did you mean 'upret'.*: known are cico"),
  ({"model__distribution__samples": 0}, "model.distribution.samples=0 must be greater than 0"),
  ({"model__distribution__dropout": 2.0}, "dropout=2.0 is not between 0 and 1"),
  ({"optim__b1": 1.0}, "optim.b1=1.0 is not at least 0 and below 1"),
  ({"epochs": 0}, "there is nothing to train"),
])  # fmt: skip
def test_the_first_fault_is_told(changes, words):
  with pytest.raises(UserError, match=words):
    checks.check(config("upret", **changes))


def test_a_model_that_reads_no_poses_gets_none():
  made = config("upret")
  made.update_from_flattened_dict({**program.SMALL_MODEL, "data.placement": "device"})
  for key, value in {"image_size": (256, 256), "max_frames": 60, "no_hands": "skip"}.items():
    made.data[key] = value
  assert run_task.make(made, fakes.splits())._poses is None
