"""Takes clips out of an index."""

from sign_jax.errors import UserError
from sign_jax.search.commands import options
from sign_jax.search.index import Index

NAME, HELP = "remove", "takes clips out of an index"


def add_arguments(parser):
  """The options."""
  options.add_index(parser)
  parser.add_argument("--name", nargs="+", action="extend", default=[],
                      help="clips, as a query names them")  # fmt: skip
  parser.add_argument("--source", nargs="+", action="extend", default=[],
                      help="videos, of which all clips go")  # fmt: skip


def run(args):
  """True; a name that is not there is raised, and then nothing is removed."""
  if not args.name and not args.source:
    raise UserError("pass --name of clips or --source of videos: what is to be removed")
  index = Index.open(args.index)
  count = index.remove(args.name, args.source)
  print(f"removed {count} clips; the index has {len(index)}")
  return True
