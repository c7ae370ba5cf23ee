"""Indexes a folder of videos and opens the page that searches it.

    python -m launch.search_videos --videos DIR --workdir RUN --index DIR --weights FILE

--workdir is a run of a retrieval system, trained on features of the same encoder and stride. Makes
the index, or adds what is new in the folder. Videos that cannot be read are told and do not keep
the page from opening. The options are those of `python -m sign_jax.search build`, and the page's.
"""

import argparse
import pathlib
import sys

from sign_jax.errors import crash_status, one_sentence
from sign_jax.files import existing_folder
from sign_jax.run import compile_cache
from sign_jax.search import __main__ as search
from sign_jax.search.commands import add, build

PORT = 8765


def add_page(parser: argparse.ArgumentParser) -> None:
  """Adds the options of programs that end with the page."""
  parser.add_argument("--no_page", action="store_true", help="stop before the page")
  parser.add_argument("--port", type=int, default=PORT, help=f"of the page (default: {PORT})")


def serve(index: pathlib.Path, workdir: pathlib.Path, media: pathlib.Path, port: int) -> None:
  """Shows the page of an index until Ctrl-C; `media` is the folder of its videos."""
  search.main([
      "serve", "--index", str(index), "--workdir", str(workdir), "--media", str(media),
      "--port", str(port),
  ])  # fmt: skip


def main(argv: list[str] | None = None) -> None:
  """The command line."""
  parser = argparse.ArgumentParser(
      prog="python -m launch.search_videos", description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter,
  )  # fmt: skip
  build.add_arguments(parser)
  add_page(parser)
  args = parser.parse_args(argv)
  with one_sentence():
    existing_folder(args.videos or "", "--videos", "pass the folder of the videos")
    compile_cache.enable()
    is_begun = (args.index / "manifest.json").exists()
    if not (add if is_begun else build).run(args):
      print("the page shows what could be read")
  if not args.no_page:
    serve(args.index, args.workdir, args.videos, args.port)


if __name__ == "__main__":
  with crash_status(), one_sentence():
    main(sys.argv[1:])
