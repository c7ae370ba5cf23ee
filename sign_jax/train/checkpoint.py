"""Checkpoints through orbax: the last ones to resume from, the best ones to evaluate.

`DIR/last` holds whole training states, `DIR/best` the variables of the best evaluations. Each has
a small record (`train.record`) with a digest of the arrays, because a flipped bit restores
silently. What cannot be read, for damage or for a passing reason such as missing rights, is never
deleted: it is moved to `DIR/set_aside`, and the user is told.
"""

import contextlib
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import orbax.checkpoint as ocp
from jax.sharding import SingleDeviceSharding
from jaxtyping import PyTree

from sign_jax.errors import UserError, printable, sentences
from sign_jax.train import digest, distributed
from sign_jax.train import record as records

LAST, BEST, SET_ASIDE = "last", "best", "set_aside"
# Two: when the newest state cannot be read, the one before it names the best before.
KEPT = 2

Record = dict[str, Any]  # JSON values
# Of arrays that are to be read, jax.ShapeDtypeStructs with shardings; or what makes one from a
# checkpoint's folder.
Target = PyTree | Callable[[pathlib.Path], PyTree]
Whole = tuple[Target, Callable[[PyTree], PyTree]]  # of a whole state; a state's variables


class Best(NamedTuple):
  """The variables that are evaluated, and how they relate to the best ones of the run.

  Attributes:
    variables: tree of arrays.
    record: of the checkpoint that they come from; "step" is theirs.
    lost: the step of the best checkpoint where that cannot be read and this is another one, else
      None.
    of_best: whether they come from `DIR/best`.
  """

  variables: PyTree
  record: Record
  lost: int | None
  of_best: bool


def exists(directory: pathlib.Path) -> bool:
  """Whether a run has left a state to resume from in `directory`, a pathlib.Path."""
  return bool(_steps(directory / LAST))


def newest_record(directory: pathlib.Path) -> Record | None:
  """The newest record in `directory` that can be read, of a state or a best one, or None."""
  folders = [kind / str(s) for kind in (directory / LAST, directory / BEST) for s in _steps(kind)]
  for folder in sorted(folders, key=lambda path: -int(path.name)):
    try:
      return records.read(folder)
    except (OSError, records.Damaged):
      continue
  return None


def _steps(folder: pathlib.Path) -> list[int]:
  return [int(path.name) for path in folder.glob("*") if path.name.isdigit()]


def _manager(directory: pathlib.Path) -> ocp.CheckpointManager:
  options = ocp.CheckpointManagerOptions(max_to_keep=KEPT, create=True)
  return ocp.CheckpointManager(directory, options=options, item_names=("tree", "record"))


class Checkpoints:
  """The checkpoints of one run.

  The order of writes makes a kill at any moment harmless: a state, with `best_step` in its record,
  is committed before the best one of the same step, and that before any later state. So a best one
  that is missing is the last state itself (`Checkpoints.ensure_best`).
  """

  def __init__(self, directory: pathlib.Path) -> None:
    """directory: a pathlib.Path; created when missing."""
    self._directory = directory.absolute()
    self._last = _manager(self._directory / LAST)
    self._best = _manager(self._directory / BEST)

  def save_last(
      self, step: int, state: PyTree, record: Record, leaves: PyTree[str] | None = None
  ) -> None:
    """Saves a state at `step` unless it is there already.

    Args:
      leaves: what `digest.leaves` gives for the state, where that is known already.
      record: JSON-able dict: "best_step" and "best", the step and the score of the best evaluation
        so far, "score", that of this state where it was evaluated, "fingerprint" of the data, and
        what else the run wants to know.
    """
    self._best.wait_until_finished()
    self._save(self._last, step, state, record, leaves)

  def ensure_best(
      self, step: int, variables: PyTree, record: Record, leaves: PyTree[str] | None = None
  ) -> None:
    """Saves the variables as the best ones, after the last state is safely written.

    Args:
      leaves: what `digest.leaves` gives for the variables, where that is known already.
    """
    self._last.wait_until_finished()
    self._save(self._best, step, variables, record, leaves)

  def _save(
      self, manager: ocp.CheckpointManager, step: int, tree: PyTree, record: Record,
      leaves: PyTree[str] | None,
  ) -> None:
    manager.wait_until_finished()
    of_arrays = digest.of_leaves(digest.leaves(tree) if leaves is None else leaves)
    if step in manager.all_steps():
      there = self._record(manager, step)
      if there and there["digest"] == of_arrays:
        return
      self._set_aside(manager, step)
    record = records.sealed({
        **record, "step": step, "digest": of_arrays, "structure": digest.of_structure(tree)
    })
    items = ocp.args.Composite(tree=ocp.args.StandardSave(tree), record=ocp.args.JsonSave(record))
    manager.save(step, args=items, force=True)

  def restore_last(self, target: PyTree) -> tuple[PyTree, Record] | None:
    """(state, record) of the newest readable state, or None when there is none.

    Newer ones that cannot be read are set aside.

    Args:
      target: tree of jax.ShapeDtypeStruct with shardings.

    Raises:
      UserError: when checkpoints exist and none can be read, or they are of another model.
    """
    broken = []
    for step in sorted(self._last.all_steps(), reverse=True):
      restored = self._restore(self._last, step, target)
      if restored:
        # A later save at these steps must not be skipped because a broken one is there.
        for bad in broken:
          self._set_aside(self._last, bad)
        return restored
      broken.append(step)
    if broken:
      raise UserError(
          f"none of the checkpoints in {self._last.directory} can be read: make them readable, or "
          "start again with a new --workdir"
      )
    return None

  def keep_best(self, record: Record, target: Target, state: Whole) -> Record:
    """The record of a state, with the best evaluation of which there is a checkpoint.

    The arrays of a best checkpoint that is there are not looked at; a missing one, or one whose
    record cannot be read, which is set aside, is replaced by what `restore_best` finds, while there
    is something to find. What is lost stands in the record
    as "lost_best", with its step and score, until a later evaluation is as good.

    Args:
      record: of the newest state.
      target, state: as for `restore_best`.
    """
    self._best.wait_until_finished()
    step = record["best_step"]
    if step is None or step in self._best.all_steps() and self._record(self._best, step):
      return record
    best = self.restore_best(step, target, state)
    self.mend_best(best)
    if best.lost is None:
      return record
    if best.lost in self._best.all_steps():  # else the next best ones would take its place
      self._set_aside(self._best, best.lost)
    lost = {"step": step, "score": record["best"]}
    return {
        **record, "best_step": best.record["step"], "best": _score(best.record),
        "lost_best": record.get("lost_best") or lost,
    }

  def restore_best(self, step: int | None, target: Target, state: Whole | None = None) -> Best:
    """The best checkpoint that can be read, as `Best`.

    Looked for in this order: the best of the run; the whole state of that step; what is left, by
    its score; whole states.

    Args:
      step: of the best evaluation; None takes what the newest record names.
      target: tree of jax.ShapeDtypeStruct with shardings; or a function that makes one from the
        folder of a checkpoint.
      state: (target of a whole state, function of a state that gives its variables), or None where
        no whole state is to be read.

    Raises:
      UserError: when there is none.
    """
    self._best.wait_until_finished()
    self._last.wait_until_finished()
    found = [(record, self._best) for record, _ in self._records(self._best)]
    found += [(record, self._last) for record, _ in self._records(self._last)]
    if step is None:
      # A whole state knows better than a best one, which may have been made in another's place.
      newest = lambda pair: (pair[0]["step"], pair[1] is self._last)
      step = max(found, key=newest, default=({},))[0].get("best_step")
    found = [(record, m) for record, m in found if m is self._best or state]
    order = lambda pair: (
        pair[0]["step"] != step, -_merit(pair[0]), -pair[0]["step"], pair[1] is self._last
    )
    for record, manager in sorted(found, key=order):
      wanted, take = (target, lambda x: x) if manager is self._best else state
      restored = self._restore(manager, record["step"], wanted, record)
      if restored:
        lost = None if record["step"] == step else step
        if lost is not None:
          distributed.say(
              f"the best checkpoint, of step {lost}, cannot be read: that of step "
              f"{record['step']} is taken in its place"
          )
        return Best(take(restored[0]), record, lost, manager is self._best)
    remedy = "train first, with a new --workdir and --mode train"
    if state is None and self._last.all_steps():
      remedy = "evaluate the run first, which makes one of its last state, with --mode evaluate"
    raise UserError(
        f"there is no readable best checkpoint in {self._directory}, nor one in its place (none is "
        f"there, or they cannot be read): {remedy}"
    )

  def mend_best(self, best: Best) -> None:
    """Saves a `Best` that comes from a whole state as the best checkpoint of its step."""
    if best.of_best:
      return
    step = best.record["step"]
    if step in self._best.all_steps():
      self._set_aside(self._best, step)
    facts = {"best_step": step, "best": _score(best.record)}
    self.ensure_best(step, best.variables, {**best.record, **facts})

  def _records(self, manager: ocp.CheckpointManager) -> list[tuple[Record, int]]:
    """[(record, step)] of the checkpoints whose records can be read; a collective."""
    found = ((self._record(manager, step), step) for step in manager.all_steps())
    return [(record, step) for record, step in found if record]

  def _record(self, manager: ocp.CheckpointManager, step: int) -> Record | None:
    """The record of a checkpoint, or None where some process cannot read it; a collective."""
    return self._attempt(manager, step, records.read)

  def _restore(
      self, manager: ocp.CheckpointManager, step: int, target: Target, record: Record | None = None
  ) -> tuple[PyTree, Record] | None:
    """(tree, record) of a step, or None; raises UserError when `target` is of another model."""
    record = record or self._record(manager, step)
    if record is None:
      return None
    if callable(target):
      target = self._attempt(manager, step, target)
    elif record["structure"] != digest.of_structure(target):
      raise UserError(
          f"the checkpoints in {manager.directory} are of a model with other sizes: use the "
          "settings and the data set that they were made with"
      )
    if target is None:
      return None
    tree = self._attempt(manager, step, lambda folder: _read_tree(folder, target))
    if tree is None:
      return None
    if digest.of_arrays(tree) != record["digest"]:
      distributed.say(f"checkpoint {step} is damaged (its digest differs)")
      return None
    return tree, record

  def _attempt(
      self, manager: ocp.CheckpointManager, step: int, read: Callable[[pathlib.Path], Any]
  ) -> Any:
    """`read(folder of the step)`, or None where it fails in some process; a collective."""
    found, folder = None, pathlib.Path(manager.directory) / str(step)
    try:
      found = read(folder)
    except Exception as error:  # orbax raises many kinds for missing and truncated files
      where, why = folder.parent.name, printable(_reason(error))
      print(f"checkpoint {step} in {where} cannot be read ({why})", file=sys.stderr)
    return None if distributed.any_process(found is None) else found

  def _set_aside(self, manager: ocp.CheckpointManager, step: int) -> None:
    """Moves a checkpoint out of the way; a collective."""
    def move():
      source = pathlib.Path(manager.directory) / str(step)
      folder = self._directory / SET_ASIDE
      try:
        folder.mkdir(exist_ok=True)
        place = folder / f"{source.parent.name}-{step}-{len(list(folder.iterdir())) + 1}"
        os.replace(source, place)
      except OSError as error:
        raise UserError(
            f"checkpoint {source} is not usable and cannot be moved to {folder} "
            f"({error.strerror}): move it yourself, or change its permissions"
        ) from error
      distributed.say(f"checkpoint {step} is set aside as {place}")

    distributed.on_first(move)
    manager.reload()

  def close(self) -> None:
    """Waits for writes under way and surfaces their errors."""
    for manager in (self._last, self._best):
      manager.wait_until_finished()
      manager.close()


def best_on_cpu(directory: pathlib.Path) -> Best:
  """The best evaluation's checkpoint of a run that is not known otherwise, on the CPU.

  Raises:
    UserError: there is none that can be read.
  """
  if not any(_steps(directory / kind) for kind in (BEST, LAST)):
    raise UserError(
        f"{directory.parent} has no best checkpoint yet: train until its first evaluation"
    )
  with contextlib.closing(Checkpoints(directory)) as checkpoints:
    return checkpoints.restore_best(None, _saved_shapes)


def _saved_shapes(folder: pathlib.Path) -> PyTree:
  """The shapes of a checkpoint as it says itself."""
  place = SingleDeviceSharding(jax.local_devices(backend="cpu")[0])
  saved = dict(ocp.StandardCheckpointHandler().metadata(folder / "tree").tree)
  return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), saved)


def _read_tree(folder: pathlib.Path, target: PyTree) -> PyTree:
  # Not by the manager: its barrier would hold the others when this process fails.
  handler = ocp.CompositeCheckpointHandler("tree")
  args = ocp.args.Composite(tree=ocp.args.StandardRestore(target))
  return handler.restore(folder, args=args).tree


def _score(record: Record) -> float | None:
  """Of the checkpoint's own evaluation, None where it had none."""
  return record.get("best" if record["step"] == record.get("best_step") else "score")


def _merit(record: Record) -> float:
  """The score, so that more is better; -inf where there is none."""
  score = _score(record)
  if score is None:
    return float("-inf")
  return score if record.get("higher_is_better", True) else -score


def _reason(error: Exception) -> str:
  """A few words on why something cannot be read."""
  if isinstance(error, records.Damaged):
    return str(error)
  told = sentences.of(error)
  return told[0] if told else f"a part of it is missing or damaged, {type(error).__name__}"
