"""Adds to an index."""

from sign_jax.search.commands import clip_sources
from sign_jax.search.index import Index

NAME, HELP = "add", "adds to an index"

add_arguments = clip_sources.add_arguments


def run(args):
  """Whether all videos are in it."""
  return clip_sources.fill(args, lambda model: Index.open(args.index, model))
