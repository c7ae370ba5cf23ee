"""Clips in Qdrant: `upload` puts an index there, `query` ranks what Qdrant proposes.

Qdrant proposes clips by one vector for each; they are scored as an evaluation scores them, from the
tokens of the index, which stays where it is. A server is named by --url, and its key is taken from
QDRANT_API_KEY; --path DIR is Qdrant's local mode, which needs no server.
"""

import statistics

from sign_jax.api import loading
from sign_jax.errors import printable
from sign_jax.files import path_argument
from sign_jax.search import report
from sign_jax.search.commands import options, signs
from sign_jax.search.commands import query as query_command
from sign_jax.search.index import Index
from sign_jax.search.qdrant import collection, connection, query

NAME, HELP = "qdrant", "puts an index into Qdrant, or searches it there"


def add_arguments(parser):
  """The options of both."""
  parser.description = __doc__
  actions = parser.add_subparsers(dest="action", required=True)
  upload = actions.add_parser("upload", help="puts all clips of an index into a collection")
  _add_place(upload)
  upload.add_argument("--replace", action="store_true",
                      help="delete what the collection holds of another index or run")  # fmt: skip
  asked = actions.add_parser("query", help="searches a collection for sentences")
  _add_place(asked)
  query_command.add_asked(asked)
  asked.add_argument("--candidates", type=int, default=query.CANDIDATES,
                     help="clips of each sentence that Qdrant proposes, and that are scored "
                     f"(default: {query.CANDIDATES})")  # fmt: skip
  asked.add_argument("--rescored", type=int, default=0, metavar="N",
                     help="Qdrant takes them by MaxSim from the N best by one vector")
  asked.add_argument("--unmeasured", action="store_true",
                     help="do not search the index too, to tell what the candidates have missed")


def _add_place(parser):
  options.add_run(parser)
  parser.add_argument("--url", help="of a server, such as http://localhost:6333")
  parser.add_argument("--path", type=path_argument,
                      help="folder of Qdrant's local mode, one of your own")  # fmt: skip
  parser.add_argument("--collection", default=collection.NAME,
                      help=f"its name (default: {collection.NAME})")  # fmt: skip


def run(args):
  """True; what goes wrong is raised."""
  client = connection.connect(args.url, args.path)
  try:
    index = Index.open(args.index, loading.load(args.workdir))
    signs.check_sentences(index, "Qdrant's adapter")
    return (_upload if args.action == "upload" else _query)(
        args, index, collection.Place(client, args.collection)
    )
  finally:
    client.close()


def _upload(args, index, place):
  if len(index) > collection.MOST_LOCAL and connection.is_local(place.client):
    print(f"Qdrant's local mode is made for up to {collection.MOST_LOCAL} clips, and this index "
          f"has {len(index)}: a server is quicker")  # fmt: skip
  print(f"{collection.upload(index, place, args.replace)} clips of {args.index} are in {place}")
  return True


def _query(args, index, place):
  texts, only = query_command.asked(args)
  found = query.Asker(index, place)(
      texts, args.top, candidates=args.candidates, rescored=args.rescored, only=only,
      measure=not args.unmeasured,
  )
  for ranked in found:
    print(printable(ranked.text))
    print(f"  {_said(ranked, args.top)}")
    print("\n".join(report.rows(ranked.hits)))
  known = [ranked.recall for ranked in found if ranked.recall is not None]
  if len(known) > 1:
    print(f"of the exact best {args.top} of {len(known)} sentences, "
          f"{100 * statistics.mean(known):.1f} % were among the candidates")  # fmt: skip
  return True


def _said(ranked, top):
  scored = f"{ranked.candidates} candidates of Qdrant, scored exactly"
  if ranked.recall is None:
    return f"{scored}; what they miss is not measured"
  return f"{scored}; {100 * ranked.recall:.1f} % of the exact best {top} are among them"
