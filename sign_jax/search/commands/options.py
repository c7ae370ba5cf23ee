"""Options that several commands take."""

from sign_jax.files import path_argument


def add_index(parser):
  """--index."""
  parser.add_argument("--index", required=True, type=path_argument, help="folder of the index")


def add_run(parser):
  """--index and --workdir, of the commands that need the model."""
  add_index(parser)
  parser.add_argument("--workdir", required=True, type=path_argument,
                      help="folder of the run, or a file of weights")  # fmt: skip
