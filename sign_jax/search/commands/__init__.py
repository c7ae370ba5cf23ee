"""The commands of `python -m sign_jax.search`, a module each.

Each has its `NAME`, a line of `HELP`, `add_arguments(parser)` of an `argparse.ArgumentParser`, and
`run(args)`, which returns whether all went well: False ends the program with status 1. What only
one command imports and takes long to load, it imports in `run`. A command that several processes
run together, as training does, has `TOGETHER`, which is true: they have met when `run` begins.
"""

from sign_jax.search.commands import (
  add,
  build,
  compact,
  evaluate,
  export,
  info,
  qdrant,
  query,
  remove,
  serve,
  verify,
)

ALL = (build, add, query, serve, export, remove, compact, info, evaluate, qdrant, verify)
