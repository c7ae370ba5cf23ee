"""A user's mistake ends with status 1 and one sentence that says what to do."""

import re
import shlex
import shutil

import numpy as np
import pytest

from data_builders import build
from sign_jax.errors import UserError
from sign_jax.run import settings as run_settings
from sign_jax.run import task as run_task
from sign_jax.run import workdir as workdir_room
from sign_jax.tasks.retrieval import Retrieval
from sign_jax.train import checkpoint
from tests import program
from tests.data import tiny

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture
def sentence(monkeypatch, capsys):
  """Calls the program with a mistake; returns its only sentence."""

  def call(*args):
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
      program.call(monkeypatch, *args)
    assert stop.value.code == 1
    return only_sentence(capsys.readouterr().err)

  return call


def only_sentence(error):
  """The text behind "error: ", when nothing worse is said."""
  # Progress bars and the step that a run goes on from may come before it.
  *others, last = error.splitlines()
  progress = re.compile(r"\s*$|resuming at|compiling: |the first step was|step \d+: |doing steps ")
  assert all("%|" in line or progress.match(line) for line in others)
  assert last.startswith("error: ") and "Traceback" not in error
  return last.removeprefix("error: ")


def config_of(args):
  """The configuration of a command line."""
  with pytest.MonkeyPatch.context() as patch:
    return program.parse(patch, *args)


@pytest.mark.parametrize(("args", "words"), [
    (["--config.batchsize=8"], "has no key 'batchsize' .did you mean 'batch_size'"),
    (["--config.model.video.widht=8"], "'model.video.widht' .did you mean 'model.video.width'"),
    (["--config.modle.video.width=8"], "'modle.video.width' .did you mean 'model.video.width'"),
    (["--config.batch_size=many"], "--config.batch_size=many"),
    (["--config.batch_size=1.5"], "--config.batch_size=1.5"),
    (["--config.optim.lr=fast"], "--config.optim.lr=fast"),
    (["--config.model.mask_padding=maybe"], "--config.model.mask_padding=maybe"),
    (["--config.batch_size"], "Missing value"),
    (["--wordir=x"], "Did you mean: workdir"),
    (["--mode=test"], "train.evaluate"),
    (["batch_size=8"], "'batch_size=8' is not a flag: write --config.KEY=VALUE"),
])
def test_mistakes_on_the_command_line(sentence, data_dir, tmp_path, args, words):
  workdir = tmp_path / "run"
  assert re.search(words, sentence(*program.arguments(workdir, data_dir), *args))
  assert not workdir.exists()


@pytest.mark.parametrize(("args", "words"), [
    (["--workdir=x"], "--config is missing: for example python -m sign_jax.main --config"),
    (["--workdir=x", "--config.batch_size=8"], "--config is missing"),
    (["--config=configs/upret.py"], "--workdir is missing: for example python -m sign_jax.main"),
    (["--config=configs/upert.py", "--workdir=x"],
     "--config: there is no file configs/upert.py .did you mean 'upret.py'"),
    (["--config", "configs", "--workdir=x"], "--config: configs is no file, name a file of"),
    (["--config=configs/upret.py:how2sing", "--workdir=x"],
     "'how2sing': choose one of .*video_folder .did you mean 'how2sign'"),
])
def test_mistakes_in_where_things_are(sentence, args, words):
  assert re.search(words, sentence(*args))


@pytest.mark.parametrize(("settings", "words"), [
    ({"batch_size": 0}, "batch_size=0 must be greater than 0"),
    ({"batch_size": -8}, "batch_size=-8 must be greater than 0"),
    ({"batch_size": 25}, "batch_size 25 exceeds the 24 .* --config.batch_size"),
    ({"batch_size": 25, "steps": 0}, "batch_size 25 exceeds the 24 .* --config.batch_size"),
    ({"steps": 0, "epochs": 0}, "nothing to train: set --config.epochs"),
    ({"steps": -1}, "steps=-1 must not be negative"),
    ({"seed": -1}, "seed=-1 must not be negative"),
    ({"eval_every": 0}, "eval_every=0 must be greater than 0"),
    ({"data.text_length": 78}, "data.text_length=78 is not between 3 and 77"),
    ({"model.video.heads": 5}, "model.video.width=32 does not divide among model.video.heads=5"),
    ({"model.embed_dim": 200}, "model.embed_dim=200 does not divide .* multiple of 64"),
    ({"model.distribution.samples": 0}, "model.distribution.samples=0 must be greater"),
    ({"mesh.tensor": 1000}, "1000 does not divide the .* devices"),
    ({"task": "recognise"}, "task='recognise' is not one of retrieval"),
    ({"ties": "none"}, "ties='none' is not one of expected, released"),
    ({"model.token_pooling": "maximum"}, "token_pooling='maximum' is not one of softmax, max .did"),
    ({"model.variant": "papre"}, "variant='papre' is not one of released, paper .did you mean"),
    ({"model.distribution.structure": "mpl"}, "structure='mpl' is not one of .*did you mean 'mlp'"),
    ({"model.ot.solver": "sinkhorn"}, "model.ot.solver='sinkhorn' is not one of ott"),
    ({"model.ot.solver": "closed_form", "model.distribution.samples": 4}, "2 x 2 problems only"),
    ({"data.combine": "mean"}, "combine='mean' is unknown: choose sum, cat or a stream"),
    ({"data.name": "a b"}, "'a b' is not a name"),
])
def test_settings_that_cannot_work(sentence, data_dir, tmp_path, settings, words):
  settings = {key.replace(".", "__"): value for key, value in settings.items()}
  assert re.search(words, sentence(*program.arguments(tmp_path / "run", data_dir, **settings)))


def test_a_missing_data_set_names_the_command_that_builds_it(sentence, tmp_path):
  args = program.arguments(tmp_path / "run", tmp_path / "data")
  words = sentence(*args)
  command = shlex.split(re.search("run `(.*)`", words)[1])
  assert command[:3] == ["python", "-m", "data_builders.build"]
  build.main(command[3:])
  assert "nothing to train" in sentence(*args, "--config.steps=0", "--config.epochs=0")
  assert run_task.make(config_of(args)).split("train").num_sentences == 24


@pytest.mark.parametrize(("change", "words"), [
    ({"text": " "}, "(?i)sentence 'sentence_0' .* has no text"),
    ({"windows": 0}, "(?i)video 'video_0' .* has no features"),
    ({"agnostic": np.full((3, tiny.DIM), np.nan, np.float16), "windows": 3}, "not all finite"),
])
def test_bad_data(sentence, tmp_path, change, words):
  arrays = {key: value for key, value in change.items() if isinstance(value, np.ndarray)}
  options = {"windows": 2, **{k: v for k, v in change.items() if k not in arrays}}
  bad = {**tiny.clip(0, 0, **options), **arrays}
  good = [tiny.clip(i, i, 2) for i in range(1, 12)]
  tiny.build(tmp_path, {"train": [bad, *good], "validation": good, "test": good})
  args = program.arguments(tmp_path / "run", tmp_path, "cico", data__name="tiny")
  assert re.search(words, sentence(*args))


def test_a_loss_that_is_not_finite(sentence, data_dir, tmp_path):
  args = program.arguments(tmp_path / "run", data_dir, "cico", optim__lr=1e30)
  words = sentence(*args)
  assert re.match("the loss is nan at step 3: the first tensor that is not finite is ", words)
  assert "lower --config.optim.lr" in words and ("of video 'train_" in words or "weight" in words)
  assert "sign_jax.diagnose" in words and (tmp_path / "run/nonfinite_step_3.npz").exists()
  # No checkpoint binds the run to the rate that failed.
  assert not checkpoint.exists(tmp_path / "run" / "checkpoints")
  run_settings.check(config_of([*args, "--config.optim.lr=0.1"]), tmp_path / "run")


def test_other_settings_in_a_workdir(sentence, copy, data_dir):
  words = sentence(*program.arguments(copy, data_dir, batch_size=4, optim__lr=0.5))
  assert "was started with batch_size=8, optim.lr=0.001: use the same settings" in words
  before = (copy / "config.json").read_bytes()
  words = sentence(*program.arguments(copy, data_dir, model__embed_dim=64), "--mode=evaluate")
  assert "was trained with model.embed_dim=32: evaluate it without" in words
  assert (copy / "config.json").read_bytes() == before
  (copy / "config.json").unlink()  # the checkpoints know them too
  with pytest.raises(UserError, match="was started with batch_size=8: use the same settings"):
    run_settings.check(config_of(program.arguments(copy, data_dir, batch_size=4)), copy)
  shutil.rmtree(copy / "checkpoints")  # which know the settings too
  (copy / "checkpoints/last/60").mkdir(parents=True)
  (copy / "config.json").write_text("{")
  assert "config.json is damaged" in sentence(*program.arguments(copy, data_dir))


def test_other_data_in_a_workdir(sentence, copy, data_dir, monkeypatch):
  monkeypatch.setattr(Retrieval, "fingerprint", "of other data")
  words = sentence(*program.arguments(copy, data_dir))
  assert words.startswith("the data set has changed") and "new --workdir" in words


def test_a_model_of_other_sizes(copy):
  target = {"w": np.zeros(3)}
  checkpoints = checkpoint.Checkpoints(copy / "checkpoints")
  with pytest.raises(UserError, match="of a model with other sizes"):
    checkpoints.restore_best(None, target)
  with pytest.raises(UserError, match="of a model with other sizes"):
    checkpoints.restore_last(target)
  checkpoints.close()


def test_evaluation_before_training(sentence, data_dir, tmp_path):
  words = sentence(*program.arguments(tmp_path / "run", data_dir), "--mode=evaluate")
  assert "no trained run" in words and "train first" in words
  assert not (tmp_path / "run").exists()


def test_a_workdir_that_is_in_use_or_no_folder(sentence, data_dir, tmp_path):
  with workdir_room.claim(tmp_path / "run"):
    words = sentence(*program.arguments(tmp_path / "run", data_dir))
  assert "another run is at work" in words
  (tmp_path / "file").write_text("")
  words = sentence(*program.arguments(tmp_path / "file", data_dir))
  assert "cannot be written to" in words


def test_manual_files_that_are_missing(tmp_path, capsys):
  with pytest.raises(SystemExit) as stop:
    build.main(["video_folder", f"--manual_dir={tmp_path}", f"--data_dir={tmp_path / 'data'}"])
  assert stop.value.code == 1
  assert "captions.csv" in only_sentence(capsys.readouterr().err)


@pytest.mark.parametrize(("devices", "settings", "words"), [
    (8, {"batch_size": 12}, "batch_size 12 is not divisible by the 8 devices .*=8 or 16$"),
    (8, {"eval_batch_size": 6}, "eval_batch_size 6 is not .*--config.eval_batch_size=8$"),
    (1, {"batchsize": 8}, "has no key 'batchsize' .did you mean 'batch_size'"),
])
def test_the_program_itself(data_dir, tmp_path, devices, settings, words):
  args = program.arguments(tmp_path / "run", data_dir, **settings)
  status, out, error = program.train(args, devices=devices)
  assert status == 1 and not out and error.count("\n") == 1
  assert re.search(words, only_sentence(error))
