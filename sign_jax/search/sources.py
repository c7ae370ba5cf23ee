"""Where an index's clips come from: a split of a data set, feature files, a folder of videos."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from sign_jax.api.retrieval import EncodedVideos, RetrievalModel
from sign_jax.data import feature_files
from sign_jax.data.sampling import sample_indices
from sign_jax.encoder import reencode
from sign_jax.encoder import windows as encoder_windows
from sign_jax.encoder.clips import Clip
from sign_jax.errors import UserError
from sign_jax.run import task as run_task
from sign_jax.run import text_notes
from sign_jax.search import overlaps
from sign_jax.search.entries import Entry
from sign_jax.video import frames

_CONFIG = {"fusion.runs": "", "fusion.weights": ()}  # an index is of one model


class Made(NamedTuple):
  """What one video has become; without clips and error, it is in the index already.

  Attributes:
    name: of the video.
    videos: features [(n, D), ...] of its parts, or an `EncodedVideos`.
    clips: `Entry` of each part.
    times: (n, 2) seconds of each part's windows, or None.
    error: why there are none of these; None where there are.
  """

  name: str
  videos: Any = ()
  clips: Sequence[Entry] = ()
  times: Sequence[np.ndarray | None] = ()
  error: UserError | None = None


class Split(NamedTuple):
  """A split of the data set that a model was trained on, as an evaluation reads it."""

  model: RetrievalModel
  task: Any
  name: str
  config: Any

  @property
  def total(self) -> int:
    """The number of its videos."""
    return self.task.split(self.name).num_videos

  def videos(self, there: Callable[[str], bool] = lambda name: False) -> Iterator[Made]:
    """A `Made` for each video.

    Args:
      there: whether a video is in the index already. Batches of such videos are not encoded; these
        come first, and without their arrays.
    """
    data, size = self.task.split(self.name), self.config.eval_batch_size
    ids = data.video_ids
    batches = [range(x, min(x + size, len(ids))) for x in range(0, len(ids), size)]
    is_done = [all(there(ids[number]) for number in numbers) for numbers in batches]
    for numbers, done in zip(batches, is_done, strict=True):
      yield from (Made(ids[number]) for number in numbers if done)
    wanted = [number for number, done in enumerate(is_done) if not done]
    encoded = self.task.encoded_videos(
        self.model.variables, self.name, jax.device_put, wanted
    )
    for batch, (tokens, _) in zip(wanted, encoded, strict=True):
      tokens = jax.tree.map(np.asarray, tokens)
      for row, number in enumerate(batches[batch]):  # what fills up the last one lies behind
        one = jax.tree.map(lambda x, row=row: x[row : row + 1], tokens)
        yield self._made(data, number, EncodedVideos(one))

  def _made(self, data, number, encoded):
    name = data.video_ids[number]
    signer, windows = _facts(data, number, self.config.data.video_length)
    text = data.sentence_texts[data.sentence_of_video[number]]
    clip = Entry(name, name, text=text, split=self.name, signer=signer)
    return Made(name, encoded, [clip], [windows])


def open_split(model: RetrievalModel, split: str, data_dir: str = "") -> Split:
  """Opens a split.

  Args:
    model: `RetrievalModel`.
    split: "train", "validation" or "test".
    data_dir: where the data sets lie; "" for where the run had them.

  Raises:
    UserError: no such data set or split.
  """
  config = model.config.copy_and_resolve_references()
  config.update_from_flattened_dict(
      {key: value for key, value in _CONFIG.items() if "fusion" in config}
      | ({"data.data_dir": data_dir} if data_dir else {})
  )
  made = run_task.make(config, notes=text_notes.path(model.trained.workdir))
  made.split(split)  # is it there?
  return Split(model, made, split, config)


def of_split(
    model: RetrievalModel, split: str, data_dir: str = ""
) -> tuple[int, Iterator[Made]]:
  """(The number of videos, a `Made` for each) of `open_split`, in the data set's order."""
  opened = open_split(model, split, data_dir)
  return opened.total, opened.videos()


def _facts(data, number, length):
  """(Signer, times of the windows that are kept) of a video."""
  record = data.facts(number, ("num_frames", "fps", "signer"))
  times = window_times(
      int(record.get("num_frames", 0)), float(record.get("fps", 0)), int(data.windows[number]),
      data.stride,
  )
  return str(record.get("signer", "")), _kept(data, number, times, length, record)


def _kept(data, number, times, length, record):
  """Times of the windows that the model reads."""
  if not data.poses:
    return None if times is None else times[sample_indices(len(times), length)]
  fps = float(record.get("fps", 0))
  if not fps > 0:
    return None
  (found,) = data.stored_features([number], length)
  starts = found["clips_start"][found["clips_start"] >= 0]
  begin, end = found["frames"][starts], found["frames"][starts + frames.WINDOW - 1] + 1
  return np.stack([begin, end], 1) / fps


def window_times(
    num_frames: int, fps: float, count: int, stride: int = 0
) -> Float[np.ndarray, "n 2"] | None:
  """Begin and end in seconds of the windows of 16 frames of a video.

  Args:
    num_frames: of the video; 0 where that is not known.
    fps: frames per second, 0 where that is not known.
    count: of the windows.
    stride: frames from one to the next; with 0, or where there are more or fewer windows than so,
      they are taken for equally distant.

  Returns:
    (count, 2) float64, or None where a number is not known.
  """
  if num_frames < 1 or not fps > 0:
    return None
  if stride and frames.num_windows(num_frames, stride) == count:
    starts = frames.window_starts(num_frames, stride)
  else:
    starts = np.linspace(0, max(num_frames - frames.WINDOW, 0), count)
  return np.stack([starts, np.minimum(starts + frames.WINDOW, num_frames)], 1) / fps


def of_features(
    jobs: Sequence[reencode.Job], length: overlaps.Length = overlaps.DEFAULT
) -> Iterator[Made]:
  """The feature files of `sign_jax.extract`, in parts of such a length; a `Made` for each."""
  for job in jobs:
    try:
      content = feature_files.read(job.path)
    except UserError as error:
      yield Made(job.name, error=error)
      continue
    times = window_times(content.num_frames, content.fps, len(content.feature), content.stride)
    source, start = _part(content.part, job.name)
    yield _parts(job.name, source, content.feature, times, start, length)


def _part(text, name):
  """(video, its first second) of what `clip_table.part_of` has written."""
  # A video's own name may hold " box " too.
  for whole in (text, text.rpartition(" box ")[0]):
    words = whole.rsplit(" ", 2)
    with contextlib.suppress(ValueError):
      start, _ = map(float, words[1:])
      return words[0], max(start, 0.0)
  return name, 0.0


def of_videos(
    jobs: Sequence[Clip], encoder: encoder_windows.Encoder, stride: int,
    length: overlaps.Length = overlaps.DEFAULT,
) -> Iterator[Made]:
  """Videos through a sign encoder, in parts of such a length; a `Made` for each, in order.

  Args:
    jobs: `encoder.clips.Clip`s.
    encoder: of sign features.
    stride: frames from one window to the next.
    length: see `overlaps.parts`.
  """
  for _, result in encoder_windows.encode_videos(jobs, encoder, stride):
    if result is None:
      continue
    job = result.job
    if result.error:
      yield Made(job.name, error=result.error)
      continue
    shown = np.array(result.seconds)
    starts = frames.window_starts(len(shown), stride)
    ends = np.minimum(starts + frames.WINDOW, len(shown)) - 1
    frame = float(np.median(np.diff(shown))) if len(shown) > 1 else 0.0
    times = np.stack([shown[starts], shown[ends] + frame], 1)
    found = _parts(job.name, job.video, result.outputs, times, 0.0, length)
    known = {"text": job.sentence, "split": job.split, "signer": job.signer}
    yield found._replace(clips=[clip._replace(**known) for clip in found.clips])


def _parts(name, source, feature, times, start, length):
  if times is None:
    return Made(name, [feature], [Entry(name, source)], [None])
  times = times + start
  slices = overlaps.parts(times, length)
  if len(slices) == 1:
    clips = [Entry(name, source)]
  else:
    clips = [Entry(f"{name}#{n}", source, cut_from=name) for n in range(1, len(slices) + 1)]
  return Made(name, [feature[x] for x in slices], clips, [times[x] for x in slices])


def find_features(folder: pathlib.Path, model: RetrievalModel) -> list[reencode.Job]:
  """The feature files of a folder; raises UserError where the model does not read such."""
  check_reads_features(model)
  return reencode.find(folder)


def check_reads_features(model: RetrievalModel) -> None:
  """Raises UserError where sign features are not all that a model reads of a video."""
  if model.trained.system.reads_poses:
    raise UserError(
        f"{model.system} reads poses too: index a split of a data set that holds them, with --split"
    )
