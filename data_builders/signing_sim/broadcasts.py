"""Films an archive of weather forecasts, each of several sentences, as people would watch it.

  python -m data_builders.signing_sim.broadcasts --out DIR [--config example] [--size 256]

DIR receives
- `films/*.mp4` (H.264, which browsers play), and `films/*.vtt`, subtitles beside those for training
  and validation;
- `captions.csv`, the place of every sentence in all films, a table of clips;
- `signs.csv`, the place and class of every sign, as `sign_jax.pseudo_labels` writes them, with the
  names of the classes in `classes.txt`.

The simulator signs faster than people do. These films play at half its pace, 12 frames a second, so
that a sentence lasts about six seconds. No sentence is in two films. Films that are there stay.
"""

import argparse
import dataclasses
import functools
import json
import pathlib

from tqdm import tqdm

from data_builders.signing_sim import broadcast_films, corpus, processes, videos
from data_builders.signing_sim.broadcast_films import Settings
from sign_jax.data import clip_table, label_table
from sign_jax.data.annotations import subtitles
from sign_jax.errors import UserError, one_sentence
from sign_jax.files import path_argument, replacing

VERSION = 2  # of what a folder holds
CAPTIONS, SIGNS, CLASSES = "captions.csv", "signs.csv", "classes.txt"
WITH_SUBTITLES = ("train", "validation")  # splits
_FACTS = "archive.json"

CONFIGS = {
  "tiny": corpus.Settings(sentences=(20, 8, 8), signers=3),
  "example": corpus.Settings(sentences=(1000, 80, 240), signers=8),
}


def write(out: pathlib.Path, settings: Settings) -> tuple[int, int, int]:
  """Writes what is missing of an archive.

  Args:
    out: the folder.
    settings: what is filmed.

  Returns:
    (number of films, of sentences, of signs).

  Raises:
    UserError: the folder holds films of other settings, or films cannot be written here.
  """
  _claim(out, settings)
  items = broadcast_films.films(settings)
  with processes.mapping() as mapped:
    one = functools.partial(broadcast_films.film, folder=out / "films", settings=settings)
    found = mapped(one, items, chunksize=1)
    found = list(tqdm(found, "films", total=len(items), unit="film"))
  for item, (sentences, _) in zip(items, found, strict=True):
    if item.split in WITH_SUBTITLES:
      _write_subtitles(out / "films" / f"{item.name}.vtt", sentences)
  rows = [row for sentences, _ in found for row in sentences]
  signs = {split: [] for split in corpus.SPLITS}
  for item, (_, labels) in zip(items, found, strict=True):
    signs[item.split] += labels
  label_table.write_all(out / SIGNS, signs)
  (out / CLASSES).write_text("\n".join(videos.class_names(settings.corpus)) + "\n")
  clip_table.write(out / CAPTIONS, rows)
  return len(items), len(rows), sum(map(len, signs.values()))


def _write_subtitles(path, rows):
  with replacing(path) as partial:
    partial.write_text(subtitles.vtt((x.start, x.end, x.sentence) for x in rows), encoding="utf-8")


def _claim(out, settings):
  """Notes what the folder holds, unless it holds something else."""
  path = out / _FACTS
  text = json.dumps({"version": VERSION, **dataclasses.asdict(settings)})
  if path.is_file():
    if path.read_text(errors="replace") != text:
      raise UserError(f"{out} holds films of another version or size, choose another --out")
    return
  (out / "films").mkdir(parents=True, exist_ok=True)
  if any((out / "films").iterdir()):
    raise UserError(f"{out} holds films that are not ours, choose another --out")
  with replacing(path) as partial:
    partial.write_text(text)


def main(argv: list[str] | None = None) -> None:
  """The command line."""
  parser = argparse.ArgumentParser(
    prog="python -m data_builders.signing_sim.broadcasts", description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )  # fmt: skip
  parser.add_argument("--out", required=True, type=path_argument, help="folder of the archive")
  parser.add_argument("--config", default="example", choices=CONFIGS, help="size of the archive")
  parser.add_argument("--size", type=int, default=256, help="of the films, in pixels")
  args = parser.parse_args(argv)
  with one_sentence():
    if args.size < 32 or args.size % 2:
      raise UserError(f"--size {args.size} is no size of a film, choose an even one from 32 on")
    count, sentences, signs = write(args.out, Settings(CONFIGS[args.config], args.size))
    print(f"{count} films with {sentences} sentences and {signs} signs in {args.out}")


if __name__ == "__main__":
  main()
