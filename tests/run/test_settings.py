"""Runs that were made before a setting was one."""

import pytest

from sign_jax.run import settings
from sign_jax.systems import registry


def test_a_run_without_a_setting_was_trained_as_all_were_then():
  now = {"seed": 0, "optim.schedule": "warmup_cosine"}
  assert settings.differing({"seed": 0}, now) == []
  now["optim.schedule"] = "constant"
  assert settings.differing({"seed": 0}, now) == ["optim.schedule"]
  # A system without the setting does not get it.
  assert settings.differing({"seed": 0}, {"seed": 1}) == ["seed"]


@pytest.mark.parametrize("key", settings.EARLIER)
def test_what_was_so_before_is_a_setting_of_a_system(key):
  found = [settings.flat(registry.get(name).config(None).to_dict()) for name in registry.names()]
  assert any(key in values for values in found)
