"""Writes a run's best checkpoint under the names of the released code.

    python -m sign_jax.export --workdir runs/upret --out upret.safetensors
    python -m sign_jax.export --workdir runs/upret --out upret --format hub

A file is a flat state dict, .safetensors or .pt. --config.init.model reads it back; the file of a
sign encoder is read by --config.init.i3d and `sign_jax.extract`. It holds the parameters that take
part in the computation. The released classes have a few more, which nothing reads: load it there
with `strict=False`. --format hub writes a folder for the Hugging Face hub, with settings and a
model card. `sign_jax.load` reads both.
"""

import argparse

from sign_jax.errors import UserError, one_sentence
from sign_jax.files import existing_folder, path_argument
from sign_jax.run import class_names, compile_cache, hub, trained
from sign_jax.weights import writers

FORMATS = ("weights", "hub")


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
  writers.write(out, run.saved_state)
  return len(run.state), run.record["step"]


def export_hub(workdir, out, license="", data_license=""):
  """Writes a folder for the hub, see `run.hub`.

  Args:
    workdir: pathlib.Path of a run.
    out: pathlib.Path of the folder.
    license, data_license: of the weights and of their training data, "" where it is not known.

  Returns, Raises: as `export`.
  """
  run = trained.load(workdir)
  hub.write(out, run, class_names.of_run(run), license, data_license)
  return len(run.state), run.record["step"]


def main(argv=None):
  """The command."""
  parser = argparse.ArgumentParser(
    prog="python -m sign_jax.export", description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )  # fmt: skip
  parser.add_argument("--workdir", required=True, type=path_argument, help="folder of the run")
  parser.add_argument("--out", required=True, type=path_argument,
                      help="FILE.safetensors, FILE.pt, or a folder for --format hub")  # fmt: skip
  parser.add_argument("--format", choices=FORMATS, default=FORMATS[0],
                      help="a file of weights, or a folder for the Hugging Face hub")  # fmt: skip
  parser.add_argument("--license", default="",
                      help="of the weights, for the model card, such as cc-by-4.0")  # fmt: skip
  parser.add_argument("--data_license", default="",
                      help="of the data that they were trained on, for the model card")  # fmt: skip
  args = parser.parse_args(argv)
  with one_sentence():
    compile_cache.enable()
    existing_folder(args.workdir, "--workdir", "pass the folder of a run")
    if args.format == "hub":
      count, step = export_hub(args.workdir, args.out, args.license, args.data_license)
    elif args.license or args.data_license:
      raise UserError("--license and --data_license are for the card of --format hub")
    else:
      count, step = export(args.workdir, args.out)
    print(f"{count} arrays of step {step} -> {args.out}")


if __name__ == "__main__":
  main()
