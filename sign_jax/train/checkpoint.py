"""Checkpoints through orbax: the last ones to resume from, the best one to evaluate.

`DIR/last` holds whole training states, `DIR/best` the variables of the best evaluation. Both carry
a small JSON record with a digest of the arrays, because a flipped bit restores silently.
"""

import sys

import orbax.checkpoint as ocp

from sign_jax.errors import UserError
from sign_jax.train import digest, distributed

LAST = "last"


def exists(directory):
  """Whether a run has left a state to resume from in `directory`, a pathlib.Path."""
  return any(path.name.isdigit() for path in (directory / LAST).glob("*"))


def _manager(directory, keep):
  options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=True)
  return ocp.CheckpointManager(directory, options=options, item_names=("tree", "record"))


class Checkpoints:
  """The checkpoints of one run.

  The order of writes makes a kill at any moment harmless: a state, with `best_step` in its record,
  is committed before the best one of the same step, and that before any later state. So a best one
  that is missing is the last state itself (`Checkpoints.ensure_best`).
  """

  def __init__(self, directory):
    """directory: a pathlib.Path; created when missing."""
    directory = directory.absolute()
    self._last = _manager(directory / LAST, keep=2)
    self._best = _manager(directory / "best", keep=1)

  def save_last(self, step, state, record):
    """Saves a state at `step` unless it is there already; `record`: JSON-able dict."""
    self._best.wait_until_finished()
    self._save(self._last, step, state, record)

  def ensure_best(self, step, variables, record):
    """Saves the variables as the best ones, after the last state is safely written."""
    self._last.wait_until_finished()
    self._save(self._best, step, variables, record)

  def _save(self, manager, step, tree, record):
    if step in manager.all_steps():
      return
    manager.wait_until_finished()
    items = ocp.args.Composite(
        tree=ocp.args.StandardSave(tree),
        record=ocp.args.JsonSave({
            **record, "digest": digest.of_arrays(tree), "structure": digest.of_structure(tree)
        }),
    )
    manager.save(step, args=items, force=True)

  def restore_last(self, target):
    """(state, record) of the newest readable state, or None when there is none.

    Args:
      target: tree of jax.ShapeDtypeStruct with shardings.

    Raises:
      UserError: when checkpoints exist and none can be read.
    """
    broken = []
    for step in sorted(self._last.all_steps(), reverse=True):
      restored = self._restore(self._last, step, target)
      if restored:
        # A later save at these steps must not be skipped because a broken one is there.
        for bad in broken:
          self._last.delete(bad)
        return restored
      broken.append(step)
    if broken:
      raise UserError(
          f"none of the checkpoints in {self._last.directory} can be read: "
          "start again with a new --workdir"
      )
    return None

  def restore_best(self, step, target):
    """(variables, record) of the best checkpoint; `step` None takes the one that is there.

    Raises:
      UserError: when it is missing or damaged.
    """
    step = self._best.latest_step() if step is None else step
    self._best.wait_until_finished()
    missing, restored = step not in self._best.all_steps(), None
    if not distributed.any_process(missing):
      restored = self._restore(self._best, step, target)
    if restored is None:
      raise UserError(
          f"there is no readable best checkpoint in {self._best.directory}: train first, with the "
          "same --workdir and --mode train"
      )
    return restored

  def _restore(self, manager, step, target):
    """(tree, record) of a step, or None; raises UserError when `target` is of another model."""
    items = self._read(manager, step, record=ocp.args.JsonRestore())
    if items is None:
      return None
    record = items.record
    if record["structure"] != digest.of_structure(target):
      raise UserError(
          f"the checkpoints in {manager.directory} are of a model with other sizes: use the "
          "settings and the data set that they were made with"
      )
    items = self._read(manager, step, tree=ocp.args.StandardRestore(target))
    if items is None:
      return None
    if digest.of_arrays(items.tree) != record["digest"]:
      distributed.say(f"checkpoint {step} is damaged (its digest differs)")
      return None
    return items.tree, record

  def _read(self, manager, step, **items):
    """What orbax restores, or None when it cannot in some process; a collective."""
    found = None
    try:
      # Not by the manager: its barrier would hold the others when this process fails.
      handler = ocp.CompositeCheckpointHandler(*items)
      found = handler.restore(manager.directory / str(step), args=ocp.args.Composite(**items))
    except Exception as error:  # orbax raises many kinds for missing and truncated files
      print(f"checkpoint {step} cannot be read ({type(error).__name__})", file=sys.stderr)
    return None if distributed.any_process(found is None) else found

  def close(self):
    """Waits for writes under way and surfaces their errors."""
    for manager in (self._last, self._best):
      manager.wait_until_finished()
      manager.close()
