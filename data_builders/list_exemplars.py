"""Makes a lexicon of a corpus of isolated signs, to spot signs with.

  python -m data_builders.list_exemplars wlasl --manual_dir DIR --out LEXICON
  python -m sign_jax.extract --videos DIR --csv LEXICON/clips.csv --out LEXICON/features ...

LEXICON receives `lexicon.csv`, which names the word of each training clip whose video is there, and
`clips.csv`, by which the features of these clips alone are extracted. With --encoder i3d, for an
encoder that is trained on videos, it receives `videos/` instead, with a link to the video of each
clip, and `lexicon.csv` says when the sign is made in it.
"""

import argparse
import sys

from data_builders.corpus import corpora
from data_builders.corpus.findings import ON_ERROR, Findings, named
from data_builders.isolated import listing, presence
from sign_jax.data import clip_table, lexicon_table
from sign_jax.data import splits as split_names
from sign_jax.data.words import entry
from sign_jax.errors import UserError, one_sentence, printable
from sign_jax.files import existing_folder, link, path_argument
from sign_jax.untrusted import csv_table

ENCODERS = ("features", "i3d")
TABLE, CLIPS, VIDEOS = "lexicon.csv", "clips.csv", "videos"


def main(argv=None):
  """The command line."""
  args = _parse(argv)
  with one_sentence():
    root, findings = existing_folder(args.manual_dir, "--manual_dir"), Findings(args.on_error)
    rows = read(args.name, root, args.protocol, args.splits, findings)
    for note in findings.notes:
      print(f"note: {printable(note)}", file=sys.stderr)
    write(args.out, rows, root if args.encoder == "i3d" else None)
  words = {clip.gloss.lower() for _, clip in rows}
  print(f"{len(rows)} exemplars of {len(words)} words in {args.out / TABLE}")
  if findings.skips:
    print(f"{len(findings.skips)} clips left out: {named([skip.name for skip in findings.skips])}")


def read(name, manual_dir, protocol, splits, findings):
  """The clips that become exemplars.

  Args:
    name: of a corpus of isolated signs.
    manual_dir: pathlib.Path of its files.
    protocol: one of the corpus's, None for its first.
    splits: names of the splits to take.
    findings: `Findings`, whose notes name what is missing.

  Returns:
    [(`clip_table.Row`, `signs.SignClip`)] of those whose videos are there.

  Raises:
    UserError: another corpus, one whose classes have no names, or one without a video.
  """
  if not corpora.is_isolated(name):
    raise UserError(f"{name} is no corpus of isolated signs, whose clips show one word each")
  module = corpora.annotations(name)
  if not module.vocabulary(manual_dir, protocol).names:
    raise UserError(f"the classes of {name} have no names, so nothing says what its clips show")
  table, found = listing.table(
    corpora.read(name, manual_dir, protocol, findings, splits), manual_dir, findings
  )
  presence.check_none_empty(found, manual_dir, module.WHERE)
  findings.notes += presence.described(found)
  return [(row, clip) for row, clip in table if clip.video_id in found.places]


def write(folder, rows, videos=None):
  """Writes a lexicon.

  Args:
    folder: pathlib.Path.
    rows: as `read` gives them.
    videos: folder of the videos, to make links to them and write times; None to write the table of
      clips whose features are to be extracted, and no times.

  Raises:
    UserError: a link is there, and leads elsewhere.
  """
  _forget(folder)
  exemplars = []
  for row, clip in rows:
    name = row.name + row.video.removeprefix(clip_table.stem_of(row.video))
    times = clip_table.values(row)[2:4] if videos else ("", "")
    exemplars.append((name, entry(clip.gloss), *times))
    if videos:
      link(folder / VIDEOS / name, videos / row.video)
  if not videos:
    clip_table.write(folder / CLIPS, [row for row, _ in rows])
    clip_table.read(folder / CLIPS)  # what is written here is read by others
  csv_table.write(folder / TABLE, lexicon_table.COLUMNS, exemplars)
  lexicon_table.read(folder / TABLE)


def _forget(folder):
  """Removes what an earlier call has made: other clips may be asked for now."""
  (folder / CLIPS).unlink(missing_ok=True)
  for path in (folder / VIDEOS).rglob("*"):
    if path.is_symlink():
      path.unlink()


def _parse(argv):
  parser = argparse.ArgumentParser(
    prog="python -m data_builders.list_exemplars", description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  add = parser.add_argument
  names = [name for name in corpora.names() if corpora.is_isolated(name)]
  add("name", help=f"one of {', '.join(names)}")
  add("--manual_dir", required=True, type=path_argument, help="folder with the corpus's files")
  add("--out", required=True, type=path_argument, help="folder of the lexicon")
  add("--splits", default="train", help="the splits to take: train,validation,test")
  add("--protocol", help="whose list of clips; default: the corpus's first")
  add("--encoder", choices=ENCODERS, default=ENCODERS[0],
      help="what spots signs with them: an encoder on features of clips, or an I3D on videos")
  add("--on_error", choices=ON_ERROR, default="stop",
      help="on a damaged entry: stop, or leave it out")
  args = parser.parse_args(argv)
  with one_sentence():
    args.splits = split_names.parse_list(args.splits)
  return args


if __name__ == "__main__":
  main()
