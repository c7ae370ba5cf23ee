"""Systems from outside: known once registered, and no broken one stands in another's way."""

import dataclasses
import importlib.metadata

import pytest

from sign_jax.errors import UserError
from sign_jax.systems import registry


@pytest.fixture
def card(monkeypatch):
  monkeypatch.setattr(registry, "_registered", {})
  return dataclasses.replace(registry.get("cico"), name="mine", make=lambda model, inputs: None)


def test_a_card_is_known_once_registered(card):
  with pytest.raises(UserError, match="no system 'mine'.*must be registered first"):
    registry.get("mine")
  assert registry.register(card) is card is registry.get("mine")
  assert "mine" in registry.names()


def test_the_same_module_may_register_again_and_no_other(card):
  registry.register(card)
  again = dataclasses.replace(card, make=lambda model, inputs: 1)
  assert registry.register(again) is registry.get("mine") is again
  with pytest.raises(UserError, match="there is a system 'mine' already"):
    registry.register(dataclasses.replace(card, make=registry.get("cico").make))
  with pytest.raises(UserError, match="there is a system 'cico' already"):
    registry.register(dataclasses.replace(card, name="cico"))


@pytest.mark.parametrize("value", ["no_such_module:SYSTEM", "json:dumps"])
def test_a_broken_entry_point_is_told_and_leaves_the_others(monkeypatch, capsys, value):
  point = importlib.metadata.EntryPoint("broken", value, registry._GROUP)
  monkeypatch.setattr(registry, "_entry_points", lambda: {"broken": point})
  with pytest.raises(UserError, match="'broken' cannot be loaded from .*mend its distribution"):
    registry.get("broken")
  assert [card.name for card in registry.available()] == sorted(registry._OWN)
  (line,) = capsys.readouterr().err.splitlines()
  assert line.startswith("note: system 'broken' cannot be loaded")
