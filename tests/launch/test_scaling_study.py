"""The grid of runs, with a program that only pretends to train."""

import json
import sys

import pytest

from launch import scaling_study
from sign_jax.errors import UserError
from tests import program

# Writes what a run leaves; its loss and speed tell what it was asked for.
PRETENDED = """
import json, pathlib, sys
flags = dict(a.removeprefix("--config.").split("=") for a in sys.argv[1:] if "=" in a)
workdir = pathlib.Path(sys.argv[sys.argv.index("--workdir") + 1])
if flags["batch_size"] == flags.get("fails"):
  sys.exit("error: no room")
workdir.mkdir()
rows = [{"step": 1, "loss": 9.0, "pairs_per_second": 1.0}] + [
    {"step": step, "loss": float(flags["optim.lr"]), "pairs_per_second": int(flags["steps"]) + step}
    for step in (2, 3, 4)
]
(workdir / "metrics.jsonl").write_text("".join(json.dumps(row) + "\\n" for row in rows))
(workdir / "results.json").write_text(json.dumps({"test/t2v/R@1": float(flags["batch_size"])}))
"""


@pytest.fixture
def study(monkeypatch, tmp_path):
  """Runs the study in tmp_path/"study" with more flags; returns its rows."""
  pretence, root = tmp_path / "pretended.py", tmp_path / "study"
  pretence.write_text(PRETENDED)
  asked = []
  command = scaling_study.Study.command

  def pretended(*args):
    asked.append(args[1:])
    words = command(*args)
    return [sys.executable, str(pretence), *words[words.index("-m") + 2 :]]

  monkeypatch.setattr(scaling_study.Study, "command", pretended)
  fixed = ["--workdir", str(root), "--base_lr", "0.1", "--base_batch", "16", "--examples", "640"]

  def run(*flags, extra=("--config=c",)):
    asked.clear()
    return scaling_study.main([*fixed, *flags, "--", *extra]), list(asked)

  run.root = root
  return run


def test_runs_differ_by_batch_and_rule_and_are_collected(study, capsys):
  flags = ["--batch_sizes", "16", "64", "--rules", "constant", "linear", "sqrt"]
  rows, _ = study(*flags)
  assert [row["loss"] for row in rows] == pytest.approx([0.1, 0.1, 0.1, 0.4, 0.1, 0.2])
  assert [row["recall"] for row in rows] == [16, 64] * 3
  assert [row["pairs_per_second"] for row in rows[:2]] == [43, 13]  # 40 and 10 steps
  assert all(row["memory_gib"] > 0 for row in rows)
  assert capsys.readouterr().out == (study.root / "scaling.txt").read_text()
  assert json.loads((study.root / "scaling.json").read_text()) == rows
  assert (study.root / "scaling.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_there_is_not_run_again(study):
  _, asked = study("--batch_sizes", "16")
  assert len(asked) == 1
  rows, asked = study("--batch_sizes", "16", "32")
  assert [point[0] for point in asked] == [32] and len(rows) == 2
  with pytest.raises(UserError, match="study was made with other settings .flags=--config=c, now"):
    study("--batch_sizes", "16", extra=("--config=other",))


@pytest.mark.parametrize("config", ["configs/cico.py", "~/configs/cico.py"])
def test_runs_on_other_data_are_not_collected(study, monkeypatch, config):
  monkeypatch.chdir(program.ROOT)
  monkeypatch.setenv("HOME", str(program.ROOT))
  extra = (f"--config={config}",)
  fingerprint = lambda value: monkeypatch.setattr(
    scaling_study.notes.records, "fingerprint", lambda *_: value
  )
  fingerprint("a")
  study("--batch_sizes", "16", extra=extra)
  study("--batch_sizes", "16", extra=extra)
  fingerprint("b")
  with pytest.raises(UserError, match="other settings .data=a, now b.: use these or a new"):
    study("--batch_sizes", "16", "32", extra=extra)


def test_runs_of_another_configuration_are_not_collected(study, tmp_path):
  path = tmp_path / "own.py"
  text = (program.ROOT / "configs/cico.py").read_text()
  path.write_text(text)
  study("--batch_sizes", "16", extra=(f"--config={path}",))
  path.write_text(text.replace("systems.cico", "systems.upret"))
  with pytest.raises(UserError, match="other settings .configuration="):
    study("--batch_sizes", "16", extra=(f"--config={path}",))


def test_runs_without_a_note_are_not_collected(study):
  study("--batch_sizes", "16")
  (study.root / "study.json").unlink()
  with pytest.raises(UserError, match="nothing says what .*study was made with"):
    study("--batch_sizes", "16")


@pytest.mark.parametrize(("flags", "message"), [
    (["--batch_sizes", "16", "0"], "--batch_sizes must be more than 0"),
    (["--base_batch", "0"], "--base_batch must be more than 0"),
    (["--devices", "0"], "--devices must be more than 0"),
])
def test_sizes_of_nothing_are_refused(study, flags, message):
  with pytest.raises(UserError, match=message):
    study(*flags)
  assert not study.root.exists()


def test_other_tasks_are_refused_before_the_first_run(study):
  config = f"--config={program.ROOT / 'configs' / 'sign_encoder.py'}"
  with pytest.raises(UserError, match="use a configuration of retrieval"):
    study("--batch_sizes", "16", extra=(config,))
  assert not study.root.exists()


def test_a_damaged_record_is_named(study):
  study("--batch_sizes", "16")
  (study.root / "study.json").write_text("{")
  with pytest.raises(UserError, match=r"study\.json is damaged"):
    study("--batch_sizes", "16")


def test_memory_that_was_not_written_down_stays_empty(study):
  study("--batch_sizes", "16")
  (study.root / "batch16,constant,devices=here" / "memory.json").unlink()
  rows, asked = study("--batch_sizes", "16")
  assert asked == [] and rows[0]["memory_gib"] is None
  assert (study.root / "scaling.txt").read_text().split()[-3] == "-"


def test_a_run_that_fails_is_named_with_its_last_line(study):
  with pytest.raises(UserError, match=r"batch32,constant,devices=here failed \(error: no room\)"):
    study("--batch_sizes", "16", "32", extra=("--config.fails=32",))


def test_simulated_devices_go_by_the_launcher(tmp_path):
  given, extra = scaling_study._arguments(["--devices", "4", "--", "--config=c"])
  words = scaling_study.Study(tmp_path, given, extra).command(32, "linear", 4)
  start = words.index("launch.local")
  assert words[start + 1 : start + 6] == [
      "--processes", "1", "--devices_per_process", "4", "--"
  ]
  assert "--config.optim.lr=0.00025" in words and "--config.steps=625" in words
