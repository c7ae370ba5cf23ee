"""The training program from its command line to the files it leaves."""

import errno
import fcntl
import json
import os

import pytest

from sign_jax import main
from sign_jax.tasks.retrieval import DIRECTIONS, Retrieval
from sign_jax.train.checkpoint import Checkpoints
from sign_jax.train.loop import Trainer
from tests import program

pytestmark = pytest.mark.usefixtures("quick_compile")

STEPS, EVERY = program.SMALL["steps"], program.SMALL["eval_every"]
NUMBERS = [
    f"{direction}/{column}"
    for direction in ("t2v", "v2t")
    for column in ("R@1", "R@5", "R@10", "MedR", "MnR")
]


def results(workdir):
  return json.loads((workdir / "results.json").read_text())


def test_a_run_leaves_what_it_promises(finished):
  workdir, _ = finished
  for name in ("config.json", "metrics.jsonl", "results.json", "curves.png"):
    assert (workdir / name).stat().st_size, name
  assert list((workdir / "tensorboard").glob("events*"))
  assert (workdir / "checkpoints" / "last" / str(STEPS)).is_dir()
  assert (workdir / "checkpoints" / "best" / str(results(workdir)["best_step"])).is_dir()
  config = json.loads((workdir / "config.json").read_text())
  assert config["model"]["video"]["width"] == 32 and config["data"]["name"] == "signing_sim/tiny"


def test_metrics_are_one_object_a_line(finished):
  rows = program.metrics(finished[0])
  training = [row for row in rows if "loss" in row]
  assert [row["step"] for row in training] == list(range(1, STEPS + 1))
  for row in training:
    assert {"loss", "learning_rate", "pairs_per_second", "gradient_norm", "logit_scale"} < set(row)
    assert all(isinstance(value, int | float) for value in row.values())
  assert training[0]["learning_rate"] == 0.0 < training[1]["learning_rate"]
  validation = [row for row in rows if "validation/t2v/R@1" in row]
  assert [row["step"] for row in validation] == list(range(EVERY, STEPS + 1, EVERY))
  assert set(validation[0]) == {"step", *(f"validation/{name}" for name in NUMBERS)}


def test_results_are_flat_percentages_of_the_best_step(finished):
  numbers = results(finished[0])
  expected = {f"{split}/{name}" for split in ("validation", "test") for name in NUMBERS}
  assert set(numbers) == {"best_step", "seed"} | expected
  for name, value in numbers.items():
    if "/R@" in name:
      assert 0 <= value <= 100, name
    elif "/" in name:
      assert 1 <= value <= 11, name  # of 8 sentences, or 11 videos
  validation = {r["step"]: r for r in program.metrics(finished[0]) if "validation/t2v/R@1" in r}
  best = max(sorted(validation), key=lambda step: validation[step]["validation/t2v/R@1"])
  assert numbers["best_step"] == best  # the first of the best
  for name in NUMBERS:
    assert numbers[f"validation/{name}"] == pytest.approx(validation[best][f"validation/{name}"])


def test_the_tables_show_both_directions_and_all_columns(finished):
  workdir, out = finished
  numbers, lines = results(workdir), out.splitlines()
  assert len(lines) == 8
  for split, table in (("validation", lines[:4]), ("test", lines[4:])):
    assert split in table[0] and "8 sentences" in table[0]
    assert table[1].split() == ["R@1", "R@5", "R@10", "MedR", "MnR"]
    for key, label, line in zip(*zip(*DIRECTIONS, strict=True), table[2:], strict=True):
      assert line.startswith(label)
      shown = [float(word) for word in line.removeprefix(label).split()]
      columns = (numbers[f"{split}/{key}/{column}"] for column in table[1].split())
      assert shown == pytest.approx(list(columns), abs=0.0501)


def test_evaluation_knows_the_runs_settings_and_reproduces_its_results(copy, monkeypatch, capsys):
  before = (copy / "results.json").read_bytes()
  (copy / "results.json").unlink()
  args = "--config", "configs/upret.py", "--workdir", copy, "--mode=evaluate"
  program.call(monkeypatch, *args)
  assert (copy / "results.json").read_bytes() == before
  assert "text to video" in capsys.readouterr().out


def test_the_same_command_after_the_end_changes_nothing(copy, data_dir, monkeypatch):
  files = ("results.json", "metrics.jsonl", "config.json")
  before = {name: (copy / name).read_bytes() for name in files}
  program.call(monkeypatch, *program.arguments(copy, data_dir))
  assert {name: (copy / name).read_bytes() for name in files} == before


def test_help_names_the_flags(monkeypatch, capsys):
  program.call(monkeypatch, "--help")
  out = capsys.readouterr().out
  assert all(flag in out for flag in ("--config", "--workdir", "--mode"))


def test_training_memorises_its_pairs(finished, copy, data_dir, monkeypatch):
  losses = [row["loss"] for row in program.metrics(finished[0]) if "loss" in row]
  config = program.parse(monkeypatch, *program.arguments(copy, data_dir))
  trainer = Trainer(Retrieval(config), config)
  before = trainer.evaluate(trainer.create().variables, "train")
  state, _ = Checkpoints(copy / "checkpoints").restore_last(trainer.target)
  after = trainer.evaluate(state.variables, "train")
  assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
  for direction in ("t2v", "v2t"):  # chance is 1 in 24
    assert before[f"train/{direction}/R@1"] < 25
    assert after[f"train/{direction}/R@1"] > 60


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_said_in_one_line(tmp_path, monkeypatch, capsys, number):
  def refuse(*_):
    raise OSError(number, os.strerror(number))

  monkeypatch.setattr(fcntl, "flock", refuse)
  with main.claim(tmp_path / "run"):
    (line,) = capsys.readouterr().err.splitlines()
  assert "file system without locks" in line and "no second run" in line


def test_locks_that_fail_otherwise_are_no_lack_of_them(tmp_path, monkeypatch):
  def refuse(*_):
    raise OSError(errno.EIO, os.strerror(errno.EIO))

  monkeypatch.setattr(fcntl, "flock", refuse)
  with pytest.raises(OSError, match="Input/output"), main.claim(tmp_path / "run"):
    pass
