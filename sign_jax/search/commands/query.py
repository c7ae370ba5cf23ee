"""Searches an index for sentences and videos."""

import json
import pathlib

import jax

from sign_jax.api import loading
from sign_jax.data.splits import SPLITS
from sign_jax.errors import UserError
from sign_jax.files import path_argument, replacing
from sign_jax.search import embedding, report
from sign_jax.search.commands import options, wanted
from sign_jax.search.index import Index
from sign_jax.train import distributed
from sign_jax.train.report import write_json

NAME, HELP = "query", "searches an index for sentences, or for what a video shows"
TOGETHER = True
_TOP = 10


def add_arguments(parser):
  """The options."""
  options.add_run(parser)
  add_choice(parser)
  parser.add_argument("--json", type=path_argument, metavar="FILE",
                      help="file for the hits and their curves; - is the standard output")
  parser.add_argument("--trec", type=path_argument, metavar="FILE", help="TREC run file")


def add_choice(parser):
  """What is searched for, among which clips, and for how long."""
  add_asked(parser)
  wanted.add_videos(parser)
  parser.add_argument("--seconds", type=float,
                      help="for all queries together; what is not proved by then is told")


def add_asked(parser):
  """Sentences that are searched for, and among which clips."""
  wanted.add_sentences(parser)
  parser.add_argument("--top", type=int, default=_TOP,
                      help=f"hits of each query (default: {_TOP})")  # fmt: skip
  parser.add_argument("--source", help="only clips of this video")
  parser.add_argument("--only_split", choices=SPLITS, help="only clips of this split")
  parser.add_argument("--signer", help="only clips of this signer")


def asked(args):
  """(sentences, {"source", "split" or "signer": value}) that `add_asked` reads."""
  texts = wanted.sentences(args)
  if not texts:
    raise UserError("pass a sentence, or --queries FILE with one on each line")
  return texts, _only(args)


def _only(args):
  if args.top < 1:
    raise UserError(f"--top {args.top} must be at least 1")
  only = {"source": args.source, "split": args.only_split, "signer": args.signer}
  return {name: value for name, value in only.items() if value is not None}


def answers_of(args):
  """(index, [`hits.Answer`]) for what `add_choice` reads."""
  only = _only(args)
  if args.seconds is not None and not args.seconds >= 0:
    raise UserError(f"--seconds {args.seconds:g} must not be below 0")
  wanted.check(args)
  index = Index.open(args.index, loading.load(args.workdir))
  queries = wanted.listed(args, index.model)
  spread = jax.process_count() > 1
  return index, index.search(queries, args.top, seconds=args.seconds, only=only, spread=spread)


def run(args):
  """True; what goes wrong is raised."""
  index, answers = answers_of(args)
  if not distributed.is_first():
    return True
  if args.trec:
    names = [str(number) for number in range(1, len(answers) + 1)]
    _write(args.trec, report.trec(answers, names, index.model.system))
  if str(args.json) == "-":
    print(json.dumps([answer.to_json() for answer in answers], indent=2))
    return True
  if args.json:
    write_json(args.json, [answer.to_json() for answer in answers])
  for answer in answers:
    print("\n".join(report.table(answer, embedding.is_of_signs(index.model))))
  for path in filter(None, (args.json, args.trec)):
    print(f"wrote {path}")
  return True


def _write(path: pathlib.Path, text):
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
      partial.write_text(text, encoding="utf-8")
  except OSError as error:
    raise UserError(f"{path} cannot be written ({error.strerror})") from error
