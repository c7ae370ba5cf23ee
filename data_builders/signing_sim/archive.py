"""Writes the simulator's corpus as a user would have one from which signs are to be spotted.

  python -m data_builders.signing_sim.archive --out DIR [--config small] [--seed 0] [--long]
    [--films N]

DIR receives
- `captions.csv` (video, sentence, split, signer) and `features/NAME.npz`, which `video_folder`
  builds, and `lemmas.csv` (word, lemma) of the inflected words in the sentences;
- `mouthings.csv` (video, word, time, confidence) of training videos;
- `lexicons/first` and `lexicons/second`: `lexicon.csv` (exemplar, word, start, end) and
  `features/NAME.npz` of isolated signs; start and end are the sign's own;
- `signs.csv` (video, start, end, gloss, word): the truth about every sign, to score results with;
- with `--long`, `long/signing` and `long/speech`: the same sentences cut out of long videos, by the
  times at which they are signed and said, each with `captions.csv` and `features/`;
- with `--films N`, `videos/` of the first N videos and `lexicons/*/videos/` of all isolated signs.

Times are in seconds. `--seed` is that of the mouthings; videos and lexicons are the same for all.
A second start finishes what is missing.
"""

import argparse
import contextlib
import dataclasses
import functools
import json

from tqdm import tqdm

from data_builders.signing_sim import (
  archive_items,
  corpus,
  exemplars,
  inflection,
  mouthed,
  processes,
  recordings,
  videos,
)
from data_builders.signing_sim.archive_items import VERSION, Archive, file_of, text_of
from sign_jax.data import clip_table, words
from sign_jax.errors import UserError, one_sentence
from sign_jax.files import path_argument, replacing
from sign_jax.untrusted import csv_table

CONFIGS = videos.CONFIGS
_FACTS, _CAPTIONS = "archive.json", "captions.csv"
_COLUMNS = ("video", "sentence", "split", "signer")
_SIGNS = ("video", "start", "end", "gloss", "word")
_LEXICON = ("exemplar", "word", "start", "end")


def write(archive: Archive, long: bool = False, films: int = 0) -> list[tuple[str, int, int]]:
  """Writes an archive, or what is missing of one.

  Args:
    archive: what and where.
    long: whether to cut the sentences out of long videos too.
    films: number of videos to film; with any, all exemplars are filmed.

  Returns:
    [(what, how many, of how many words)] for people.

  Raises:
    UserError: the folder holds something else.
  """
  _claim(archive)
  with processes.mapping() if films else contextlib.nullcontext(map) as mapped:
    told = _write_videos(archive, films, mapped)
    told += [_write_lexicon(archive, name, bool(films), mapped) for name in exemplars.NAMES]
    return told + ([_write_recordings(archive, mapped)] if long else [])


def _claim(archive):
  """Notes what the folder holds, unless it holds something else."""
  path, out = archive.out / _FACTS, archive.out
  facts = {"archive": "signing_sim", "version": VERSION, "seed": archive.seed}
  text = json.dumps({**facts, "corpus": dataclasses.asdict(archive.settings)})
  if path.is_file():
    if path.read_text(errors="replace") != text:
      raise UserError(f"{out} holds an archive of another version, size or seed, choose another "
                      "--out")
    return
  if out.exists() and any(out.iterdir()):
    raise UserError(f"{out} is not empty and holds no archive of the simulator, choose another "
                    "--out")
  out.mkdir(parents=True, exist_ok=True)
  with replacing(path) as partial:
    partial.write_text(text)


def _write_videos(archive, films, mapped):
  settings, out = archive.settings, archive.out
  items = [(split, x) for split, members in corpus.videos(settings).items() for x in members]
  todo = [(video, split == "train", k < films) for k, (split, video) in enumerate(items)]
  found = _all(archive_items.of_video, todo, "videos", mapped, archive=archive)
  captions = [(file_of(x), text_of(x, settings), split, x.signer.name) for split, x in items]
  signs = [row for each in found for row in each.signs]
  mouthings = [row for each in found for row in each.mouthings]
  csv_table.write(out / _CAPTIONS, _COLUMNS, captions)
  csv_table.write(out / "signs.csv", _SIGNS, signs)
  csv_table.write(out / "mouthings.csv", mouthed.COLUMNS, mouthings)
  csv_table.write(out / "lemmas.csv", words.COLUMNS, inflection.lemmas().items())
  signed = len({word for *_, word in signs})
  return [("videos", len(items), signed), ("signs", len(signs), signed),
          ("mouthings", len(mouthings), len({word for _, word, *_ in mouthings}))]


def _write_lexicon(archive, name, is_filmed, mapped):
  items = exemplars.exemplars(name, archive.settings)
  rows = _all(archive_items.of_exemplar, items, f"lexicon {name}", mapped, archive=archive,
              is_filmed=is_filmed)
  csv_table.write(archive.lexicon(name) / "lexicon.csv", _LEXICON, rows)
  return f"exemplars, {name} lexicon", len(rows), len({word for _, word, *_ in rows})


def _write_recordings(archive, mapped):
  items = list(recordings.recordings(archive.settings))
  found = _all(archive_items.of_recording, items, "long videos", mapped, archive=archive)
  for alignment in recordings.ALIGNMENTS:
    rows = [row for each in found for row in each.clips[alignment]]
    clip_table.write(archive.aligned(alignment) / _CAPTIONS, rows)
  signs = [row for each in found for row in each.signs]
  csv_table.write(archive.out / "long" / "signs.csv", _SIGNS, signs)
  return "long videos", len(items), len({word for *_, word in signs})


def _all(function, items, what, mapped, **options):
  results = mapped(functools.partial(function, **options), items)
  return list(tqdm(results, desc=what, total=len(items), mininterval=0.5))


def main(argv: list[str] | None = None) -> None:
  """The command line."""
  parser = argparse.ArgumentParser(
    prog="python -m data_builders.signing_sim.archive", description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )  # fmt: skip
  parser.add_argument("--out", required=True, type=path_argument, help="folder of the archive")
  parser.add_argument("--config", default="small", choices=CONFIGS, help="size of the corpus")
  parser.add_argument("--seed", type=int, default=0, help="of the mouthings")
  parser.add_argument("--long", action="store_true",
                      help="cut the sentences out of long videos too")
  parser.add_argument("--films", type=int, default=0, metavar="N", help="number of videos to film")
  args = parser.parse_args(argv)
  with one_sentence():
    if args.seed < 0 or args.films < 0:
      raise UserError("--seed and --films must be at least 0")
    told = write(Archive(args.out, CONFIGS[args.config], args.seed), args.long, args.films)
    print(f"{'':24}{'number':>8}{'words':>8}")
    for what, number, of in told:
      print(f"{what:24}{number:8}{of:8}")


if __name__ == "__main__":
  main()
