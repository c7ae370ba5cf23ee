"""Runs that were made before a setting was one."""

import ml_collections
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


def test_nla_slr_of_an_earlier_version_has_its_full_depth():
  card = registry.get("nla_slr")
  now = settings.flat(card.config("wlasl").to_dict())
  lacking = ("model.depth", "optim.flat", "quick_compile")
  before = {key: value for key, value in now.items() if key not in lacking}
  assert settings.differing(before, now) == []
  config = ml_collections.ConfigDict(settings.nested(before))
  found = settings.flat(settings.with_defaults(config, card).to_dict())
  assert found["model.depth"] == "full" and found["optim.flat"] is False


def test_fine_tuning_that_was_begun_earlier_goes_on_with_our_settings():
  of = lambda name: settings.flat(registry.get("i3d").config(name).to_dict())
  before = {key: value for key, value in of("video_folder").items() if key not in settings.EARLIER}
  before["title"] = "sign encoder on how2sign"
  assert settings.differing(before, of("video_folder")) == []
  assert settings.differing(before, of("how2sign")) == [
      "batch_size", "data.augment_per", "data.flip", "epochs", "optim.clip_norm", "optim.schedule"
  ]
