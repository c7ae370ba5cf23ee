"""Lists a corpus's clips for the extraction of features.

  python -m data_builders.list_clips NAME --manual_dir DIR --out clips.csv [--split S] [--boxes]
  python -m sign_jax.extract --videos DIR --csv clips.csv --out DIR/features/agnostic ...

Of isolated signs, the table has their labels too, and the encoder can be trained on it.

With --boxes, the clips are those that have a person's box in the files that CiCo releases, and the
extraction reads the part of the pictures in that box.
"""

import argparse
import collections
import math
import sys

from data_builders.corpus import boxes, corpora
from data_builders.corpus.findings import ON_ERROR, Findings, named
from data_builders.isolated import listing, presence
from sign_jax.data import clip_table
from sign_jax.data import splits as split_names
from sign_jax.errors import UserError, one_sentence, printable
from sign_jax.files import path_argument


def rows(splits, found=None):
  """The table's rows.

  Args:
    splits: {split: [`Clip`]}.
    found: {video_id: `Box`}, None for whole pictures.

  Returns:
    [`clip_table.Row`]: `video` is a file or a folder of pictures relative to the manual_dir, `name`
    where the builder looks for the features, "train/VIDEO_ID", `sentence` what the text tower
    reads.

  Raises:
    UserError: clips of which the annotations do not say where they are.
  """
  unknown = [clip.video_id for members in splits.values() for clip in members if not clip.video]
  if unknown:
    raise UserError(
      f"nothing says when {len(unknown)} clips begin and end: {named(unknown)}; "
      "put the table with their times into the manual_dir, or leave them out with --on_error skip"
    )
  found = found or {}
  return [
    _row(clip, split, found.get(clip.video_id))
    for split, members in splits.items()
    for clip in members
  ]


def main(argv=None):
  """The command line."""
  args = _parse(argv)
  with one_sentence():
    findings = Findings(args.on_error)
    wanted = (args.split,) if args.split else split_names.SPLITS
    splits = corpora.read(args.name, args.manual_dir, args.protocol, findings, wanted)
    if corpora.is_isolated(args.name):
      _list_signs(args, splits, findings)
      return
    if args.on_error == "skip":
      splits = {name: _with_times(name, members, findings) for name, members in splits.items()}
    splits, found = _with_boxes(args, splits, findings)
    table = rows(splits, found)
    clip_table.write(args.out, table)
    clip_table.read(args.out)  # what is written here is read by others
  _print_notes(findings.notes)
  _report(args, table, findings)


def _list_signs(args, splits, findings):
  if args.boxes is not None:
    raise UserError(f"the boxes of {args.name} are in its annotations, leave --boxes out")
  table, found = listing.table(splits, args.manual_dir, findings)
  listing.write(args.out, table)
  clip_table.read(args.out)  # what is written here is read by others
  _print_notes([*findings.notes, *presence.described(found)])
  labels = collections.defaultdict(list)
  for row, clip in table:
    labels[row.split].append(clip.label)
  counts = [f"{x} {len(labels[x])} of {len(set(labels[x]))} classes" for x in splits]
  print(f"{len(table)} clips in {args.out}: {', '.join(counts)}")
  _say_left_out(findings)
  missing = sum(map(len, found.missing.values()))
  if missing:
    print(f"the videos of {missing} of them are missing")


def _print_notes(notes):
  for note in notes:
    print(f"note: {printable(note)}", file=sys.stderr)


def _with_times(split, members, findings):
  for clip in members:
    if not clip.video:
      findings.skip(split, clip.video_id, "nothing says when it begins and ends")
  return [clip for clip in members if clip.video]


def _with_boxes(args, splits, findings):
  """The clips that have a box, as the released lists hold no others, and {video_id: `Box`}."""
  there = boxes.beside(args.manual_dir, args.name)
  if args.boxes is None:
    if there:
      findings.notes.append(
        f"{named([str(path) for path in there])}: boxes of persons, which the released features "
        "were made with, are not used; pass --boxes to use them"
      )
    return splits, None
  found = boxes.of_clips(splits, args.boxes or there, findings)
  without = [x.video_id for members in splits.values() for x in members if x.video_id not in found]
  damaged = {skip.name for skip in findings.skips}
  if without := [name for name in without if name not in damaged]:
    findings.notes.append(
      f"{len(without)} clips have no box and are left out, as in the released lists: "
      f"{named(without)}"
    )
  return {
    split: [clip for clip in members if clip.video_id in found] for split, members in splits.items()
  }, found


def _parse(argv):
  parser = argparse.ArgumentParser(
    prog="python -m data_builders.list_clips",
    description="Lists a corpus's clips for the extraction of features.",
  )
  parser.add_argument("name", help=f"one of {', '.join(corpora.names())}")
  parser.add_argument("--manual_dir", required=True, type=path_argument,
                      help="folder with the corpus's files")  # fmt: skip
  parser.add_argument("--out", required=True, type=path_argument, help="the CSV file to write")
  parser.add_argument("--boxes", nargs="*", type=path_argument, metavar="FILE",
                      help="list the clips with a person's box in these files, by default in "
                      "bounding_box_coco_*.pkl beside the annotations")  # fmt: skip
  parser.add_argument("--split", choices=split_names.SPLITS, help="default: all")
  parser.add_argument("--protocol", help="whose list of clips; default: the corpus's first")
  parser.add_argument("--on_error", choices=ON_ERROR, default="stop",
                      help="on a damaged entry: stop, or leave it out")  # fmt: skip
  return parser.parse_args(argv)


def _row(clip, split, box):
  return clip_table.Row(
    line=0,
    video=clip.video,
    name=f"{split_names.NAMES[split][0]}/{clip.video_id}",
    start=clip.start if clip.end else 0.0,
    end=clip.end or math.inf,
    sentence=" ".join(clip.text.split()),
    split=split,
    signer=clip.signer,
    box=box,
  )


def _report(args, table, findings):
  videos = {row.video for row in table}
  lost = sum(not (args.manual_dir / video).exists() for video in videos)
  print(f"{len(table)} clips of {len(videos)} videos in {args.out}")
  _say_left_out(findings)
  if lost:
    print(f"{lost} of the videos are not in {args.manual_dir} yet")


def _say_left_out(findings):
  if findings.skips:
    print(f"{len(findings.skips)} clips left out, first: {printable(findings.skips[0].reason)}")


if __name__ == "__main__":
  main()
