"""Where the clips of a dictionary come from: a split of isolated signs, or a folder of videos."""

import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from sign_jax.api.retrieval import EncodedVideos
from sign_jax.api.sign_reading import SignClip
from sign_jax.api.sign_recognition import SignModel
from sign_jax.data import clip_table, records
from sign_jax.data.sign_clips import SignClips
from sign_jax.encoder.clips import Clip
from sign_jax.errors import UserError
from sign_jax.search.entries import Entry
from sign_jax.search.sources import Made
from sign_jax.tasks import isolated, isolated_signs

KEYPOINTS = (".pose", ".npz", ".pkl", "")  # endings of a video's keypoints; "" is a folder
_TOGETHER = 8  # clips that are encoded at once


class _Job(NamedTuple):
  """A clip that waits to be encoded.

  Attributes:
    entry: what is known of it.
    read: () -> (arrays of `SignModel.encode_clips`, seconds of its video or None).
  """

  entry: Entry
  read: Callable[[], tuple[dict[str, np.ndarray], tuple[float, float] | None]]


class Split(NamedTuple):
  """A split of isolated signs of the data set that a model was trained on.

  Attributes:
    model: `SignModel`.
    clips: `SignClips`.
    entries: [`Entry`] of each; its text is the gloss.
  """

  model: SignModel
  clips: SignClips
  entries: list[Entry]

  @property
  def total(self) -> int:
    """The number of its signs."""
    return len(self.clips)

  def videos(self, there: Callable[[str], bool] = lambda name: False) -> Iterator[Made]:
    """A `Made` for each sign.

    Args:
      there: whether a sign is in the index already: then it is not read, and comes first.
    """
    new = [number for number, entry in enumerate(self.entries) if not there(entry.name)]
    yield from (Made(entry.name) for entry in self.entries if there(entry.name))
    yield from _encoded(self.model, (self._job(number) for number in new))

  def _job(self, number):
    entry = self.entries[number]
    times = None if np.isnan(entry.start) else (entry.start, entry.end)
    return _Job(entry, lambda: (self.clips.read(number), times))


def open_split(
    model: SignModel, split: str, data_dir: str = "", all_signs: bool = False
) -> Split:
  """Opens a split of the data set that a run names.

  Args:
    model: `SignModel`.
    split, data_dir: as for `sources.open_split`.
    all_signs: whether signs of sentences are there too that are no class of the data set.

  Raises:
    UserError: no such data set or split, or one without isolated signs.
  """
  config = model.config.copy_and_resolve_references()
  if data_dir:
    config.data.data_dir = data_dir
  fields = isolated.recognizer_of(model.trained.system).fields(config)
  reader = isolated_signs.SignReader(config, fields)
  clips = reader.with_left_out(split) if all_signs else reader.split(split)
  source = records.open_split(config.data.name, split, config.data.data_dir or None)
  return Split(model, clips, _entries(clips, source, split))


def _entries(clips, source, split):
  """[`Entry`] of the clips; the second sign of the sentence "a" is called "a/2"."""
  wanted = [name for name in ("video_id", "fps") if name in source.feature_specs]
  facts = list(source.read(range(len(source)), wanted))
  found = []
  for clip in clips.clips:
    known = facts[clip.record]
    name = str(known["video_id"])
    video = clip.video or name
    if clip.place:
      name = f"{name}/{clip.place}"
    gloss = str(clip.label) if clips.names is None else clips.names[clip.label]
    start, end = _seconds(clip, float(known.get("fps", 0)))
    found.append(Entry(name, video, start, end, gloss, split, str(clip.signer)))
  return found


def _seconds(clip, fps):
  """Begin and end in its video, NaN where that is not known."""
  if not fps > 0:
    return np.nan, np.nan
  return clip.first / fps, (clip.first + clip.count) / fps


def of_videos(
    jobs: Sequence[Clip], model: SignModel, keypoints: pathlib.Path | None = None
) -> Iterator[Made]:
  """Videos of single signs through a model; a `Made` for each, in order.

  Args:
    jobs: `encoder.clips.Clip`s; the sentence of a table is the sign's name.
    model: `SignModel`.
    keypoints: folder of files that are called as the videos; None where the model reads none.
  """
  return _encoded(model, (_of_video(job, model, keypoints) for job in jobs))


def _of_video(job, model, keypoints):
  def read():
    own = None if keypoints is None else _keypoints(keypoints, job.video)
    return model.read(SignClip(job.path, own, job.start, job.end, job.box))

  entry = Entry(job.name, job.video, text=job.sentence, split=job.split, signer=job.signer)
  return _Job(entry, read)


def _keypoints(folder, video):
  """The file of a video's keypoints in a folder; raises UserError where there is none."""
  stem = clip_table.stem_of(video)
  for ending in KEYPOINTS:
    path = folder / f"{stem}{ending}"
    if path.is_dir() if not ending else path.is_file():
      return path
  raise UserError(
      f"{folder} has no keypoints of {video}: a file {stem}.pose, .npz or .pkl, or a folder {stem} "
      "of OpenPose's JSON is needed"
  )


def _encoded(model: SignModel, jobs: Iterable[_Job]) -> Iterator[Made]:
  """A `Made` for each job, in order; what cannot be read stops no other."""
  waiting = []
  for job in jobs:
    waiting.append(_read(job))
    if len(waiting) == _TOGETHER:
      yield from _together(model, waiting)
      waiting = []
  yield from _together(model, waiting)


def _read(job) -> tuple[Entry, Any]:
  """(`Entry`, what was read or the error)."""
  try:
    return job.entry, job.read()
  except UserError as error:
    return job.entry, error


def _together(model, waiting):
  arrays = [read[0] for _, read in waiting if not isinstance(read, UserError)]
  try:
    rows = iter(model.encode_clips(arrays).tokens)
  except UserError as error:
    if len(waiting) == 1:
      yield Made(waiting[0][0].name, error=error)
    else:  # one that makes no finite vector stops no other
      for one in waiting:
        yield from _together(model, [one])
    return
  for entry, read in waiting:
    if isinstance(read, UserError):
      yield Made(entry.name, error=read)
      continue
    times = None if read[1] is None else np.array([read[1]])
    yield Made(entry.name, EncodedVideos(next(rows)[None]), [entry], [times])
