"""Tells what an index holds."""

from sign_jax.errors import printable
from sign_jax.search import contents
from sign_jax.search.commands import options
from sign_jax.search.index import Index

NAME, HELP = "info", "tells what an index holds"

add_arguments = options.add_index


def run(args):
  """True; what goes wrong is raised."""
  for line in contents.table(contents.of(Index.open(args.index).store)):
    print(printable(line))
  return True
