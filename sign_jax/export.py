"""Writes a run's best checkpoint as PyTorch weights, under the names of the released code.

    python -m sign_jax.export --workdir runs/upret --out upret.safetensors

The file is a flat state dict, .safetensors or .pt; --config.init.model takes it in again, and
--config.init.i3d and `sign_jax.extract` that of a sign encoder. It holds what takes part in the
computation: the released classes load it with `strict=False`, because they have some parameters
more that nothing reads.
"""

import argparse
import contextlib

import jax
import orbax.checkpoint as ocp
from jax.sharding import SingleDeviceSharding

from sign_jax.errors import UserError, one_sentence
from sign_jax.files import existing_folder, path_argument
from sign_jax.run import compile_cache, settings
from sign_jax.systems import tables as systems
from sign_jax.systems.i3d import released_names as i3d
from sign_jax.train import checkpoint
from sign_jax.weights import convert, writers

TABLES = {**systems.TABLES, "i3d": i3d.TABLE}


def export(workdir, out):
  """Writes the best checkpoint's parameters to a file.

  Args:
    workdir: pathlib.Path of a run of `sign_jax.main`.
    out: pathlib.Path of a .safetensors or .pt file.

  Returns:
    (number of arrays written, the step they come from). Where the best checkpoint cannot be read,
    that is the best one left, and stderr says so.

  Raises:
    UserError: no run or no readable checkpoint there, or `out` cannot be written.
  """
  state, record = state_of(workdir)
  writers.write(out, state)
  return len(state), record["step"]


def state_of(workdir):
  """(PyTorch state dict of numpy arrays, record) of a run's best checkpoint.

  Raises:
    UserError: as `export`.
  """
  table = TABLES[_system(workdir)]
  variables, record = _best(workdir)
  return convert.export(variables, table), record


def _system(workdir):
  if not workdir.is_dir():
    raise UserError(f"{workdir} holds no run: pass the --workdir of one")
  model = settings.of_run(workdir).get("model")
  name = model.get("name") if isinstance(model, dict) else None
  if name not in TABLES:
    known = ", ".join(TABLES)
    raise UserError(f"{workdir} is a run of {name}, and only {known} have released names")
  return name


def _best(workdir):
  """(variables on the CPU, record) of the best checkpoint."""
  folder = workdir / "checkpoints"
  if not any(any((folder / kind).glob("[0-9]*")) for kind in (checkpoint.BEST, checkpoint.LAST)):
    raise UserError(f"{workdir} has no best checkpoint yet: train until its first evaluation")
  with contextlib.closing(checkpoint.Checkpoints(folder)) as checkpoints:
    best = checkpoints.restore_best(None, _saved_shapes)
  return best.variables, best.record


def _saved_shapes(folder):
  """The shapes of a checkpoint as it says itself: building the model would need the data set."""
  place = SingleDeviceSharding(jax.local_devices(backend="cpu")[0])
  saved = dict(ocp.StandardCheckpointHandler().metadata(folder / "tree").tree)
  return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), saved)


def main(argv=None):
  """The command."""
  parser = argparse.ArgumentParser(
    prog="python -m sign_jax.export", description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )  # fmt: skip
  parser.add_argument("--workdir", required=True, type=path_argument, help="folder of the run")
  parser.add_argument("--out", required=True, type=path_argument,
                      help="FILE.safetensors or FILE.pt")  # fmt: skip
  args = parser.parse_args(argv)
  with one_sentence():
    compile_cache.fill_in()
    existing_folder(args.workdir, "--workdir", "pass the folder of a run")
    count, step = export(args.workdir, args.out)
    print(f"{count} arrays of step {step} -> {args.out}")


if __name__ == "__main__":
  main()
