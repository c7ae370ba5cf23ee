import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.train import distributed
from sign_jax.train.checkpoint import Checkpoints


def tree(value):
  return {"w": jnp.full((64, 64), value), "step": jnp.int32(value)}


TARGET = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree(0.0))
RECORD = {"fingerprint": "f", "best_step": None, "best": None}


def saved(directory, *steps):
  checkpoints = Checkpoints(directory)
  for step in steps:
    checkpoints.save_last(step, tree(float(step)), RECORD)
  checkpoints.close()


def target():
  device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
  return jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), TARGET
  )


def array_files(directory, step):
  """Data files of a checkpoint's arrays, the largest first."""
  files = [p for p in (directory / "last" / str(step) / "tree").rglob("*") if p.is_file()]
  return sorted(files, key=lambda p: -p.stat().st_size)


def test_newest_state_comes_back(tmp_path):
  saved(tmp_path, 3, 5)
  state, record = Checkpoints(tmp_path).restore_last(target())
  np.testing.assert_array_equal(state["w"], np.full((64, 64), 5.0))
  assert record["fingerprint"] == "f"


def test_nothing_saved(tmp_path):
  assert Checkpoints(tmp_path).restore_last(target()) is None


@pytest.mark.parametrize("damage", ["truncate", "record"])
def test_damaged_checkpoint_falls_back(tmp_path, damage, capsys):
  saved(tmp_path, 3, 5)
  if damage == "truncate":
    for path in array_files(tmp_path, 5):
      path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
  else:
    path = next((tmp_path / "last" / "5" / "record").rglob("*metadata*"), None)
    record = tmp_path / "last" / "5" / "record"
    (path,) = [p for p in record.rglob("*") if p.is_file() and b"digest" in p.read_bytes()]
    content = json.loads(path.read_text())
    content["digest"] = "0" * 32
    path.write_text(json.dumps(content))
  checkpoints = Checkpoints(tmp_path)
  state, _ = checkpoints.restore_last(target())
  assert int(state["step"]) == 3
  assert "checkpoint 5" in capsys.readouterr().err
  # The damaged step can be written again.
  checkpoints.save_last(5, tree(5.0), RECORD)
  checkpoints.close()
  assert int(Checkpoints(tmp_path).restore_last(target())[0]["step"]) == 5


def test_all_damaged_is_an_error(tmp_path):
  saved(tmp_path, 3)
  for path in array_files(tmp_path, 3):
    path.write_bytes(b"")
  with pytest.raises(UserError, match="new --workdir"):
    Checkpoints(tmp_path).restore_last(target())


@pytest.fixture
def another_fails(monkeypatch):
  """fail(n): the n-th answer that all processes give together is another one's yes."""
  own = []

  def fail(number):
    monkeypatch.setattr(
        distributed, "any_process", lambda flag: own.append(flag) or flag or len(own) == number
    )
    return own

  return fail


def test_what_another_process_cannot_read_is_passed_over_by_all(tmp_path, another_fails):
  saved(tmp_path, 3, 5)
  own = another_fails(2)  # the arrays of step 5
  state, _ = Checkpoints(tmp_path).restore_last(target())
  assert int(state["step"]) == 3
  assert own == [False] * 4  # two steps of a record and arrays, all of which this one could read


@pytest.mark.parametrize("number", [1, 2, 3])  # the step, its record, its arrays
def test_a_best_one_that_another_process_cannot_read_is_none(tmp_path, another_fails, number):
  checkpoints = Checkpoints(tmp_path)
  checkpoints.ensure_best(1, tree(1.0), RECORD)
  checkpoints.close()
  own = another_fails(number)
  with pytest.raises(UserError, match="no readable best checkpoint"):
    Checkpoints(tmp_path).restore_best(1, target())
  assert own == [False] * number


def test_unfinished_save_is_ignored(tmp_path):
  saved(tmp_path, 3)
  partial = pathlib.Path(tmp_path / "last" / "7.orbax-checkpoint-tmp")
  partial.mkdir()
  (partial / "junk").write_text("x")
  assert int(Checkpoints(tmp_path).restore_last(target())[0]["step"]) == 3


def test_missing_best_is_one_sentence(tmp_path):
  with pytest.raises(UserError, match="train first"):
    Checkpoints(tmp_path).restore_best(None, target())


def test_best_replaces_best(tmp_path):
  checkpoints = Checkpoints(tmp_path)
  for step in (1, 2):
    checkpoints.save_last(step, tree(float(step)), RECORD)
    checkpoints.ensure_best(step, tree(float(step)), {**RECORD, "best_step": step})
  checkpoints.close()
  state, record = Checkpoints(tmp_path).restore_best(2, target())
  assert int(state["step"]) == 2 and record["best_step"] == 2
