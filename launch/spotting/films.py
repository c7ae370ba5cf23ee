"""Frames of annotations and exemplars, for pictures: of videos, or drawn anew by the simulator."""

import functools

import numpy as np

from data_builders.signing_sim import archive as simulator
from data_builders.signing_sim import corpus, exemplars, render
from launch.spotting import annotations, archive
from sign_jax.data import clip_table
from sign_jax.data.lexicon_table import read as read_lexicon
from sign_jax.video import frames

_SIZE = 96


def of_annotation(run, label, count):
  """(count, S, S, 3) uint8 frames of an annotation's segment, or None where there are none.

  Args:
    run: `rounds.Rounds`.
    label: `label_table.Label` of the corpus.
    count: of frames.
  """
  if run.encoder == "i3d":
    return _of_video(run.media / label.video, label.start, label.end, count)
  if run.config.spotting.captions:
    return None  # features alone
  name = label.video.removeprefix(f"{annotations.CORPUS}/").removesuffix(".npz")
  settings = simulator.CONFIGS[run.spotting.archive]
  points, _ = corpus.simulate(_videos(settings)[name], settings)
  middle = (label.start + label.end) / 2 * corpus.FPS
  return _drawn(points, middle - frames.WINDOW / 2, middle + frames.WINDOW / 2, count)


def of_exemplar(run, label, count):
  """The same of the exemplar that an annotation was found with."""
  lexicon, _, name = label.provenance.exemplar.partition("/")
  if run.encoder == "i3d":
    rows = {x.exemplar: x for x in read_lexicon(run.given.lexicons[lexicon] / archive.TABLE)}
    return _of_video(run.media / lexicon / name, rows[name].start, rows[name].end, count)
  if run.config.spotting.captions:
    return None
  settings = simulator.CONFIGS[run.spotting.archive]
  items = {x.name: x for x in exemplars.exemplars(lexicon, settings)}
  points, (first, last) = exemplars.simulate(items[clip_table.stem_of(name)], settings)
  return _drawn(points, first, last, count)


@functools.cache
def _videos(settings):
  return {x.video_id: x for members in corpus.videos(settings).values() for x in members}


def _drawn(points, first, last, count):
  at = np.clip(np.linspace(first, last, count).round().astype(int), 0, len(points) - 1)
  return render.frames(points[at], _SIZE)


def _of_video(path, start, end, count):
  found = list(frames.read_frames(path, (_SIZE, _SIZE), start, end))
  return np.stack([found[i] for i in np.linspace(0, len(found) - 1, count).round().astype(int)])
