"""Makes an index."""

from sign_jax.search.commands import clip_sources
from sign_jax.search.index import Index

NAME, HELP = "build", "makes an index"

add_arguments = clip_sources.add_arguments


def run(args):
  """Whether all videos are in it."""
  return clip_sources.fill(args, lambda model: Index.create(args.index, model, args.storage))
