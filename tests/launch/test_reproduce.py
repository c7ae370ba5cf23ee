"""A paper's table from runs that are there, and the tables against the configurations."""

import json
import re

import pytest

import configs.upret
from launch import reproduce
from launch.reproductions import rows, runs
from launch.tables import TABLES
from sign_jax.errors import Stopped, UserError
from sign_jax.systems import registry


def fake_runs(table, root, seeds=(0, 1)):
  """Results of every row and seed: numbers that tell row and seed."""
  for index, row in enumerate(table.rows):
    for seed in seeds:
      folder = root / "signing_sim" / rows.folder_name(row) / f"seed{seed}"
      folder.mkdir(parents=True, exist_ok=True)
      results = {f"test/{column}": 10.0 * index + seed for column in table.columns}
      (folder / "results.json").write_text(json.dumps(results))
      config = rows.configuration(row, "signing_sim", seed, ["--config.batch_size=100"])
      (folder / "config.json").write_text(config.to_json())
      speeds = [{"step": s, "loss": 1.0, "pairs_per_second": 50.0 * s} for s in (1, 2, 3)]
      (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, speeds)))


def collect(name, root, *more):
  common = ["--workdirs", str(root), "--seeds", "0", "1", "--collect", "--config.batch_size=100"]
  reproduce.main([name, *common, *more])


def test_published_and_measured_stand_side_by_side(tmp_path, capsys):
  fake_runs(TABLES["upret/table4"], tmp_path)
  collect("upret/table4", tmp_path)
  lines = capsys.readouterr().out.splitlines()
  row = next(line for line in lines if line.startswith("RS OT"))
  assert re.split(r"\s{2,}", row)[1:3] == ["58.4", "30.5 ± 0.7"]
  markdown = (tmp_path / "signing_sim" / "upret-table4.md").read_text()
  assert "| DM RS OT | 59.1 | 40.5 ± 0.7 |" in markdown


def test_a_table_without_published_numbers_has_only_ours(tmp_path, capsys):
  fake_runs(TABLES["upret/switches"], tmp_path)
  collect("upret/switches", tmp_path)
  lines = capsys.readouterr().out.splitlines()
  assert "published" not in lines[0]
  assert re.split(r"\s{2,}", lines[1])[1:] == ["t2v/R@1 ours", "v2t/R@1 ours"]
  row = next(line for line in lines if line.startswith("padding masked"))
  assert re.split(r"\s{2,}", row)[1:] == ["20.5 ± 0.7"] * 2


def test_a_table_on_fewer_videos_says_so(tmp_path, capsys):
  table = TABLES["seds/table6"]
  fake_runs(table, tmp_path)
  path = tmp_path / "signing_sim" / rows.folder_name(table.rows[-1]) / "seed1/results.json"
  path.write_text(json.dumps({**json.loads(path.read_text()), "test/left_out": 3}))
  collect("seds/table6", tmp_path)
  out = capsys.readouterr().out
  assert f"without the videos that show no usable hand: {table.rows[-1].label}\n" in out


def test_time_is_the_median_step(tmp_path, capsys):
  fake_runs(TABLES["upret/table5"], tmp_path)
  collect("upret/table5", tmp_path)
  assert "1.00 ± 0.00" in capsys.readouterr().out


def test_a_figure_is_drawn(tmp_path):
  fake_runs(TABLES["upret/figure3b"], tmp_path)
  collect("upret/figure3b", tmp_path)
  assert (tmp_path / "signing_sim" / "upret-figure3b.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["upret/tabel4"], "did you mean 'upret/table4'"),
        (["upret/table4", "--confg.seed=1"], "is not an argument"),
        (["upret/table4", "--collect"], "no results.json"),
        (["upret/table4", "--config.seed=5"], "are --seeds"),
        (["upret/table4", "--config.model.ot.weight=0.5"], "the row 'DM RS' sets model.ot.weight"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path, capsys, arguments, words):
  with pytest.raises(SystemExit) as stop:
    reproduce.main([*arguments, "--workdirs", str(tmp_path)])
  assert stop.value.code == 1
  assert words in capsys.readouterr().err.splitlines()[-1]


def test_other_settings_are_told_where_only_the_results_are_left(tmp_path, capsys):
  fake_runs(TABLES["upret/figure3b"], tmp_path)
  assert not list(tmp_path.rglob("checkpoints"))
  with pytest.raises(SystemExit):
    collect("upret/figure3b", tmp_path, "--config.optim.lr=0.5")
  error = capsys.readouterr().err.splitlines()[-1]
  assert "holds a run with other settings (optim.lr=0.001, not 0.5)" in error


def measured_on(tmp_path, monkeypatch, noted, today):
  """`runs.measure` of runs whose results are of the data sets `noted` in turn."""
  table = TABLES["upret/figure3b"]
  fake_runs(table, tmp_path, seeds=(0,))
  for index, path in enumerate(sorted(tmp_path.rglob("results.json"))):
    fingerprint = noted[index % len(noted)]
    results = json.loads(path.read_text()) | ({"fingerprint": fingerprint} if fingerprint else {})
    path.write_text(json.dumps(results))
  monkeypatch.setattr(runs.notes, "data_fingerprint", lambda *_: today)
  root, extra = tmp_path / "signing_sim", ["--config.batch_size=100"]
  found, failed = runs.measure(table, "signing_sim", [0], root, extra, train=False)
  assert not failed
  return found


@pytest.mark.parametrize("today", ["a", None])
def test_runs_on_the_same_data_make_a_table(tmp_path, monkeypatch, today):
  assert measured_on(tmp_path, monkeypatch, "a", today)


def test_a_run_on_other_data_is_not_collected(tmp_path, monkeypatch):
  with pytest.raises(UserError, match="seed0 was measured on another version of signing_sim/small"):
    measured_on(tmp_path, monkeypatch, "a", "b")


def test_runs_on_different_data_make_no_table(tmp_path, monkeypatch):
  with pytest.raises(UserError, match="were measured on different data"):
    measured_on(tmp_path, monkeypatch, "ab", None)


def test_a_run_whose_data_are_not_known_is_told(tmp_path, monkeypatch, capsys):
  assert measured_on(tmp_path, monkeypatch, [None], "a")
  assert "nothing says on which version of the data" in capsys.readouterr().err


def test_damaged_results_are_named(tmp_path, capsys):
  fake_runs(TABLES["upret/figure3b"], tmp_path)
  next(tmp_path.rglob("results.json")).write_text("{")
  with pytest.raises(SystemExit):
    collect("upret/figure3b", tmp_path)
  assert "results.json is damaged: delete it" in capsys.readouterr().err


def test_a_run_with_other_settings_is_not_collected(tmp_path, capsys):
  table = TABLES["upret/figure3b"]
  fake_runs(table, tmp_path, seeds=(0,))
  for row in table.rows:
    workdir = tmp_path / "signing_sim" / rows.folder_name(row) / "seed0"
    config = registry.get(row.system).config("signing_sim")
    config.update_from_flattened_dict({**row.overrides, "steps": 7, "log_every": 3})
    (workdir / "config.json").write_text(config.to_json())
    (workdir / "checkpoints" / "last" / "7").mkdir(parents=True)
  common = ["upret/figure3b", "--workdirs", str(tmp_path), "--seeds", "0", "--collect"]
  reproduce.main([*common, "--config.steps=7"])  # how often to log makes no difference
  with pytest.raises(SystemExit):
    reproduce.main(common)
  assert "holds a run with other settings" in capsys.readouterr().err.splitlines()[-1]


def test_a_run_that_fails_is_named(tmp_path, capsys):
  with pytest.raises(SystemExit):
    reproduce.main(
        ["upret/table1", "--workdirs", str(tmp_path), "--seeds", "0", "--config.nonsense=1"]
    )
  assert "no key 'nonsense'" in capsys.readouterr().err.splitlines()[-1]


def test_a_row_that_fails_is_named_and_the_others_are_filled(tmp_path, monkeypatch, capsys):
  table = TABLES["upret/figure3b"]
  lost = rows.folder_name(table.rows[0])

  def run(workdir, given, program):
    if lost in str(workdir):
      raise UserError("no memory")

  fake_runs(table, tmp_path)
  monkeypatch.setattr(runs, "run", run)
  flags = ["--workdirs", str(tmp_path), "--seeds", "0", "1", "--config.batch_size=100"]
  reproduce.main(["upret/figure3b", *flags])
  out = capsys.readouterr().out
  assert f"not filled: {table.rows[0].label}: no memory" in out
  filled = (tmp_path / "signing_sim" / "upret-figure3b.txt").read_text().splitlines()
  ours = [line.split()[2] for line in filled[2 : 2 + len(table.rows)]]
  assert ours[0] == "-" and "-" not in ours[1:]


def test_a_run_that_is_stopped_stops_the_table(tmp_path, monkeypatch):
  begun = []

  def call(command, log):
    begun.append(command)
    raise Stopped("stopped: the same command goes on from there")

  monkeypatch.setattr(runs.logged, "call", call)
  with pytest.raises(SystemExit) as end:
    reproduce.main(["upret/figure3b", "--workdirs", str(tmp_path), "--seeds", "0"])
  assert end.value.code == Stopped.status and len(begun) == 1


@pytest.mark.parametrize("name", TABLES)
def test_rows_are_overrides_that_the_configuration_has(name):
  table = TABLES[name]
  for row in table.rows:
    assert len(row.published) == len(table.columns)
    config = registry.get(row.system).config(table.dataset)
    config.update_from_flattened_dict(row.overrides)


def test_the_tables_are_those_of_the_configurations_text():
  # The docstring is for readers, the tables for the program; neither may forget an override.
  for name in ("upret/table4", "upret/table6", "upret/table7"):
    for row in TABLES[name].rows:
      for key, value in row.overrides.items():
        short = f"{key.removeprefix('model.')}={value:g}" if isinstance(value, float) else (
            f"{key.removeprefix('model.')}={value}"
        )
        assert short in configs.upret.__doc__, (name, row.label)
