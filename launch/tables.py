"""The tables and figures that `launch.reproduce` knows, {"SYSTEM/NAME": Table}."""

from sign_jax.systems.published_rows import SECONDS, Row, Table
from sign_jax.systems.seds import published as seds
from sign_jax.systems.upret import published as upret

__all__ = ["SECONDS", "TABLES", "Row", "Table"]

TABLES = {**upret.TABLES, **seds.TABLES}
