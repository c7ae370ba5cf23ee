"""The sign encoder that a command line names: a file, a training run, or random weights."""

import argparse
import sys
from collections.abc import Callable
from typing import NamedTuple

from sign_jax.encoder import preparation, windows
from sign_jax.errors import UserError
from sign_jax.files import existing_file, path_argument, sha256
from sign_jax.run import trained
from sign_jax.systems.i3d import card as i3d_card
from sign_jax.systems.i3d import released_names as i3d_table
from sign_jax.video import frames


class Source(NamedTuple):
  """Where a sign encoder comes from."""

  fingerprint: str  # of the weights, and of the frames' size where it is not the usual one
  load: Callable  # () -> (`i3d.I3D`, its variables)
  crop: int  # height and width of its frames
  prepared: preparation.Preparation = preparation.EXACT

  def encoder(self, batch_size, read=windows.embedding):
    """The `windows.Encoder`."""
    return windows.make_encoder(*self.load(), batch_size, self.crop, read, self.prepared)


def add_arguments(parser, need_videos=True):
  """Adds what all commands take that read videos with a sign encoder.

  Args:
    parser: argparse.ArgumentParser.
    need_videos: whether the command reads nothing else.
  """
  add = parser.add_argument
  add("--videos", required=need_videos, type=path_argument,
      help="folder of the videos; its subfolders are searched too")  # fmt: skip
  add("--csv", type=path_argument,
      help="table with a column video and perhaps name, start, end: what to read")  # fmt: skip
  add("--shard", default="", help="I/N: only the I-th of N parts of the work, from 1")
  add_encoder_arguments(parser)


def add_encoder_arguments(parser):
  """Adds those of them that name the encoder and say how it reads."""
  add = parser.add_argument
  add("--weights", type=path_argument,
      help="I3D weights: .pt, .pth, .pth.tar, .bin, .safetensors, .npz, or a run")  # fmt: skip
  add("--random_weights", action="store_true", help="seeded random weights, to test the path only")
  add("--seed", type=int, default=0, help="seed of the random weights")
  add("--size", type=positive, help=f"of the frames; {frames.CROP}, or the run's own, by default")
  add("--stride", type=positive, default=1, help="frames from one window to the next")
  add("--preparation", choices=sorted(preparation.ALL), default=preparation.EXACT.name,
      help="of clips and pictures: ours, or as the released features were made")  # fmt: skip
  add("--batch_size", type=positive, default=8, help="windows that the encoder reads at once")


def positive(text):
  """A whole number above 0 from a command line."""
  number = int(text)
  if number < 1:
    raise argparse.ArgumentTypeError("must be at least 1")
  return number


def find(args):
  """The `Source` that parsed arguments name.

  Raises:
    UserError: none or several are named, or there is nothing of that name.
  """
  return _found(args)._replace(prepared=preparation.ALL[args.preparation])


def _found(args):
  if args.random_weights and args.weights:
    raise UserError("pass --weights or --random_weights, not both")
  if args.random_weights:
    return _source(f"random:{args.seed}", lambda: _random(args.seed), args.size or frames.CROP)
  if not args.weights:
    raise UserError(
      "weights are a file of yours, pass --weights FILE, or --random_weights for seeded random "
      "ones that are only good to test the path"
    )
  path = args.weights
  if path.is_dir():
    return _of_run(path, args.size)
  existing_file(path, "--weights", "pass a file of weights or the folder of a run")
  return _source(f"sha256:{sha256(path)}", lambda: i3d_table.load(path), args.size or frames.CROP)


def _source(fingerprint, load, crop):
  return Source(fingerprint if crop == frames.CROP else f"{fingerprint} size {crop}", load, crop)


def _of_run(workdir, size):
  run = trained.load(workdir)
  crop = run.config.get("data", {}).get("size")
  if run.system.name != i3d_card.SYSTEM.name or type(crop) is not int or crop < 1:
    raise UserError(
      f"{workdir} is no run of a sign encoder, pass the --workdir of one of configs/sign_encoder.py"
    )
  if size and size != crop:
    raise UserError(f"{workdir} was trained on frames of {crop} pixels, leave --size out")
  load = lambda: i3d_table.from_state(run.state, workdir)
  return _source(f"run:{run.record['digest']}", load, crop)


def _random(seed):
  print("random weights: these features test the path and mean nothing", file=sys.stderr)
  return windows.random(seed)
