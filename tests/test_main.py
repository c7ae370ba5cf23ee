"""The training program from its command line to the files it leaves."""

import errno
import fcntl
import json
import os

import numpy as np
import pytest

from data_builders import build
from sign_jax.data import source
from sign_jax.run import settings, trained
from sign_jax.run import task as run_task
from sign_jax.run import workdir as workdir_room
from sign_jax.tasks.retrieval import Retrieval
from sign_jax.tasks.retrieval_report import DIRECTIONS
from sign_jax.train.checkpoint import Checkpoints
from sign_jax.train.step import Trainer
from tests import program

pytestmark = pytest.mark.usefixtures("quick_compile")

STEPS, EVERY = program.SMALL["steps"], program.SMALL["eval_every"]
NUMBERS = [
    f"{direction}/{column}"
    for direction in ("t2v", "v2t")
    for column in ("R@1", "R@5", "R@10", "MedR", "MnR")
]

FACTS = (
    "data", "fingerprint", "protocol", "evaluation_protocol", "caption", "ties", "combine",
    "streams", "alpha", "versions",
)


@pytest.fixture(autouse=True, scope="module")
def compiled_once():
  """Most tests evaluate one run over and over; `tests/test_resume.py` starts it anew."""
  with pytest.MonkeyPatch.context() as patch:
    program.share_compiled(patch)
    yield


def results(workdir):
  return json.loads((workdir / "results.json").read_text())


def test_a_run_leaves_what_it_promises(finished, data_dir):
  workdir, _ = finished
  for name in ("config.json", "metrics.jsonl", "results.json", "curves.png"):
    assert (workdir / name).stat().st_size, name
  assert list((workdir / "tensorboard").glob("events*"))
  assert (workdir / "checkpoints" / "last" / str(STEPS)).is_dir()
  assert (workdir / "checkpoints" / "best" / str(results(workdir)["best_step"])).is_dir()
  config = json.loads((workdir / "config.json").read_text())
  windows = source.RetrievalSplit("signing_sim/tiny", "train", data_dir=data_dir).windows
  assert config["clip_windows"] == np.median(windows) == trained.load(workdir).clip_windows
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
  sizes = {f"{split}/{of}" for split in ("validation", "test") for of in ("sentences", "videos")}
  assert set(numbers) == {"best_step", "seed", *FACTS} | expected | sizes
  for name, value in numbers.items():
    if "/R@" in name:
      assert 0 <= value <= 100, name
    elif name not in sizes and "/" in name:
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


def test_results_say_what_they_were_measured_on(finished):
  numbers = results(finished[0])
  assert numbers["data"].startswith("signing_sim/tiny:") and len(numbers["fingerprint"]) == 64
  assert numbers["ties"] == "expected" and numbers["caption"] == "text"
  assert (numbers["streams"], numbers["alpha"]) == ("agnostic, aware", 0.8)
  assert (numbers["test/sentences"], numbers["test/videos"]) == (8, 11)


def evaluate(monkeypatch, workdir, *flags, config="configs/upret.py"):
  return program.call(
      monkeypatch, "--config", config, "--workdir", workdir, "--mode=evaluate", *flags
  )


def test_the_given_file_may_be_of_another_system(copy, monkeypatch):
  before = (copy / "results.json").read_bytes()
  for config in ("configs/cico.py", "configs/seds.py", "configs/upret.py:how2sign"):
    (copy / "results.json").unlink()
    evaluate(monkeypatch, copy, config=config)
    assert (copy / "results.json").read_bytes() == before


def test_numbers_of_other_data_or_ties_are_not_the_results_of_the_run(copy, monkeypatch, capsys):
  before = (copy / "results.json").read_bytes()
  found = evaluate(monkeypatch, copy, "--config.ties=released")
  assert found["ties"] == "released"
  monkeypatch.setattr(Retrieval, "fingerprint", "of other data")
  found = evaluate(monkeypatch, copy)
  assert found["trained_on"] == json.loads(before)["fingerprint"]
  assert "not the one that this run was trained on" in capsys.readouterr().err
  assert (copy / "results.json").read_bytes() == before
  others = {path.name for path in copy.glob("results-*.json")}
  assert others == {"results-ties=released.json", "results-data=of_other.json"}


@pytest.mark.parametrize("split", ["test", "validation"])
def test_a_run_is_evaluated_on_the_splits_that_there_are(
    split, copy, tmp_path, monkeypatch, capsys
):
  before = json.loads((copy / "results.json").read_text())
  build.prepare("signing_sim/tiny", data_dir=tmp_path / "part", splits=(split,))
  found = evaluate(monkeypatch, copy, f"--config.data.data_dir={tmp_path / 'part'}")
  for name, value in found.items():
    if name.startswith(f"{split}/"):
      assert value == before[name]
  assert {name.split("/")[0] for name in found if "/" in name} == {split}
  assert capsys.readouterr().out.count("text to video") == 1


DAMAGE = {
    "empty": lambda text: "", "half": lambda text: text[: len(text) // 2],
    "list": lambda text: "[]", "number": lambda text: "7", "deep": lambda text: "[" * 99_999,
    "no UTF-8": lambda text: text.replace("upret", "upr\udcffet"),
    "another value": lambda text: text.replace('"samples": 2', '"samples": 3'),
    "another key": lambda text: text.replace('"samples"', '"tamples"'),
    "another kind": lambda text: text.replace('"samples": 2', '"samples": [2]'),
    "another system": lambda text: text.replace('"upret"', '"cico"'),
}


def damaged(workdir, damage):
  """The path of the run's config.json, which is damaged now."""
  path = workdir / "config.json"
  path.write_bytes(DAMAGE[damage](path.read_text()).encode(errors="surrogateescape"))
  return path


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_config_is_replaced_by_the_checkpoints_own(copy, damage, capsys):
  whole = json.loads((copy / "config.json").read_text())
  for name in ("inputs", "clip_windows"):  # are no settings
    whole.pop(name)
  damaged(copy, damage)
  assert settings.of_run(copy) == whole
  assert "the settings in the newest checkpoint are used" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["half", "another value"])
def test_a_run_with_a_damaged_config_is_evaluated_and_mended(copy, data_dir, damage, monkeypatch):
  before = (copy / "results.json").read_bytes()
  path = damaged(copy, damage)
  (copy / "results.json").unlink()
  evaluate(monkeypatch, copy)
  assert (copy / "results.json").read_bytes() == before
  program.call(monkeypatch, *program.arguments(copy, data_dir))  # trains on, which mends it
  assert json.loads(path.read_text())["model"]["distribution"]["samples"] == 2


def test_a_key_of_a_damaged_config_is_shown_as_text(copy, capsys):
  path = copy / "config.json"
  path.write_text(json.dumps({**json.loads(path.read_text()), "\x1b[2J": 1}))
  settings.of_run(copy)
  error = capsys.readouterr().err
  assert "\\x1b[2J" in error and "\x1b" not in error


@pytest.mark.parametrize("damage", sorted(set(DAMAGE) - {"another value"}))
def test_a_damaged_config_of_an_old_run_is_one_sentence(copy, damage, monkeypatch, capsys):
  for path in (copy / "checkpoints").glob("*/*/record/metadata"):  # as before records had a seal
    record = json.loads(path.read_text())
    names = ("fingerprint", "best_step", "best", "digest", "structure")
    path.write_text(json.dumps({name: record[name] for name in names}))
  damaged(copy, damage)
  with pytest.raises(SystemExit) as end:
    evaluate(monkeypatch, copy)
  error = capsys.readouterr().err.splitlines()
  assert end.value.code == 1 and error[-1].startswith("error: ")


def test_the_same_command_after_the_end_changes_nothing(copy, data_dir, monkeypatch):
  files = ("results.json", "metrics.jsonl", "config.json")
  before = {name: (copy / name).read_bytes() for name in files}
  program.call(monkeypatch, *program.arguments(copy, data_dir))
  assert {name: (copy / name).read_bytes() for name in files} == before


def test_help_names_the_flags(monkeypatch, capsys):
  program.call(monkeypatch, "--help")
  out = capsys.readouterr().out
  assert all(f"  {flag}: " in out for flag in ("--config", "--workdir", "--mode"))


def test_training_memorises_its_pairs(finished, copy, data_dir, monkeypatch):
  losses = [row["loss"] for row in program.metrics(finished[0]) if "loss" in row]
  config = program.parse(monkeypatch, *program.arguments(copy, data_dir))
  trainer = Trainer(run_task.make(config), config)
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
  with workdir_room.claim(tmp_path / "run"):
    (line,) = capsys.readouterr().err.splitlines()
  assert "file system without locks" in line and "no second run" in line


def test_locks_that_fail_otherwise_are_no_lack_of_them(tmp_path, monkeypatch):
  def refuse(*_):
    raise OSError(errno.EIO, os.strerror(errno.EIO))

  monkeypatch.setattr(fcntl, "flock", refuse)
  with pytest.raises(OSError, match="Input/output"), workdir_room.claim(tmp_path / "run"):
    pass
