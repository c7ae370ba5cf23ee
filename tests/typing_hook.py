"""Checks the annotations of the rooms that have them in every call of a test."""

import jaxtyping
from beartype import BeartypeConf, FrozenDict, beartype

from sign_jax import protocols

ROOMS = ("ops", "modules", "metrics", "train", "tasks", "systems")


def _configuration():
  # A protocol is for readers and editors: asking an object for all names of one would compute what
  # its properties put off, and refuse a task without the methods that it may leave out.
  described = [hint for hint in vars(protocols).values() if getattr(hint, "_is_protocol", False)]
  return BeartypeConf(
    hint_overrides=FrozenDict(dict.fromkeys(described, object)),
    is_pep484_tower=True,  # an int is a float
  )


def check(function):
  """`function`, refusing arguments and results that its annotations do not describe."""
  return beartype(function, conf=CONFIGURATION)


def install():
  """To be called before the rooms are imported."""
  jaxtyping.install_import_hook([f"sign_jax.{room}" for room in ROOMS], f"{__name__}.check")


CONFIGURATION = _configuration()
