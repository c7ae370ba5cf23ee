"""Released weights are evaluated in one command, without a training run before it."""

import hashlib
import json
import re

import pytest

import sign_jax
from sign_jax.data import records
from sign_jax.train import loop
from tests import program, released

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
  return released.write(tmp_path_factory.mktemp("weights") / "model.safetensors")


def arguments(workdir, data_dir, weights, system="upret", **settings):
  args = program.arguments(workdir, data_dir, system, **settings)
  return [*args, "--mode=evaluate", f"--config.init.model={weights}"]


@pytest.fixture(scope="module")
def evaluated(data_dir, weights, tmp_path_factory):
  """(folder, what the command printed); only validation and test can be opened."""
  folder = tmp_path_factory.mktemp("evaluated") / "run"
  with pytest.MonkeyPatch.context() as patch:
    opened, open_split = [], records.SplitSource.__init__
    patch.setattr(records.SplitSource, "__init__",
                  lambda self, f, split: (opened.append(split), open_split(self, f, split))[1])
    patch.setattr(loop.Trainer, "__init__", lambda *_: pytest.fail("it prepares to train"))
    program.call(patch, *arguments(folder, data_dir, weights))
  assert set(opened) == {"validation", "test"}
  return folder


def test_results_say_which_weights_were_measured(evaluated, weights):
  results = json.loads((evaluated / "results.json").read_text())
  assert results["weights"] == str(weights)
  assert results["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
  assert results["data"].startswith("signing_sim/tiny") and "best_step" not in results
  assert 0 <= results["test/t2v/R@1"] <= 100 and results["test/videos"] == 11
  assert not (evaluated / "checkpoints").exists()


def test_again_in_the_same_folder(evaluated, data_dir, weights, monkeypatch):
  before = (evaluated / "results.json").read_bytes()
  (evaluated / "results.json").unlink()
  program.call(monkeypatch, *arguments(evaluated, data_dir, weights))
  assert (evaluated / "results.json").read_bytes() == before


def test_python_measures_the_same(evaluated, data_dir, weights):
  results = json.loads((evaluated / "results.json").read_text())
  config = released.small_config(data__data_dir=str(data_dir), init__model=str(weights))
  found = sign_jax.evaluate(config, "test")
  assert found == {k: x for k, x in results.items() if not k.startswith("validation/")}
  changes = dict(config.to_dict()["data"])
  model = sign_jax.load(weights, config={
      "model.video.heads": 2, "model.text.heads": 2, "model.dtype": "float32",
      "eval_batch_size": 8, **{f"data.{key}": value for key, value in changes.items()},
  })
  again = sign_jax.evaluate(model, "test")
  assert {k: x for k, x in again.items() if "/" in k} == pytest.approx(
      {k: x for k, x in found.items() if "/" in k}
  )


@pytest.mark.parametrize(("change", "words"), [
    ({"weights": "nothing.bin"}, "--config.init.model: there is no file nothing.bin"),
    ({"system": "cico"}, "do not fit the model.*unexpected .*video_weight_fc"),
    ({"data__name": "signing_sim/small"}, "python -m data_builders.build signing_sim"),
    ({"model__embed_dim": 64}, "do not fit the model.*misshaped"),
])
def test_mistakes_are_one_sentence(change, words, data_dir, weights, tmp_path, monkeypatch, capsys):
  args = arguments(tmp_path / "run", data_dir, **{"weights": weights, **change})
  with pytest.raises(SystemExit):
    program.call(monkeypatch, *args)
  error = capsys.readouterr().err
  assert re.search(words, error) and "Traceback" not in error
