"""Searches an archive of signing for sentences, offline.

    python -m sign_jax.search build --index archive --workdir runs/upret --split test
    python -m sign_jax.search query --index archive --workdir runs/upret "It will rain tonight."

`build` makes an index of the videos of a data set's split, of feature files (--features DIR) or of
a folder of videos (--videos DIR --weights FILE --stride N, as sign_jax.extract reads them); `add`
adds to one. Both keep what is done: after a stop, `add` goes on. `query` names the best clips and
the place in each, for sentences, a video (--video) or a clip (--like); --json and --trec write
files. `export` writes hits into subtitles and ELAN's files. `remove` takes clips out, `compact`
copies an index without these, `info` tells how much an index holds, and `verify` reads all of its
files and names those that are damaged.
"""

import argparse
import os
import sys

from sign_jax.errors import UserError, one_sentence
from sign_jax.run import compile_cache, host_memory
from sign_jax.search import commands
from sign_jax.train import distributed


def main(argv=None):
  """The command; exits with 1 when a video could not be read or a file is damaged."""
  args = _parse(argv)
  with one_sentence():
    _meet(args)
    compile_cache.enable()
    with distributed.together():
      if not args.run(args):
        sys.exit(1)


def _meet(args):
  """Joins the other processes, where there are some and the command is for several."""
  if args.together:
    distributed.start()
  elif os.environ.get(distributed.PROCESSES, "1") != "1":
    raise UserError(f"{args.command} runs in one process: start it without launch.local")


def _parse(argv):
  parser = argparse.ArgumentParser(
      prog="python -m sign_jax.search", description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter,
  )  # fmt: skip
  added = parser.add_subparsers(dest="command", required=True)
  for command in commands.ALL:
    own = added.add_parser(command.NAME, help=command.HELP)
    command.add_arguments(own)
    own.set_defaults(run=command.run, together=getattr(command, "TOGETHER", False))
  return parser.parse_args(argv)


if __name__ == "__main__":
  host_memory.keep_freed()
  main()
