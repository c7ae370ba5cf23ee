"""Writes a run's best checkpoint as PyTorch weights, under the names of the released code.

    python -m sign_jax.export --workdir runs/upret --out upret.safetensors

The file is a flat state dict, .safetensors or .pt. --config.init.model reads it back; the file of a
sign encoder is read by --config.init.i3d and `sign_jax.extract`. It holds the parameters that take
part in the computation. The released classes have a few more, which nothing reads: load it there
with `strict=False`.
"""

import argparse

from sign_jax.errors import UserError, one_sentence
from sign_jax.files import existing_folder, path_argument
from sign_jax.run import compile_cache, trained
from sign_jax.weights import writers


def export(workdir, out):
  """Writes the best checkpoint's parameters to a file.

  Args:
    workdir: pathlib.Path of a run of `sign_jax.main`.
    out: pathlib.Path of a .safetensors or .pt file.

  Returns:
    (number of arrays written, the step they come from). Where the best checkpoint cannot be read,
    that is the best one left, and stderr says so.

  Raises:
    UserError: no run or no readable checkpoint there, its system has no released names, or `out`
      cannot be written.
  """
  run = trained.load(workdir)
  if not run.system.names:
    raise UserError(f"{workdir} is a run of {run.system.name}, which has no released names")
  writers.write(out, run.state)
  return len(run.state), run.record["step"]


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
    compile_cache.enable()
    existing_folder(args.workdir, "--workdir", "pass the folder of a run")
    count, step = export(args.workdir, args.out)
    print(f"{count} arrays of step {step} -> {args.out}")


if __name__ == "__main__":
  main()
