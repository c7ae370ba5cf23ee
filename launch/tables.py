"""The tables and figures that `launch.reproduce` knows, {"SYSTEM/NAME": Table}."""

import importlib

from sign_jax.systems import registry
from sign_jax.systems.published_rows import SECONDS, Row, Table

__all__ = ["LEFT_OUT", "SECONDS", "TABLES", "Row", "Table"]

LEFT_OUT = "left_out"  # in results: see `tasks.retrieval.Retrieval.evaluate`


def _all():
  modules = (registry.get(name).published for name in registry.names())
  found = (importlib.import_module(module).TABLES for module in modules if module)
  return {name: table for tables in found for name, table in tables.items()}


TABLES = _all()
