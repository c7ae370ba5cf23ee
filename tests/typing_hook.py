"""Checks the annotations of the rooms that have them in every call of a test."""

import functools
from typing import Any
from unittest import mock

import jaxtyping
from beartype import BeartypeConf, FrozenDict, beartype
from jaxtyping import _import_hook

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
  """`function`, refusing arguments and results that its annotations do not describe.

  jaxtyping makes two of each function of the rooms: one with Any as its result, which sees the
  arguments before the call, and one for afterwards. To that one they are known, with their sizes:
  seeing them again would be a thirtieth of all tracing.
  """
  result = function.__annotations__.get("return", Any)
  if result is not Any:
    function.__annotations__ = {"return": result}
  return beartype(function, conf=CONFIGURATION)


def _run(loader, module):
  """Runs a module of the rooms; in place of the loader's own `exec_module`.

  That one changes where compiled modules are kept while a module runs, and so for all that it
  imports: two thousand files of libraries would be compiled anew, for ten seconds, in each process
  that may not write them ($PYTHONDONTWRITEBYTECODE).
  """
  kept = functools.partial(
    _import_hook._optimized_cache_from_source, loader._typechecker.get_hash()
  )
  with mock.patch("importlib._bootstrap_external.cache_from_source", kept):
    code = loader.get_code(module.__name__)
  exec(code, module.__dict__)


def install():
  """To be called before the rooms are imported."""
  if hasattr(_import_hook, "_optimized_cache_from_source"):  # private: others may lack it
    _import_hook._JaxtypingLoader.exec_module = _run
  jaxtyping.install_import_hook([f"sign_jax.{room}" for room in ROOMS], f"{__name__}.check")


CONFIGURATION = _configuration()
