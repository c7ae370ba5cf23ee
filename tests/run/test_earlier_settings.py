"""Runs of earlier versions lack settings that there are now, and go on as they were made."""

import json

import pytest

from sign_jax.errors import UserError
from sign_jax.run import settings
from sign_jax.systems import registry

NEW = {"data.bottom_margin": 50, "data.hand_boxes": "exact"}


@pytest.fixture
def earlier(tmp_path):
  """A run of SEDS on PHOENIX-2014T from before the settings of NEW."""
  (tmp_path / "checkpoints/last/1").mkdir(parents=True)
  values = json.loads(config().to_json())
  for key in NEW:
    section, name = key.split(".")
    del values[section][name]
  (tmp_path / settings.FILE).write_text(json.dumps(values))
  return tmp_path


def config(**changes):
  found = registry.get("seds").config("phoenix14t")
  found.data.update(changes)
  return found


def as_it_was():
  return config(**{key.split(".")[1]: value for key, value in NEW.items()})


def test_it_goes_on_with_what_it_was_made_with(earlier, monkeypatch):
  monkeypatch.setattr(settings.checkpoint, "exists", lambda folder: True)
  settings.check(as_it_was(), earlier)
  with pytest.raises(UserError, match="started with data.bottom_margin=50, data.hand_boxes=exact"):
    settings.check(config(), earlier)


def test_it_is_evaluated_with_what_it_was_made_with(earlier, monkeypatch):
  monkeypatch.setattr(settings.checkpoint, "exists", lambda folder: True)
  found, changed = settings.for_evaluation(config(), earlier, ["main"])
  assert settings.flat(found.to_dict()) == settings.flat(as_it_was().to_dict()) and not changed
  flag = ["main", "--config.data.hand_boxes=released"]
  with pytest.raises(UserError, match="was trained with data.hand_boxes=exact"):
    settings.for_evaluation(config(), earlier, flag)


def test_a_system_without_poses_has_none_of_these_settings():
  assert not NEW.keys() & settings.flat(registry.get("upret").config("phoenix14t").to_dict())
