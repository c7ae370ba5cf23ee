"""Computes again a step whose loss was not finite, from the file that the run has left.

    python -m sign_jax.diagnose runs/upret/nonfinite_step_120.npz

The file holds the parameters before the step, its batch, and the run's configuration. Prints the
first tensor that is not finite, the examples that it comes from, and the reason, if it is known.
"""

import argparse
import sys

import ml_collections

from sign_jax.errors import UserError, one_sentence, printable
from sign_jax.files import existing_file, path_argument
from sign_jax.run import compile_cache, text_notes
from sign_jax.run import task as run_task
from sign_jax.train import nonfinite
from sign_jax.train.state import TrainState
from sign_jax.untrusted import budget, npz


def reproduce(path, task=None):
  """(`nonfinite.Finding`, the sentence about it) of a dump.

  Args:
    path: of the file.
    task: see `protocols.Task`; None makes that of the configuration, which needs its data set.

  Raises:
    UserError: no such file, a damaged one, or data that cannot be read.
  """
  facts, trees = read(path)
  if task is None:
    try:
      config = ml_collections.ConfigDict(facts["config"])
      task = run_task.make(config, notes=text_notes.path(path))
    except (AttributeError, KeyError, TypeError) as error:
      raise UserError(
        f"{path} holds settings that this version does not take ({' '.join(str(error).split())}): "
        "use the version that wrote it"
      ) from error
  state = TrainState(facts["step"], trees["params"], trees["model_state"], None)
  finding = nonfinite.examine(task, state, trees["batch"], facts["config"]["seed"])
  return finding, nonfinite.sentence(task, finding, facts["step"] + 1)


def read(path):
  """(facts, {"params", "model_state", "batch": nested dicts of arrays}) of a dump.

  Raises:
    UserError: it is missing or damaged, or no dump.
  """
  remedy = "pass the file that a run named"
  try:
    arrays = npz.read(path, kind="dump of a step", remedy=remedy)
    facts = budget.parse_json(str(arrays.pop("facts")).encode())
    if facts["format"] != nonfinite.FORMAT:
      raise ValueError("it is of another version")
    int(facts["step"]), facts["config"]["seed"]
    return facts, _trees(arrays)
  except FileNotFoundError as error:
    raise UserError(f"there is no file {path}") from error
  except (ValueError, KeyError, TypeError) as error:
    raise UserError(f"{path} is no dump of a step, or it is damaged: {remedy}") from error


def _trees(arrays):
  trees = {"params": {}, "model_state": {}, "batch": {}}
  for name, array in arrays.items():
    part, *folders, last = name.split("/")
    node = trees[part]
    for folder in folders:
      node = node.setdefault(folder, {})
      if not isinstance(node, dict):
        raise ValueError("an array lies in another one")
    node[last] = array
  return trees


def main(argv=None):
  """The command; exits with 1 where something is not finite."""
  parser = argparse.ArgumentParser(
    prog="python -m sign_jax.diagnose", description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )  # fmt: skip
  parser.add_argument("dump", type=path_argument, help="FILE.npz that a run has written")
  args = parser.parse_args(argv)
  with one_sentence():
    compile_cache.enable()
    finding, text = reproduce(existing_file(args.dump, remedy="pass the file that a run named"))
    print(printable(text))
  if finding.kind != "nothing":
    sys.exit(1)


if __name__ == "__main__":
  main()
