"""Tables of SPOT-ALIGN: rows that need the rounds are gone by the program that goes them."""

import json

import pytest

from launch.reproductions import rows, runs
from launch.tables import TABLES
from sign_jax.errors import UserError
from sign_jax.systems.spot_align import published, settings


def row_of(table, label):
  return next(row for row in TABLES[f"spot_align/{table}"].rows if row.label == label)


@pytest.mark.parametrize(
  "table, label, program, scorer",
  [
    ("table1", "M+D1 1079, SR", "launch.spot_align", "sr"),
    ("table1", "M+D1 1079, CM", "launch.spot_align", "cm"),
    ("table1", "BOBSL, CM", "sign_jax.main", ""),
    ("table2", "max", "sign_jax.main", ""),
    ("table5", "speech, CM", "launch.spot_align", "cm"),
    ("table6", "SR", "launch.spot_align", "sr"),
    ("table6", "CM", "launch.spot_align", "cm"),
    ("table6", "SR + CM", "launch.spot_align", "comb"),
  ],
)
def test_which_program_a_row_needs(table, label, program, scorer):
  row = row_of(table, label)
  assert (rows.program(row), rows.scorer(row)) == (program, scorer)


def test_rows_of_one_encoder_share_their_folder():
  folders = {rows.folder_name(row_of("table1", f"M+D1 1079, {x}")) for x in ("SR", "CM")}
  assert folders == {
    "spot_align,launch.spot_align,spotting.iterations=1,spotting.vocabulary=mouthing"
  }
  alone = rows.folder_name(row_of("table2", "max"))
  assert alone == "spot_align,fusion.systems=cm,video.aggregation=max"


def test_a_row_has_the_numbers_of_its_scorer(tmp_path):
  (tmp_path / "results.json").write_text(json.dumps({"test/sr/t2v/R@1": 1, "test/cm/t2v/R@1": 2}))
  assert runs.collect(tmp_path, ["t2v/R@1"], "cm")["t2v/R@1"] == 2


def test_numbers_of_other_settings_are_not_collected(tmp_path):
  table = published.TABLES["spot_align/table4"]
  for row in table.rows:
    config = rows.configuration(row, "signing_sim", 0, [])
    folder = tmp_path / rows.folder_name(row) / "seed0"
    folder.mkdir(parents=True)
    numbers = {f"test/sr/{x}": 1.0 for x in table.columns}
    numbers["configuration"] = rows.settings_digest(config)
    (folder / "results.json").write_text(json.dumps(numbers))
  found, failed = runs.measure(table, "signing_sim", [0], tmp_path, [], train=False)
  assert not failed and found[table.rows[0].label]["t2v/R@1"] == [1.0]
  for train in (False, True):
    with pytest.raises(UserError, match="holds numbers of other settings"):
      runs.measure(table, "signing_sim", [0], tmp_path, ["--config.sr.lemmatize=False"], train)


def test_runs_of_a_table_share_their_stages(tmp_path, monkeypatch):
  given = []
  monkeypatch.setattr(runs.logged, "call", lambda command, log: given.append(command))
  row = row_of("table6", "SR")
  with pytest.raises(UserError, match="no results.json"):
    runs.measure(published.TABLES["spot_align/table6"], "signing_sim", [0], tmp_path, [])
  (command,) = given
  assert command[0] == rows.program(row)
  assert f"--config.spotting.shared={tmp_path}/shared" in command


def test_settings_that_training_does_not_heed_are_told():
  config = settings.config()
  assert settings.warning(config) is None
  config.spotting.iterations = 1
  assert "launch.spot_align" in settings.warning(config)
  config = settings.config()
  config.data.alignment = "speech"
  assert "launch.spot_align" in settings.warning(config)
