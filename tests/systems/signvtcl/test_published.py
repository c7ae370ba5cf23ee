"""Every row of SignVTCL's tables is a configuration that can be run."""

import json
import re

import pytest

import configs.signvtcl
from launch import reproduce
from launch.reproductions import rows, runs
from launch.tables import TABLES
from sign_jax.run import checks
from sign_jax.systems.signvtcl import settings
from tests import program

OURS = {name: table for name, table in TABLES.items() if name.startswith("signvtcl/")}
SIMULATOR = "signing_sim"


def label_of(table, **model):
  """The label of the row whose section `model` has these values and no other changes."""
  wanted = {f"model.{key.replace('__', '.')}": x for key, x in model.items()}
  (found,) = [row for row in OURS[f"signvtcl/{table}"].rows if row.overrides == wanted]
  return found.label


@pytest.mark.parametrize("name", OURS)
def test_rows_are_configurations_and_have_all_numbers(name):
  table = OURS[name]
  for dataset in filter(None, (table.dataset, SIMULATOR)):
    found = [rows.configuration(row, dataset, 0, ()) for row in table.rows]
    for config in found:
      checks.check(config)
    assert len({str(config) for config in found}) == len(found)
    assert reproduce._parser().parse_args([name, f"--dataset={dataset}"])
  labels = [row.label for row in table.rows]
  assert len(set(labels)) == len(labels)
  for place, row in enumerate(table.rows):
    assert len(row.published) == len(table.columns)
    assert not row.teacher or row.teacher in labels[:place]


def test_table_2_has_all_rows_of_the_paper():
  table = OURS["signvtcl/table2"]
  assert len(table.rows) == 3 + 8 + 9 and table.columns == ("validation/wer", "test/wer")
  none = {"align__gloss": 0.0, "align__sentence": 0.0}
  published = {row.label: row.published for row in table.rows}
  for changes, numbers in (
      ({"streams": "flow", **none}, (38.9, 38.1)),
      ({"fusion__stages": 2, **none}, (18.7, 19.0)),
      ({"streams": "keypoint+flow", **none}, (25.5, 25.2)),
      ({"align__sentence": 0.0}, (17.5, 17.8)),
      ({}, (17.1, 17.4)),
      ({"streams": "video+flow"}, (18.3, 18.8)),
  ):
    assert published[label_of("table2", **changes)] == numbers


def test_teachers_read_what_their_pupils_read_and_are_not_aligned():
  for table in OURS.values():
    by_label = {row.label: row for row in table.rows}
    for row in filter(lambda row: row.teacher, table.rows):
      pupil, teacher = (
          settings.decided(rows.configuration(x, "phoenix14", 0, ()).model)
          for x in (row, by_label[row.teacher])
      )
      assert settings.streams_of(teacher) == settings.streams_of(pupil), row.label
      assert settings.is_aligned(pupil) and not settings.is_aligned(teacher), row.label


@pytest.mark.parametrize(("dataset", "name", "is_taught"), [
    ("phoenix14", "table2", True), (SIMULATOR, "table2", False), (SIMULATOR, "simulator", True),
])  # fmt: skip
def test_a_row_follows_the_run_of_its_teachers_row(tmp_path, dataset, name, is_taught):
  """On the simulator only where it says so: there models follow their own paths."""
  table = OURS[f"signvtcl/{name}"]
  row = next(row for row in reversed(table.rows) if row.teacher)
  found = rows.following(row, table, dataset, 2, [], tmp_path)
  given = [x for x in rows.arguments(found, dataset, 2, []) if "init.teacher" in x]
  teacher = next(other for other in table.rows if other.label == row.teacher)
  folder = tmp_path / rows.folder_name(teacher) / "seed2"
  assert given == ([f"--config.init.teacher={folder}"] if is_taught else [])
  assert row.overrides.keys() - found.overrides.keys() == set()
  assert rows.folder_name(row) != rows.folder_name(teacher)


def test_the_simulators_rows_follow_a_teacher_only_where_they_have_one():
  """On corpora too, whose published settings follow one."""
  for row in OURS["signvtcl/simulator"].rows:
    model = settings.decided(rows.configuration(row, "phoenix14", 0, ()).model)
    if settings.is_aligned(model):
      assert (model.align.source == "teacher") == bool(row.teacher), row.label


def test_a_row_has_the_numbers_of_both_splits(tmp_path):
  numbers = {"validation/wer": 3.0, "test/wer": 4.0, "test/segments": 5.0}
  (tmp_path / "results.json").write_text(json.dumps(numbers))
  found = runs.collect(tmp_path, OURS["signvtcl/simulator"].columns)
  assert {key: found[key] for key in numbers} == numbers


def test_the_rows_stand_in_the_configurations_text():
  """With their numbers."""
  text = re.sub(r"\s+", " ", configs.signvtcl.__doc__)
  shown = lambda key, x: f"{key.removeprefix('model.')}={x:g}" if isinstance(x, float) else (
      f"{key.removeprefix('model.')}={x}"
  )
  for row in OURS["signvtcl/table2"].rows:
    given = [shown(key, x) for key, x in row.overrides.items()]
    short = " ".join(given or ["(default)"]).replace("align.gloss=0 align.sentence=0", "unaligned")
    assert "{} / {} ".format(*row.published) + short in text, row.label


def test_a_table_trains_teachers_before_their_pupils(tmp_path, monkeypatch):
  """And takes both runs for its own when it is made again."""
  begun = []

  def call(command, log):
    folder = log.parent
    config = program.parse(monkeypatch, *command[3:])
    begun.append((folder, config.init.teacher))
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(config.to_json())
    (folder / "results.json").write_text('{"validation/wer": 3, "test/wer": 4, "test/segments": 5}')

  monkeypatch.setattr(runs.logged, "call", call)
  table = OURS["signvtcl/simulator"]
  pupil = next(row for row in table.rows if row.teacher)
  both = [row for row in table.rows if row.label in (pupil.label, pupil.teacher)]
  table = table._replace(rows=both)
  for _ in range(2):
    found, failed = runs.measure(table, SIMULATOR, (0, 1), tmp_path, [])
    assert not failed and found[pupil.label]["test/segments"] == [5, 5]
  folders = [folder for folder, _ in begun]
  assert len(begun) == 4 and [teacher for _, teacher in begun] == ["", "", *map(str, folders[:2])]
