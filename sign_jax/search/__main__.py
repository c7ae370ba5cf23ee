"""Searches an archive of signing for sentences, offline.

    python -m sign_jax.search build --index archive --workdir runs/upret --split test
    python -m sign_jax.search query --index archive --workdir runs/upret "It will rain tonight."

`build` makes an index of the videos of a data set's split, of feature files (--features DIR) or of
a folder of videos (--videos DIR --weights FILE --stride N, as sign_jax.extract reads them); `add`
adds to one. Both keep what is done: after a stop, `add` goes on. `query` names the best clips and
the place in each; --json and --trec write files. `verify` reads all files of an index and names
those that are damaged.
"""

import argparse
import json
import pathlib
import sys

from sign_jax.api import loading
from sign_jax.data import shards
from sign_jax.data.splits import SPLITS
from sign_jax.encoder import clips
from sign_jax.encoder import weights as encoder_weights
from sign_jax.errors import UserError, one_sentence, printable
from sign_jax.files import existing_file, path_argument, replacing
from sign_jax.run import compile_cache, host_memory
from sign_jax.search import filling, overlaps, report, sources
from sign_jax.search.index import Index
from sign_jax.search.manifest import STORAGES
from sign_jax.train.report import write_json
from sign_jax.untrusted import csv_table

_TOP = 10


def main(argv=None):
  """The command; exits with 1 when a video could not be read or a file is damaged."""
  args = _parse(argv)
  with one_sentence():
    compile_cache.enable()
    if not {"build": _fill, "add": _fill, "query": _query, "verify": _verify}[args.command](args):
      sys.exit(1)


def _parse(argv):
  parser = argparse.ArgumentParser(
      prog="python -m sign_jax.search", description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter,
  )  # fmt: skip
  commands = parser.add_subparsers(dest="command", required=True)
  for name, what in (("build", "makes an index"), ("add", "adds to an index")):
    _add_sources(_command(commands, name, what))
  query = _command(commands, "query", "searches an index for sentences")
  query.add_argument("text", nargs="*", help="a sentence; several may be passed")
  query.add_argument("--queries", type=path_argument, metavar="FILE",
                     help="file with a sentence on each line")  # fmt: skip
  query.add_argument("--top", type=int, default=_TOP,
                     help=f"hits of each sentence (default: {_TOP})")  # fmt: skip
  query.add_argument("--seconds", type=float,
                     help="for all sentences together; what is not proved by then is told")
  query.add_argument("--source", help="only clips of this video")
  query.add_argument("--only_split", choices=SPLITS, help="only clips of this split")
  query.add_argument("--signer", help="only clips of this signer")
  query.add_argument("--json", type=path_argument, metavar="FILE",
                     help="file for the hits and their curves; - is the standard output")
  query.add_argument("--trec", type=path_argument, metavar="FILE", help="TREC run file")
  verify = commands.add_parser("verify", help="looks for damaged files")
  verify.add_argument("--index", required=True, type=path_argument, help="folder of the index")
  return parser.parse_args(argv)


def _command(commands, name, what):
  command = commands.add_parser(name, help=what)
  command.add_argument("--index", required=True, type=path_argument, help="folder of the index")
  command.add_argument("--workdir", required=True, type=path_argument,
                       help="folder of the run, or a file of weights")  # fmt: skip
  return command


def _add_sources(command):
  command.add_argument("--split", choices=SPLITS, help="of the data set that the run names")
  command.add_argument("--data_dir", type=path_argument,
                       help="folder of the data sets, where the run had another")  # fmt: skip
  command.add_argument("--features", type=path_argument,
                       help="folder of feature files that sign_jax.extract has written")
  command.add_argument("--part", type=float, default=overlaps.SECONDS, metavar="SECONDS",
                       help="long videos are cut into parts of so many seconds, each half in the "
                       f"next one (default: {overlaps.SECONDS:g})")  # fmt: skip
  command.add_argument("--storage", choices=STORAGES, default=STORAGES[0],
                       help="of a new index: exact scores, or half the size")  # fmt: skip
  encoder_weights.add_arguments(command, need_videos=False)


def _fill(args):
  named = [name for name in ("split", "features", "videos") if getattr(args, name)]
  if len(named) != 1:
    raise UserError("pass one of --split, --features and --videos: where the clips come from")
  if not args.part > 0:
    raise UserError(f"--part {args.part:g} must be above 0 seconds")
  model = loading.load(args.workdir)
  # Before the index is made: a mistake must not leave an empty one.
  find, warning = {"split": _of_split, "features": _of_features, "videos": _of_videos}[named[0]](
      args, Index.check_model(model)
  )
  if args.command == "build":
    index = Index.create(args.index, model, args.storage)
  else:
    index = Index.open(args.index, model)
  summary = filling.fill(index, *find(index))
  _tell(summary, index)
  return not (summary.failed or warning)


def _of_split(args, model):
  """(function of the index -> (videos, their number), warning), as the two below."""
  total, videos = sources.of_split(model, args.split, str(args.data_dir or ""))
  return lambda index: (videos, total), ""


def _of_features(args, model):
  jobs = shards.take(sources.find_features(args.features, model), args.shard)
  return lambda index: (sources.of_features(jobs, args.part), len(jobs)), ""


def _of_videos(args, model):
  sources.check_reads_features(model)
  found = clips.find(args.videos, args.csv)
  jobs = shards.take(found.clips, args.shard)
  source = encoder_weights.find(args)
  clips.tell(found, {})

  def find(index):
    # A video in parts is there where its first part is.
    new = [job for job in jobs if job.name not in index and f"{job.name}#1" not in index]
    if not new:
      return [], 0
    encoder = source.encoder(args.batch_size)
    return sources.of_videos(new, encoder, args.stride, args.part), len(new)

  return find, found.warning


def _tell(summary, index):
  for name, count in (
      ("added", len(summary.added)), ("there already", len(summary.there)),
      ("failed", len(summary.failed)), ("clips of these", summary.clips),
      ("clips in the index", len(index)),
  ):  # fmt: skip
    print(f"{name:<24}{count:>8}")
  for name, reason in summary.failed.items():
    print(f"  {printable(name)}: {printable(reason)}")


def _query(args):
  texts = [*args.text, *_lines(args.queries)]
  if not texts:
    raise UserError("pass a sentence, or --queries FILE with one on each line")
  if args.top < 1:
    raise UserError(f"--top {args.top} must be at least 1")
  if args.seconds is not None and not args.seconds >= 0:
    raise UserError(f"--seconds {args.seconds:g} must not be below 0")
  index = Index.open(args.index, loading.load(args.workdir))
  only = {"source": args.source, "split": args.only_split, "signer": args.signer}
  only = {name: value for name, value in only.items() if value is not None}
  answers = index.search(texts, args.top, seconds=args.seconds, only=only)
  if args.trec:
    names = [str(number) for number in range(1, len(texts) + 1)]
    _write(args.trec, report.trec(answers, names, index.model.system))
  if str(args.json) == "-":
    print(json.dumps([answer.to_json() for answer in answers], indent=2))
    return True
  if args.json:
    write_json(args.json, [answer.to_json() for answer in answers])
  for answer in answers:
    print("\n".join(report.table(answer)))
  for path in filter(None, (args.json, args.trec)):
    print(f"wrote {path}")
  return True


def _lines(path):
  if not path:
    return []
  file = existing_file(path, "--queries", "pass a file with a sentence on each line")
  text = csv_table.decoded(file, "save it as UTF-8")
  return [line.strip() for line in text.splitlines() if line.strip()]


def _write(path: pathlib.Path, text):
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
      partial.write_text(text, encoding="utf-8")
  except OSError as error:
    raise UserError(f"{path} cannot be written ({error.strerror})") from error


def _verify(args):
  index = Index.open(args.index)
  faults = index.verify()
  for fault in faults:
    print(printable(fault))
  files = sum(1 for _ in index.store.files())
  print(f"{len(faults)} of {files} files are damaged; the index has {len(index)} clips"
        if faults else f"all {files} files of {len(index)} clips hold what was written")
  return not faults


if __name__ == "__main__":
  host_memory.keep_freed()
  main()
