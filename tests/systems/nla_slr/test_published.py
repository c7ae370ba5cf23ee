"""Every row of NLA-SLR's tables is a configuration that can be run."""

import re

import pytest

from launch import reproduce
from launch.reproductions import rows
from launch.tables import TABLES
from sign_jax.run import checks
from sign_jax.systems.nla_slr import streams

OURS = {name: table for name, table in TABLES.items() if name.startswith("nla_slr/table")}


def test_all_nine_tables_are_there():
  assert {re.match(r"nla_slr/table(\d)", name)[1] for name in OURS} == set("123456789")
  assert len(OURS) == 7 + 4 + 4  # tables 1 and 2 have four subsets


@pytest.mark.parametrize("name", OURS)
def test_rows_are_configurations_and_have_all_numbers(name):
  table = OURS[name]
  found = [rows.configuration(row, table.dataset, 0, ()) for row in table.rows]
  for row, config in zip(table.rows, found, strict=True):
    checks.check(config)
    assert len(row.published) == len(table.columns)
  labels = [row.label for row in table.rows]
  assert len(set(labels)) == len(labels)
  assert len({str(config) for config in found}) == len(found)
  simulated = {str(rows.configuration(row, "signing_sim", 0, ())) for row in table.rows}
  assert len(simulated) == len(found)
  assert reproduce._parser().parse_args([name, f"--dataset={table.dataset}"])


def test_single_streams_and_pairs_of_table_4():
  table = OURS["nla_slr/table4"]
  chosen = {
      row.label: streams.chosen(config.model.modalities, config.model.lengths)
      for row in table.rows
      for config in [rows.configuration(row, table.dataset, 0, ())]
  }
  assert chosen["Video-32"] == ("video_short",)
  assert chosen["Keypoint-64"] == ("keypoint_long",)
  assert chosen["VKNet-64"] == ("video_long", "keypoint_long")
  assert chosen["VKNet"] == streams.STREAMS
