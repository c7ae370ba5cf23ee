"""Checks a corpus before it is built: `python -m data_builders.check NAME --manual_dir DIR`.

Reads every entry of the annotations and every file that is there. Prints a table of the numbers of
videos, sentences and files, beside the published ones, and the highest R@1 that is possible; of
isolated signs, the numbers of clips by split and class, and of videos that are missing. Then follow
notes, warnings (results would not mean what they seem to) and errors (a build stops there,
or leaves the video out). The exit status is 1 if there are errors.

`python -m data_builders.check --records NAME[/CONFIG] [--data_dir DIR]` checks a data set that is
built: it reads and decodes every record, and compares them with what is noted beside them.

`python -m data_builders.check spotting --captions captions.csv --mouthings mouthings.csv --lexicons
FOLDER FOLDER` checks what signs are spotted with: every line of the tables, whether mouthings lie
inside of their clips, the files of all exemplars, and which words there are on one side alone.
"""

import argparse
import sys

from data_builders.attachments import scaling
from data_builders.attachments.scaling import UNSTATED
from data_builders.checks import (
  annotations,
  files,
  glosses,
  records,
  report,
  sentences,
  signs,
  spotting,
)  # fmt: skip
from data_builders.corpus import corpora
from sign_jax.data import splits as split_names
from sign_jax.data import words
from sign_jax.errors import UserError, one_sentence, printable
from sign_jax.files import existing_folder, path_argument


def check(name, manual_dir, protocol=None, poses=UNSTATED, wanted=split_names.SPLITS):
  """Checks a corpus.

  Args:
    name: a name of `corpora.names()`.
    manual_dir: folder with the user's files.
    protocol: one of the corpus's, None for its first.
    poses: `scaling.Stated`, what the user says of the files of poses.
    wanted: names of the splits to look at.

  Returns:
    `report.Report`.

  Raises:
    UserError: no such corpus.
  """
  module = corpora.annotations(name)
  protocol = protocol or module.PROTOCOLS[0]
  found = report.Report(name, protocol, str(manual_dir))
  splits = annotations.read(found, wanted)
  if not splits:
    return found
  if corpora.is_isolated(name):
    signs.check(found, splits, poses)
    return found
  published = module.PUBLISHED.get(protocol, {})
  # What is held out has no published size, and a note says so.
  published = {split: sizes for split, sizes in published.items() if split not in found.origins}
  annotations.check_sizes(found, splits, published)
  if "train" in wanted:
    annotations.check_leaks(found, module.ANNOTATIONS)
  sentences.check(found, splits, published)
  glosses.check(found, splits)
  files.check(found, splits, poses)
  return found


def main(argv=None):
  """The command line."""
  parser = argparse.ArgumentParser(
    prog="python -m data_builders.check",
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  names = ", ".join(corpora.names())
  parser.add_argument("name", help=f"one of {names}; {spotting.NAME}; with --records, any data set "
                      "that is built")  # fmt: skip
  parser.add_argument("--manual_dir", type=path_argument, help="folder with your files")
  parser.add_argument("--records", action="store_true", help="check what was built, not your files")
  parser.add_argument("--data_dir", type=path_argument, help="where it was built; default: "
                      "$TFDS_DATA_DIR or ~/tensorflow_datasets")
  parser.add_argument("--protocol", help="whose list of videos; default: the corpus's first")
  parser.add_argument("--splits", metavar="SPLIT,...",
                      help="the splits to look at, such as test; default: all")
  scaling.add_options(parser)
  _add_spotting(parser.add_argument_group(spotting.NAME))
  parser.add_argument("--json", type=path_argument, help="file to write all findings to")
  args = parser.parse_args(argv)
  with one_sentence():
    found = _found(args)
    if args.json:
      found.write(args.json)
    print("\n".join(map(printable, found.lines())))
    if found.counts()[report.ERROR]:
      sys.exit(1)


def _found(args):
  if args.records:
    return records.check(args.name, args.data_dir)
  if args.name == spotting.NAME:
    if not args.captions:
      raise UserError("pass --captions the table of clips with their sentences")
    folders = [existing_folder(folder, "--lexicons").absolute() for folder in args.lexicons]
    lemma = words.lemmatizer(args.lemmas, args.language)
    return spotting.check(args.captions, args.mouthings, folders, lemma)
  if not args.manual_dir:
    raise UserError(
      "pass --manual_dir the folder of your files, or --records to check what was built"
    )
  wanted = split_names.SPLITS if args.splits is None else split_names.parse_list(args.splits)
  return check(args.name, args.manual_dir, args.protocol, scaling.stated(args), wanted)


def _add_spotting(group):
  group.add_argument("--captions", type=path_argument, help="table of clips and their sentences")
  group.add_argument("--mouthings", type=path_argument, help="table video,word,time,confidence")
  group.add_argument("--lexicons", nargs="+", default=(), type=path_argument, metavar="FOLDER",
                     help="each with lexicon.csv, and features/ or videos/")  # fmt: skip
  group.add_argument("--lemmas", default=words.SIMPLEMMA,
                     help="simplemma, none, or a table word,lemma")  # fmt: skip
  group.add_argument("--language", default="en", help="of simplemma's dictionary")


if __name__ == "__main__":
  main()
