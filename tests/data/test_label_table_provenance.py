"""Where labels come from is written, read again, and no part of what a run is compared by."""

import pytest

from sign_jax.data import label_table
from sign_jax.data.label_table import Label, Provenance
from sign_jax.errors import UserError
from sign_jax.video.boxes import Box


def test_provenance_and_splits_are_written_and_read_again(tmp_path):
  spotted = Label("a.mp4", 1.0, 2.0, 3, 0.8, "sun", None, Provenance("dictionary", 2, "sun_1"))
  labels = {
    "train": [spotted, Label("b.mp4", 0.0, 1.0, 0, provenance=Provenance("mouthing"))],
    "validation": [Label("c.mp4", 0.0, 1.0, 1, box=Box(1, 2, 30, 40))],
    "test": [],
  }
  path = tmp_path / "labels.csv"
  label_table.write_all(path, labels)
  assert label_table.read(path) == labels


def test_tables_without_it_are_as_they_were(tmp_path):
  path = tmp_path / "labels.csv"
  label_table.write(path, [Label("a.mp4", 1.0, 2.0, 3, 0.8, "sun")])
  assert path.read_text().splitlines() == [
    ",".join(label_table.COLUMNS), "a.mp4,1.000000,2.000000,3,0.800000,sun"
  ]


def test_a_round_is_a_number(tmp_path):
  path = tmp_path / "labels.csv"
  path.write_text("video,start,end,label,kind,round\na.mp4,0,1,0,dictionary,two\n")
  with pytest.raises(UserError, match="line 2: the round 'two' is no whole number"):
    label_table.read(path)
