import errno
import json
import os
import pathlib
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.train import checkpoint, distributed
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
  # Two steps of a record and arrays, all of which this one could read, and moving one away.
  assert own == [False] * 5


@pytest.mark.parametrize("number", [1, 2])  # its record, its arrays
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


def bests(directory, scores, states=()):
  """Best checkpoints {step: score}, and whole states {step: (best step, own score)}."""
  checkpoints = Checkpoints(directory)
  for step, score in scores.items():
    checkpoints.ensure_best(step, tree(float(step)), {**RECORD, "best_step": step, "best": score})
  for step, (best, score) in dict(states).items():
    facts = {"best_step": best, "best": scores[best], "score": score}
    checkpoints.save_last(step, tree(float(step)), {**RECORD, **facts})
  checkpoints.close()


def test_the_best_two_are_kept_and_the_newest_is_the_best(tmp_path):
  bests(tmp_path, {1: 3.0, 2: 4.0, 3: 5.0})
  best = Checkpoints(tmp_path).restore_best(None, target())
  assert int(best.variables["step"]) == 3 == best.record["best_step"]
  assert best.lost is None and best.of_best
  assert sorted(path.name for path in (tmp_path / "best").iterdir()) == ["2", "3"]


def break_it(folder, damage):
  if damage == "deleted":
    shutil.rmtree(folder)
    return
  kind = "record" if damage in ("record", "key") else "tree"
  for path in [p for p in (folder / kind).rglob("*") if p.is_file()]:
    content = path.read_bytes()
    if damage == "key":
      content = content.replace(b"best_step", b"bfst_step")
    elif damage == "bit":
      middle = len(content) // 2
      content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    else:
      content = b""
    path.write_bytes(content)


DAMAGES = ("deleted", "record", "key", "bit", "empty")


@pytest.mark.parametrize("damage", DAMAGES)
def test_instead_of_a_damaged_best_one_its_whole_state_is_taken(tmp_path, damage):
  bests(tmp_path, {1: 3.0, 2: 4.0}, {2: (2, 4.0), 3: (2, 1.0)})
  break_it(tmp_path / "best/2", damage)
  checkpoints = Checkpoints(tmp_path)
  best = checkpoints.restore_best(2, target(), (target(), lambda state: state))
  assert int(best.variables["step"]) == 2 and best.lost is None and not best.of_best
  checkpoints.mend_best(best)
  checkpoints.close()
  mended = Checkpoints(tmp_path).restore_best(None, target())
  assert int(mended.variables["step"]) == 2 and mended.of_best and mended.record["best"] == 4.0


@pytest.mark.parametrize("damage", DAMAGES)
def test_instead_of_a_damaged_best_one_the_best_that_is_left_is_taken(tmp_path, damage, capsys):
  bests(tmp_path, {1: 3.0, 2: 4.0}, {3: (2, 1.0), 4: (2, 2.0)})
  break_it(tmp_path / "best/2", damage)
  restore = lambda: Checkpoints(tmp_path).restore_best(
      None, target(), (target(), lambda state: state)
  )
  best = restore()
  assert int(best.variables["step"]) == 1 and best.lost == 2 and best.of_best
  assert "the best checkpoint, of step 2, cannot be read: that of step 1" in capsys.readouterr().err
  shutil.rmtree(tmp_path / "best/1")
  best = restore()
  assert int(best.variables["step"]) == 4 and best.lost == 2  # by its own score
  break_it(tmp_path / "last/4", "bit")
  assert int(restore().variables["step"]) == 3


def test_a_state_names_the_best_of_which_something_is_left(tmp_path, capsys):
  bests(tmp_path, {1: 3.0, 2: 4.0}, {3: (2, 1.0)})
  shutil.rmtree(tmp_path / "best/2")
  whole = target(), (target(), lambda state: state)
  checkpoints = Checkpoints(tmp_path)
  _, record = checkpoints.restore_last(target())
  kept = checkpoints.keep_best(record, *whole)
  assert (kept["best_step"], kept["best"]) == (1, 3.0)
  assert kept["lost_best"] == {"step": 2, "score": 4.0}
  assert "of step 2, cannot be read" in capsys.readouterr().err
  assert checkpoints.keep_best(kept, *whole) == kept
  shutil.rmtree(tmp_path / "best/1")
  gone = Checkpoints(tmp_path).keep_best(kept, *whole)
  assert (gone["best_step"], gone["best"], gone["lost_best"]["step"]) == (3, 1.0, 2)


def test_one_that_cannot_be_read_now_is_moved_and_not_deleted(tmp_path, monkeypatch, capsys):
  saved(tmp_path, 3, 5)
  content = lambda folder: {
      path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
  }
  before = content(tmp_path / "last/5")
  read = checkpoint._read_tree

  def failing(folder, target):
    if folder.name == "5":
      raise OSError(errno.EIO, os.strerror(errno.EIO))
    return read(folder, target)

  monkeypatch.setattr(checkpoint, "_read_tree", failing)
  checkpoints = Checkpoints(tmp_path)
  assert int(checkpoints.restore_last(target())[0]["step"]) == 3
  error = capsys.readouterr().err
  (aside,) = (tmp_path / "set_aside").iterdir()
  assert "Input/output error" in error and f"set aside as {aside}" in error
  assert content(aside) == before
  # Put back by hand, it is the newest again.
  checkpoints.close()
  monkeypatch.setattr(checkpoint, "_read_tree", read)
  aside.rename(tmp_path / "last/5")
  assert int(Checkpoints(tmp_path).restore_last(target())[0]["step"]) == 5


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_a_best_one_that_cannot_be_read_now_outlives_the_next_best_ones(
    tmp_path, monkeypatch, number
):
  bests(tmp_path, {1: 3.0, 2: 9.0}, {3: (2, 1.0)})
  read = checkpoint.records.read

  def failing(folder):
    if folder == tmp_path / "best/2":
      raise OSError(number, os.strerror(number))
    return read(folder)

  monkeypatch.setattr(checkpoint.records, "read", failing)
  checkpoints = Checkpoints(tmp_path)
  _, record = checkpoints.restore_last(target())
  checkpoints.keep_best(record, target(), (target(), lambda state: state))
  for step in (4, 5, 6):
    checkpoints.ensure_best(step, tree(float(step)), {**RECORD, "best_step": step, "best": step})
  checkpoints.close()
  (aside,) = (tmp_path / "set_aside").iterdir()
  assert aside.name.startswith("best-2-") and read(tmp_path / "best/6")["best"] == 6
  aside.rename(tmp_path / "best/2")
  assert read(tmp_path / "best/2")["best"] == 9.0


def test_what_was_evaluated_in_its_place_does_not_become_the_best(tmp_path, monkeypatch):
  bests(tmp_path, {1: 3.0, 2: 9.0}, {3: (2, 1.0), 4: (2, 5.0)})
  read = checkpoint._read_tree

  def failing(folder, target):
    if folder == tmp_path / "best/2":
      raise OSError(errno.EIO, os.strerror(errno.EIO))
    return read(folder, target)

  found = []
  for reading in (failing, failing, read):
    monkeypatch.setattr(checkpoint, "_read_tree", reading)
    checkpoints = Checkpoints(tmp_path)
    best = checkpoints.restore_best(None, target(), (target(), lambda state: state))
    checkpoints.mend_best(best)
    checkpoints.close()
    found.append((int(best.variables["step"]), best.lost))
  assert found == [(4, 2), (4, 2), (2, None)]


def test_a_step_that_is_there_with_other_arrays_is_saved_anew(tmp_path):
  bests(tmp_path, {2: 4.0})
  checkpoints = Checkpoints(tmp_path)
  checkpoints.ensure_best(2, tree(7.0), RECORD)
  checkpoints.close()
  assert float(Checkpoints(tmp_path).restore_best(2, target()).variables["w"][0, 0]) == 7.0


def test_the_newest_record_is_found_without_the_arrays(tmp_path):
  assert checkpoint.newest_record(tmp_path) is None
  bests(tmp_path, {1: 3.0}, {3: (1, 1.0), 4: (1, 2.0)})
  assert checkpoint.newest_record(tmp_path)["step"] == 4
  break_it(tmp_path / "last/4", "record")
  assert checkpoint.newest_record(tmp_path)["step"] == 3
