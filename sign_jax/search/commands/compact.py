"""Copies an index without what was removed from it."""

from sign_jax.api import loading
from sign_jax.files import path_argument
from sign_jax.search.commands import options
from sign_jax.search.index import Index

NAME = "compact"
HELP = "copies an index without what was removed, with codes that suit all of it"


def add_arguments(parser):
  """The options."""
  options.add_run(parser)
  parser.add_argument("--out", type=path_argument, required=True, metavar="DIR",
                      help="folder of the copy, not there yet")  # fmt: skip


def run(args):
  """True; what goes wrong is raised."""
  index = Index.open(args.index, loading.load(args.workdir))
  copy = index.compact(args.out)
  print(f"{args.out} has the {len(copy)} clips of {args.index}")
  return True
