"""One film of an archive of weather forecasts; `broadcasts` is the program that writes them all."""

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator

import av
import numpy as np
from jaxtyping import Float, UInt8

from data_builders.signing_sim import corpus, recordings, videos
from data_builders.signing_sim.recordings import Recording
from data_builders.signing_sim.rng import Random
from sign_jax.data import clip_table, label_table
from sign_jax.errors import UserError
from sign_jax.files import replacing

FPS = corpus.FPS / 2  # at the simulator's own, sentences would pass faster than people sign
_DOMAIN = "weather"  # half of all signs: few enough for an encoder to learn in minutes
_SENTENCES = 10  # of a film
_AT_ONCE = 32  # frames that are drawn before they are written
_LIGHT = (0.88, 1.08)  # of a film's red, green and blue
_ZOOM, _RIGHT, _DOWN = (1.2, 1.3), (-6.0, 6.0), (8.0, 14.0)  # of its camera, see `videos.Look`


@dataclasses.dataclass(frozen=True)
class Settings:
  """What is filmed.

  Attributes:
    corpus: from whose sentences those of one domain are taken, each as its first signer signs it.
    size: height and width of the films, pixels, even.
  """

  corpus: corpus.Settings
  size: int = 256


def films(settings: Settings) -> list[Recording]:
  """All films, each of one signer and one split, by number."""
  found = [
    film
    for split, members in corpus.videos(settings.corpus).items()
    for film in recordings.grouped(split, _chosen(members), _SENTENCES)
  ]
  return [dataclasses.replace(x, name=f"forecast_{n:03d}") for n, x in enumerate(found, 1)]


def _chosen(members):
  """The first video of each sentence of the domain."""
  first = {video.sentence.sentence_id: video for video in reversed(members)}
  return [x for x in reversed(first.values()) if x.sentence.domain == _DOMAIN]


def film(
  item: Recording, folder: pathlib.Path, settings: Settings
) -> tuple[list[clip_table.Row], list[label_table.Label]]:
  """Writes one film unless it is there.

  Returns:
    Its sentences and its signs, with their places in seconds.
  """
  points, starts, spans = recordings.simulate(item, settings.corpus)
  name = f"{item.name}.mp4"
  if not (folder / name).is_file():
    look = _look(Random(settings.corpus.seed, "broadcast", item.name))
    write_h264(folder / name, _pictures(points, look, settings.size), settings.size, FPS)
  ends = recordings.clips(item, starts, "signing")
  rows = [
    clip_table.Row(0, name, video.video_id, *_seconds(first, stop), video.sentence.text, item.split,
                   video.signer.name)
    for video, (first, stop) in zip(item.videos, ends, strict=True)
  ]  # fmt: skip
  numbers = videos.classes(settings.corpus)
  labels = [
    label_table.Label(name, *place, number, gloss=gloss)
    for video, own in zip(item.videos, spans, strict=True)
    for *place, number, gloss in videos.signs(own, video.glosses, len(points), numbers, FPS)
  ]  # fmt: skip
  return rows, labels


def _seconds(first, stop):
  """Start and end of a film's frames; half a frame early: rounding moves none."""
  return tuple(round(max(x - 0.5, 0.0) / FPS, 6) for x in (first, stop))


def _look(random):
  """No two films are lit, and show the signer, quite alike."""
  return videos.Look(
    random.uniform(*_ZOOM), (random.uniform(*_RIGHT), random.uniform(*_DOWN)),
    tuple(random.uniform(*_LIGHT) for _ in range(3)),
  )  # fmt: skip


def _pictures(
  points: Float[np.ndarray, "F 133 2"], look: videos.Look, size: int
) -> Iterator[UInt8[np.ndarray, "S S 3"]]:
  for first in range(0, len(points), _AT_ONCE):
    yield from videos.frames(points[first : first + _AT_ONCE], look, size)


def write_h264(
  path: pathlib.Path, pictures: Iterable[UInt8[np.ndarray, "S S 3"]], size: int, fps: float
) -> None:
  """Writes square RGB pictures as a film that browsers play, whole or not at all.

  Raises:
    UserError: the installed PyAV has no encoder of H.264.
  """
  if "libx264" not in av.codec.codecs_available:
    raise UserError("this PyAV writes no H.264: install the one of PyPI (pip install av)")
  container = {"format": "mp4", "options": {"movflags": "faststart"}}  # plays while it arrives
  with replacing(path) as partial, av.open(str(partial), "w", **container) as file:
    stream = file.add_stream("libx264", rate=int(fps), options={"preset": "veryfast", "crf": "23"})
    stream.height = stream.width = size
    stream.pix_fmt = "yuv420p"
    stream.codec_context.gop_size = int(fps)  # a second: pages jump to any place at once
    stream.codec_context.thread_count = 1  # there is a process for each core
    for picture in pictures:
      file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    file.mux(stream.encode())
