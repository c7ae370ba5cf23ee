"""Which systems there are."""

import contextlib
import importlib

from sign_jax.systems import registry


def list_systems() -> dict[str, str]:
  """{name: what it is, in one line} of all systems that are known, sorted by name."""
  return {card.name: _line(card) for card in registry.available()}


def _line(card):
  """The first line of the file of a system's model, else of its card."""
  of_card = card.make.__module__
  for name in (f"{of_card.rpartition('.')[0]}.model", of_card):
    with contextlib.suppress(ModuleNotFoundError):
      said = (importlib.import_module(name).__doc__ or "").strip()
      if said:
        return said.splitlines()[0]
  return card.name
