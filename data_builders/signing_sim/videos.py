"""Renders the simulator's videos to files, with captions and labelled signs.

  python -m data_builders.signing_sim.videos --out DIR [--config small] [--size 112] [--look target]

DIR receives `videos/*.mp4`, `captions.csv` (video, sentence, split, signer: what `video_folder`
builds), `signs.csv` (every sign's place and class, in the format of `sign_jax.pseudo_labels`) and
`classes.txt`. `--look source` films another corpus (other sentences, signers, camera and
light), from which a sign encoder can learn the signs before it sees the target. `--look warm` films
the target's corpus from closer by and in warm light, which differs more from the source.
"""

import argparse
import concurrent.futures
import dataclasses
import functools
import json

import av
import numpy as np
from tqdm import tqdm

from data_builders.signing_sim import corpus, lexicon, render, skeleton
from sign_jax.errors import UserError, one_sentence
from sign_jax.files import path_argument, replacing
from sign_jax.untrusted import csv_table
from sign_jax.video.frames import WINDOW

CONFIGS = {"tiny": corpus.TINY, "study": corpus.STUDY, "small": corpus.SMALL}
_SLACK = 2  # frames by which a sign's segment is longer than a window, before and behind
_KEYFRAMES = 12  # frames from one that can be jumped to to the next
_SOURCE_SEED = 1000  # added to the corpus's seed


@dataclasses.dataclass(frozen=True)
class Look:
  """What a camera makes of the scene.

  Attributes:
    zoom: of the figure about the middle of the picture.
    shift: (right, down) of the figure, in pixels of the simulator's canvas.
    gains: of red, green and blue.
  """

  zoom: float
  shift: tuple[float, float]
  gains: tuple[float, float, float]


LOOKS = {
  "target": Look(zoom=1.25, shift=(0.0, 12.0), gains=(1.0, 1.0, 1.0)),
  "source": Look(zoom=1.05, shift=(10.0, 0.0), gains=(0.7, 0.85, 1.1)),
  "warm": Look(zoom=1.4, shift=(-10.0, 16.0), gains=(1.1, 0.7, 0.5)),
}


def classes(settings):
  """{gloss: class number}: signs that look the same share one."""
  same = lexicon.lookalikes(settings.lookalike_share)
  numbers = {}
  for gloss in lexicon.GLOSSES:
    partner = same.get(gloss)
    numbers[gloss] = numbers[partner] if partner in numbers else len(set(numbers.values()))
  return numbers


def class_names(settings):
  """Names of the classes in their order, such as "SNOW/HAIL"."""
  numbers = classes(settings)
  names = [[] for _ in set(numbers.values())]
  for gloss, number in numbers.items():
    names[number].append(gloss)
  return ["/".join(glosses) for glosses in names]


def frames(points, look, size):
  """Films keypoints (F, 133, 2): (F, size, size, 3) uint8 RGB."""
  middle = skeleton.CANVAS / 2
  placed = (points - middle) * look.zoom + middle + np.array(look.shift)
  pictures = render.frames(placed, size)
  # A table for each colour: pictures times gains would take longer than to draw them.
  tables = np.clip(np.rint(np.arange(256)[:, None] * np.array(look.gains)), 0, 255)
  colours = zip(tables.astype(np.uint8).T, np.moveaxis(pictures, -1, 0), strict=True)
  return np.stack([table[values] for table, values in colours], -1)


def finer(points, times):
  """Motion (F, 133, 2) in so many times the frames; those between are interpolated."""
  at = np.minimum(np.arange(times * len(points)) / times, len(points) - 1)
  before = np.floor(at).astype(int)
  after, share = np.minimum(before + 1, len(points) - 1), (at - before)[:, None, None]
  return (1 - share) * points[before] + share * points[after]


def write_video(path, pictures, fps=corpus.FPS):
  """Writes (F, H, W, 3) uint8 RGB as a video of `fps`, whole or not at all."""
  with replacing(path) as partial, av.open(str(partial), "w", format="mp4") as container:
    stream = container.add_stream("mpeg4", rate=int(fps))
    stream.height, stream.width, stream.pix_fmt = *pictures.shape[1:3], "yuv420p"
    stream.codec_context.gop_size = _KEYFRAMES
    stream.codec_context.bit_rate = 30 * pictures[0].size  # more than such pictures need
    for picture in pictures:
      container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    container.mux(stream.encode())


def signs(spans, glosses, num_frames, numbers, fps=corpus.FPS):
  """Segments of a video's signs, each about its sign's middle and long enough for a window.

  Args:
    spans: (G, 2) first and last frame of every sign.
    glosses: their G names.
    num_frames: of the video.
    numbers: {gloss: class}.
    fps: frames per second of the video.

  Yields:
    (start, end, class, gloss): seconds.
  """
  for (first, last), gloss in zip(np.asarray(spans).tolist(), glosses, strict=True):
    start = (first + last + 1) // 2 - WINDOW // 2 - _SLACK
    stop = start + WINDOW + 2 * _SLACK
    # Half a frame early, so that rounding moves no frame.
    start, stop = max(start, 0) - 0.5, min(stop, num_frames) - 0.5
    yield max(start, 0.0) / fps, stop / fps, numbers[gloss], gloss


def film(video, settings, look, size, folder):
  """Writes one video unless it is there; returns the rows of its signs without its split."""
  points, spans = corpus.simulate(video, settings)
  path = folder / f"{video.video_id}.mp4"
  if not path.is_file():
    write_video(path, frames(points, look, size))
  numbers = classes(settings)
  return [
    (path.name, f"{start:.6f}", f"{end:.6f}", number, gloss)
    for start, end, number, gloss in signs(spans, video.glosses, len(points), numbers)
  ]


def write(out, settings, look, size):
  """Writes a corpus; videos that are there stay.

  Args:
    out: pathlib.Path of the folder.
    settings: `corpus.Settings`.
    look: `Look`.
    size: height and width of the videos, pixels, even.

  Returns:
    (number of videos, number of signs).

  Raises:
    UserError: videos are there that were rendered otherwise.
  """
  folder = out / "videos"
  folder.mkdir(parents=True, exist_ok=True)
  _note_settings(out, settings, look, size)
  items = [(split, x) for split, members in corpus.videos(settings).items() for x in members]
  one = functools.partial(film, settings=settings, look=look, size=size, folder=folder)
  with concurrent.futures.ProcessPoolExecutor() as pool:
    rows = pool.map(one, [video for _, video in items], chunksize=8)
    labels = [
      (*row, split)
      for (split, _), found in zip(items, tqdm(rows, total=len(items), unit="video"), strict=True)
      for row in found
    ]
  captions = [(f"{x.video_id}.mp4", x.sentence.text, s, x.signer.name) for s, x in items]
  csv_table.write(out / "captions.csv", ("video", "sentence", "split", "signer"), captions)
  columns = ("video", "start", "end", "label", "gloss", "split")
  csv_table.write(out / "signs.csv", columns, labels)
  (out / "classes.txt").write_text("\n".join(class_names(settings)) + "\n")
  return len(items), len(labels)


def _note_settings(out, settings, look, size):
  path = out / "settings.json"
  facts = {"corpus": settings, "look": look}
  text = json.dumps({**{k: dataclasses.asdict(v) for k, v in facts.items()}, "size": size})
  before = path.read_text() if path.is_file() else None
  if before != text and (before or any((out / "videos").glob("*.mp4"))):
    raise UserError(f"{out} holds videos that were rendered otherwise, choose another --out")
  path.write_text(text)


def main(argv=None):
  """The command line."""
  parser = argparse.ArgumentParser(prog="python -m data_builders.signing_sim.videos")
  parser.add_argument("--out", required=True, type=path_argument,
                      help="folder that receives videos and tables")  # fmt: skip
  parser.add_argument("--config", default="small", choices=CONFIGS, help="size of the corpus")
  parser.add_argument("--look", default="target", choices=LOOKS)
  parser.add_argument("--size", type=int, default=112, help="of the videos, in pixels")
  parser.add_argument("--seed", type=int, default=0)
  args = parser.parse_args(argv)
  with one_sentence():
    if args.size < 32 or args.size % 2:
      raise UserError(f"--size {args.size} is no size of a video, choose an even one from 32 on")
    seed = args.seed + (_SOURCE_SEED if args.look == "source" else 0)
    settings = dataclasses.replace(CONFIGS[args.config], seed=seed)
    videos, labels = write(args.out, settings, LOOKS[args.look], args.size)
    print(f"{videos} videos with {labels} signs in {args.out}")


if __name__ == "__main__":
  main()
