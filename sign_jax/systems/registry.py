"""Which systems there are. A system is imported when it is asked for, and not before.

A system from outside this package is known once its card is registered, in the file of its
configuration for example, or by an entry point of its distribution in the group `sign_jax.systems`:

    [project.entry-points."sign_jax.systems"]
    mine = "mine.card:SYSTEM"
"""

import dataclasses
import importlib
import importlib.metadata
import sys

from sign_jax.errors import UserError, did_you_mean, printable, shown
from sign_jax.systems.base import System

# Modules with the card as SYSTEM.
_OWN = {
    "cico": "sign_jax.systems.cico.card",
    "feature_encoder": "sign_jax.systems.feature_encoder.card",
    "i3d": "sign_jax.systems.i3d.card",
    "nla_slr": "sign_jax.systems.nla_slr.card",
    "seds": "sign_jax.systems.seds.card",
    "signvtcl": "sign_jax.systems.signvtcl.card",
    "spot_align": "sign_jax.systems.spot_align.card",
    "upret": "sign_jax.systems.upret.card",
}
# Golden cases that are not a system's own: the system that computes them, and their module.
_CASES = {
    "released_float16": ("upret", "sign_jax.systems.upret.released_float16_case"),
}
_GROUP = "sign_jax.systems"
_registered = {}


def register(system: System) -> System:
  """Makes a system known under its name; returns it.

  Args:
    system: `systems.base.System`.

  Raises:
    UserError: the name is another system's.
  """
  there = _registered.get(system.name, system)
  # A cell of a notebook that runs again makes its card again, by the same functions.
  is_same = there.make.__module__ == system.make.__module__
  if system.name in _OWN or not is_same:
    raise UserError(f"there is a system {system.name!r} already: choose another name")
  _registered[system.name] = system
  return system


def names() -> list[str]:
  """The names of all systems that are known, sorted."""
  return sorted({*_OWN, *_registered, *_entry_points()})


def get(name: str) -> System:
  """The card (`systems.base.System`) of a system.

  Raises:
    UserError: no system of that name is known.
  """
  if name in _registered:
    return _registered[name]
  if name in _OWN:
    return importlib.import_module(_OWN[name]).SYSTEM
  found = _entry_points()
  if name not in found:
    raise UserError(
        f"there is no system {shown(name)}{did_you_mean(str(name)[:80], names())}: "
        f"known are {', '.join(names())}; one of your own must be registered first"
    )
  try:
    system = found[name].load()
  except Exception as error:  # whatever a foreign module raises
    raise _broken(found[name], f"{type(error).__name__}: {error}") from error
  if not isinstance(system, System) or system.name != name:
    raise _broken(found[name], "it is no System of that name")
  return system


def cases() -> list[str]:
  """Names that `case` knows: those of all systems, and of cases that stand for themselves."""
  return sorted({*names(), *_CASES})


def case(name: str) -> System:
  """The card that a golden case of that name is compared with, see `System.golden`.

  Raises:
    UserError: as `get`.
  """
  if name in _CASES:
    system, module = _CASES[name]
    return dataclasses.replace(get(system), golden=module)
  return get(name)


def available() -> list[System]:
  """The cards of all systems that can be loaded, in the order of `names`; others are told."""
  found = []
  for name in names():
    try:
      found.append(get(name))
    except UserError as error:
      print(printable(f"note: {error}"), file=sys.stderr)
  return found


def _broken(point, why):
  return UserError(
      f"system {point.name!r} cannot be loaded from {point.value} ({why}): mend its distribution's "
      "entry point"
  )


def _entry_points():
  return {point.name: point for point in importlib.metadata.entry_points(group=_GROUP)}
