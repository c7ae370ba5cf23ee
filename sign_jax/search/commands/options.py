"""Options that several commands take."""

from sign_jax.errors import UserError
from sign_jax.files import path_argument
from sign_jax.search import overlaps


def add_index(parser):
  """--index."""
  parser.add_argument("--index", required=True, type=path_argument, help="folder of the index")


def add_run(parser):
  """--index and --workdir, of the commands that need the model."""
  add_index(parser)
  parser.add_argument("--workdir", required=True, type=path_argument,
                      help="folder of the run, or a file of weights")  # fmt: skip


def add_part(parser, what):
  """--part."""
  parser.add_argument("--part", type=float, metavar="SECONDS",
                      help=f"{what} (default: as long as the clips that the run was trained on; "
                      f"{overlaps.SECONDS:g} where it has not noted that)")  # fmt: skip


def check_part(args):
  """Raises UserError where --part is too short."""
  if args.part is not None and not args.part >= overlaps.SHORTEST:
    raise UserError(f"--part {args.part:g} must be at least {overlaps.SHORTEST:g} seconds")


def part(args, model):
  """The `overlaps.Length` of parts: as --part says, or of the clips that a model learned from.

  Parts that are longer than these show its towers what they have not seen, and hold signs of other
  sentences; shorter ones lack signs.
  """
  if args.part is not None:
    return overlaps.Length(args.part)
  return overlaps.Length(windows=model.trained.clip_windows)
