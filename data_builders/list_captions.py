"""Lists the subtitles of videos as a table of clips, to train on subtitled videos.

  python -m data_builders.list_captions --videos DIR --captions DIR --out captions.csv
  make videos VIDEOS=DIR CAPTIONS=captions.csv ENCODER='--weights FILE'

Of monday/a.mp4, the sentences are in monday/a.vtt, .srt or .eaf below the folder of the captions,
which may be that of the videos; --tier names the tier of .eaf.
"""

import argparse
import sys

from sign_jax.data import clip_table
from sign_jax.data.annotations import beside, sentences
from sign_jax.errors import UserError, one_sentence, printable
from sign_jax.files import path_argument


def main(argv=None):
  """The command; exits with 1, after doing the others, when a file cannot be read."""
  args = _parse(argv)
  with one_sentence():
    found = beside.read(args.videos, args.captions, args.tier)
    rows = found.table.rows
    if rows:
      clip_table.write(args.out, rows)
      clip_table.read(args.out)  # what is written here is read by others
    for note in found.table.notes:
      print(f"note: {printable(note)}", file=sys.stderr)
    for reason in found.failed.values():
      print(f"error: {printable(reason)}", file=sys.stderr)
    if not rows:
      raise UserError("no file holds a sentence: nothing is written")
    print(f"{len(rows)} clips of {len({row.video for row in rows})} videos in {args.out}")
  if found.failed:
    sys.exit(1)


def _parse(argv):
  parser = argparse.ArgumentParser(
      prog="python -m data_builders.list_captions",
      description="Lists the subtitles of videos as a table of clips.",
  )
  parser.add_argument("--videos", required=True, type=path_argument, help="folder of the videos")
  parser.add_argument("--captions", required=True, type=path_argument,
                      help="folder of .vtt, .srt or .eaf files, called as the videos")  # fmt: skip
  parser.add_argument("--tier", default=sentences.TIER,
                      help=f"of .eaf (default: {sentences.TIER})")  # fmt: skip
  parser.add_argument("--out", required=True, type=path_argument, help="the CSV file to write")
  return parser.parse_args(argv)


if __name__ == "__main__":
  main()
