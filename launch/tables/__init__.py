"""The tables and figures that `launch.reproduce` knows, {"SYSTEM/NAME": Table}."""

from launch.tables import seds, upret
from launch.tables.rows import SECONDS, Row, Table

__all__ = ["SECONDS", "TABLES", "Row", "Table"]

TABLES = {**upret.TABLES, **seds.TABLES}
