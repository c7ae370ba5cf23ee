"""What `archive` writes for one video, one exemplar or one long video."""

import functools
import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from data_builders.signing_sim import (
  corpus,
  exemplars,
  features,
  gap,
  lexicon,
  mouthed,
  recordings,
  videos,
  wording,
)
from data_builders.signing_sim.rng import Random
from sign_jax.data import clip_table, feature_files

VERSION = 1  # of what an archive holds
_SIZE = 48  # height and width of films, pixels
# Frames of a film for each of the simulator's: an encoder of films reads windows of 16, and a sign
# of six frames would share them with its neighbours.
_FINER = 2
_STREAM = "agnostic"
_GAINS = {"first": (0.8, 0.9, 1.1), "second": (1.1, 0.9, 0.8)}  # of the films' red, green and blue


class Archive(NamedTuple):
  """An archive that is being written."""

  out: pathlib.Path
  settings: corpus.Settings
  seed: int  # of the mouthings

  def lexicon(self, name: str) -> pathlib.Path:
    """The folder of a lexicon."""
    return self.out / "lexicons" / name

  def aligned(self, alignment: str) -> pathlib.Path:
    """The folder of clips of long videos; `alignment` is one of `recordings.ALIGNMENTS`."""
    return self.out / "long" / alignment


class Found(NamedTuple):
  """The rows of tables that a video gives, and a long one."""

  signs: list[tuple[str, str, str, str, str]]
  mouthings: list[tuple[str, str, str, str]] = []
  clips: dict[str, list[clip_table.Row]] = {}  # by alignment


def of_video(item: tuple[corpus.Video, bool, bool], archive: Archive) -> Found:
  """Writes the features of a video; item: (it, whether it is for training, whether to film it)."""
  video, is_train, is_filmed = item
  settings, name = archive.settings, file_of(video)
  points, spans = corpus.simulate(video, settings)

  def feature():
    plain = features.features(points, video.signer, _STREAM, settings.width, settings.stride,
                              settings.seed, Random(settings.seed, _STREAM, video.video_id))
    return gap.noisy(plain, Random(settings.seed, "noise", video.video_id))

  _keep(archive.out, video.video_id, feature, len(points), settings.stride)
  if is_filmed:
    _film(archive.out, name, points, videos.LOOKS["target"])
  heard = mouthed.mouthings(video, spans, len(points), archive.seed) if is_train else ()
  mouthings = [(name, x.word, f"{x.time:.6f}", f"{x.confidence:.4f}") for x in heard]
  return Found(list(_signs(name, video, spans)), mouthings)


def of_exemplar(item: exemplars.Exemplar, archive: Archive, is_filmed: bool
                ) -> tuple[str, str, str, str]:
  """Writes an exemplar's features and film; returns its row of `lexicon.csv`."""
  settings, folder = archive.settings, archive.lexicon(item.lexicon)
  points, (first, last) = exemplars.simulate(item, settings)
  _keep(folder, item.name, lambda: exemplars.feature(item, points, settings), len(points),
        settings.stride)
  name = f"{item.name}.mp4"
  if is_filmed:
    _film(folder, name, points, videos.Look(1.0, (0.0, 0.0), _GAINS[item.lexicon]))
  return name, item.word, *_seconds(int(first), int(last))


def of_recording(item: recordings.Recording, archive: Archive) -> Found:
  """Writes the features of a long video's clips."""
  settings, name = archive.settings, f"{item.name}.mp4"
  points, starts, spans = recordings.simulate(item, settings)
  rows = recordings.stream(item, points, settings)
  clips = {alignment: [] for alignment in recordings.ALIGNMENTS}
  for alignment, members in clips.items():
    ends = recordings.clips(item, starts, alignment)
    for video, (first, stop) in zip(item.videos, ends, strict=True):
      times = map(float, _seconds(first, stop - 1))
      row = clip_table.Row(0, name, video.video_id, *times, text_of(video, settings), item.split,
                           video.signer.name)
      cut = functools.partial(recordings.feature, rows, first, stop, settings.stride)
      _keep(archive.aligned(alignment), row.name, cut, stop - first, settings.stride, row.part)
      members.append(row)
  signs = [row for video, own in zip(item.videos, spans, strict=True)
           for row in _signs(name, video, own)]
  return Found(signs, clips=clips)


def text_of(video: corpus.Video, settings: corpus.Settings) -> str:
  """The sentence of a video as a table has it, with inflected words."""
  return wording.text(video.sentence, Random(settings.seed, "wording", video.sentence.sentence_id))


def file_of(video: corpus.Video) -> str:
  """What the tables call a video."""
  return f"{video.video_id}.mp4"


def _signs(name, video, spans) -> Iterator[tuple[str, str, str, str, str]]:
  for gloss, (first, last) in zip(video.glosses, spans.tolist(), strict=True):
    yield name, *_seconds(first, last), gloss, wording.headword(lexicon.concept(gloss))


def _keep(folder, name, feature: Callable[[], np.ndarray], num_frames, stride, part=""):
  """Writes a feature file unless it is there."""
  path = feature_files.path_of(folder / "features", name)
  if not path.is_file():
    weights = f"signing_sim archive {VERSION}"
    feature_files.write(path, feature_files.FeatureFile(
      feature(), num_frames, corpus.FPS, stride, weights, part))


def _film(folder, name, points, look):
  path = folder / "videos" / name
  if not path.is_file():
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = videos.frames(videos.finer(points, _FINER), look, _SIZE)
    videos.write_video(path, pictures, _FINER * corpus.FPS)


def _seconds(first, last):
  """Start and end of frames, both inclusive, as text; half a frame early: rounding moves none."""
  return f"{max(first - 0.5, 0.0) / corpus.FPS:.6f}", f"{(last + 0.5) / corpus.FPS:.6f}"
