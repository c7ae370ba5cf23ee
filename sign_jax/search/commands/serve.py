"""Opens the page of an index on this machine."""

import importlib.util
import os
import sys

from sign_jax.api import loading
from sign_jax.encoder import weights as encoder_weights
from sign_jax.errors import UserError
from sign_jax.files import existing_folder, path_argument
from sign_jax.search import sources
from sign_jax.search.commands import options, signs
from sign_jax.search.index import Index

NAME, HELP = "serve", "opens a page in the browser that searches an index"
_HOST, _PORT, _SECONDS = "127.0.0.1", 8765, 10.0
_TOKEN = "SIGN_JAX_TOKEN"  # the environment's variable
_NEEDED = ("fastapi", "starlette", "uvicorn")


def add_arguments(parser):
  """The options."""
  options.add_run(parser)
  parser.add_argument("--media", type=path_argument,
                      help="folder of the videos that the clips are of")  # fmt: skip
  parser.add_argument("--seconds", type=float, default=_SECONDS,
                      help=f"time limit of a search (default: {_SECONDS:g})")  # fmt: skip
  parser.add_argument("--port", type=int, default=_PORT,
                      help=f"0 for any that is free (default: {_PORT})")  # fmt: skip
  parser.add_argument("--host", default=_HOST,
                      help="an address that other machines can reach "
                      f"(default: {_HOST}, for this machine alone)")  # fmt: skip
  asked = parser.add_mutually_exclusive_group()
  asked.add_argument("--token",
                     help="what who opens the page must know, which other users of this machine "
                     f"can see here, but not in the variable {_TOKEN} (default: a new one, printed "
                     "with the address)")  # fmt: skip
  asked.add_argument("--no_token", action="store_true",
                     help="lets in all users of this machine")  # fmt: skip
  encoder_weights.add_encoder_arguments(parser)


def run(args):
  """Serves until Ctrl-C."""
  if missing := [name for name in _NEEDED if importlib.util.find_spec(name) is None]:
    raise UserError(
        f"the page needs {' and '.join(missing)}: install it with `pip install -e '.[search]'` in "
        "the checkout"
    )
  from sign_jax.search.page import app, server

  if not args.seconds > 0:
    raise UserError(f"--seconds {args.seconds:g} must be above 0")
  if args.media:
    existing_folder(args.media, "--media", "pass the folder of the videos")
  with server.listen(args.host, args.port, _token(args)) as place:
    print(f"opening {args.index}", file=sys.stderr, flush=True)
    index = Index.open(args.index, loading.load(args.workdir))
    signs.check_sentences(index, "the page")
    application = app.make(index, args.media, args.seconds, _uploads(args, index))
    print(f"{len(index)} clips of {args.index} on {place.address}\nCtrl-C ends it", flush=True)
    server.run(application, place)
  return True


def _token(args):
  """As for `server.listen`."""
  if args.no_token:
    return ""
  if args.token == "":
    raise UserError("--token is empty: pass --no_token to let in all users of this machine")
  return args.token or os.environ.get(_TOKEN) or None


def _uploads(args, index):
  """What reads videos to search with; None where no sign encoder is named."""
  from sign_jax.search.page import uploads

  if not (args.weights or args.random_weights):
    return None
  sources.check_reads_features(index.model)
  source = encoder_weights.find(args)
  return uploads.Uploads(lambda: source.encoder(args.batch_size), args.stride)
