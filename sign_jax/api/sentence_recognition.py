"""A trained model of continuous recognition: a video of any length to glosses with their times."""

import functools
import itertools
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int
from tqdm import tqdm

from sign_jax.api import clips, recognized, sentence_parts
from sign_jax.api.clips import is_path
from sign_jax.data import flow_recipe, frame_sampling
from sign_jax.data.gloss_vocabulary import BLANK
from sign_jax.errors import UserError
from sign_jax.files import existing_folder, user_path
from sign_jax.ops import ctc_spans
from sign_jax.run import trained
from sign_jax.tasks import gloss_decoding
from sign_jax.train import compilation
from sign_jax.video import containers, frames, pictures

_FEWEST = 16  # glosses that a program looks for the places of
_SHOWN = 10  # seconds after which a bar is shown
# Frames by which a gloss is longer, before and behind, than CTC's path says. docs/python.md tells
# what was measured.
_WIDER = 12
_UNNOTED = (
    "note: nothing says how the flow was made that this model was trained on: it is computed as "
    "data_builders.flow does by default, so pass pictures of flow where it was another way"
)


class Sentence(NamedTuple):
  """What is signed in a video, in its order.

  Attributes:
    glosses: their names; numbers of classes where these have no names.
    seconds: (N, 2) float64, about when each begins and ends.
    frames: (N, 2) int64, about the first and the last frame of each: those of its steps on CTC's
      likeliest path, which are one or two, and up to 12 on either side, but not beyond the middle
      between two glosses.
    classes: (N,) int64.
    log_probability: of the whole sequence, which is always below 0.
  """

  glosses: list[str]
  seconds: Float[np.ndarray, "N 2"]
  frames: Int[np.ndarray, "N 2"]
  classes: Int[np.ndarray, " N"]
  log_probability: float


class SentenceModel(recognized.NamingModel):
  """A model that names the glosses of a continuous video.

  Attributes:
    labels: names of the classes, the blank first; None where they are not known.
    fields: what it reads of a video: some of "video", "keypoints" and "flow".
  """

  does = "recognize the glosses of a video"

  def __init__(self, found: trained.Trained, labels: list[str] | None = None) -> None:
    super().__init__(found, labels)
    recognizer, config = found.system.recognizer, found.config
    self.fields = recognizer.fields(config)
    self._is_noted = bool(found.flow_note)
    self._recipe = flow_recipe.of_note(found.flow_note, config.data.size_stored, found.workdir)
    compiled = functools.partial(jax.jit, compiler_options=compilation.options(config))

    @compiled
    def scores(variables, batch):
      out = found.model.apply(variables, **recognizer.eval_inputs(config, batch))
      return recognizer.scores(config, out)

    self._scores = scores
    self._search = compiled(functools.partial(gloss_decoding.decode, how=config.decode))

  def recognize(self, video: Any, *, keypoints: Any = None, flow: Any = None) -> Sentence:
    """The glosses that a video shows, of any length.

    As many frames as the model reads at once are in memory. Longer videos are read in parts that
    overlap, and the glosses are looked for in the joined scores of all of them. Behind the last
    whole step of four frames the rest of the video is not read.

    Args:
      video: the path of a video file or of a folder of pictures, or frames (T, H, W, 3) uint8 RGB;
        pictures and frames are taken for 25 a second.
      keypoints: of the same frames, COCO-WholeBody's: a file that `api.keypoints.read` reads, or
        (T, 133, 3) numbers: x and y in pixels of the pictures, and confidence. Only for a model
        that reads them.
      flow: pictures of optical flow, one for each frame, made as those of the training data: a
        folder or (T, H, W, 3) uint8. A model that reads them computes them where they are not
        given, as its training data say that theirs were made.

    Raises:
      UserError: a video, keypoints or flow that cannot be read or do not belong together, a model
        that reads keypoints has none, OpenCV is not installed and flow is to be computed.
    """
    if "keypoints" in self.fields and keypoints is None:
      raise UserError(
          f"this model of {self.system} reads keypoints: pass those of the video, --keypoints FILE "
          "or keypoints=, COCO-WholeBody's of every frame"
      )
    for name, given in (("keypoints", keypoints), ("flow", flow)):
      if given is not None and name not in self.fields:
        raise UserError(f"this model reads no {name}: leave --{name} out")
    video = user_path(video) if is_path(video) else clips.array(video)
    seconds, most = [], self.config.data.buckets[-1]
    joined = sentence_parts.Joined(most)
    rows = self._rows(video, keypoints, flow, seconds)
    with tqdm(rows, "recognize", unit="frame", leave=False, delay=_SHOWN) as bar:
      for first, part in sentence_parts.parts(bar, most):
        joined.add(first, self._scored(part))
    return self._read(joined.scores, np.asarray(seconds))

  def _rows(self, video, keypoints, flow, seconds) -> Iterator[dict]:
    """{field: array} of each frame; appends to `seconds` when the frame is shown."""
    side, shares, name = self.config.data.size_stored, None, ""
    if "keypoints" in self.fields:
      size = clips.picture_size(video) if is_path(video) else (video.shape[2], video.shape[1])
      shares, name = clips.keypoint_shares(keypoints, size, video)
    motion = self._flow(video, flow) if "flow" in self.fields else itertools.repeat(0)
    moving = iter(motion)
    for second, picture in _timed(video, side):
      count = len(seconds)
      if shares is not None and count >= len(shares):
        raise clips.unlike_counts(name, len(shares), video, "more")
      found = {"video": picture, "flow": next(moving, None)}
      if found["flow"] is None:
        raise _unlike_flow(flow, count, "more frames")
      if shares is not None:
        found["keypoints"] = shares[count]
      seconds.append(second)
      yield {field: found[field] for field in self.fields}
    if shares is not None and len(seconds) < len(shares):
      raise clips.unlike_counts(name, len(shares), video, len(seconds))
    if "flow" in self.fields and next(moving, None) is not None:
      raise _unlike_flow(flow, "more", f"{len(seconds)} frames")

  def _flow(self, video, flow):
    """A picture of flow for each frame, given or computed."""
    side = self.config.data.size_stored
    if flow is None:
      if not self._is_noted:
        print(_UNNOTED, file=sys.stderr)
      seen = frames.read_frames(video) if is_path(video) else map(np.ascontiguousarray, video)
      return flow_recipe.pictures(self._recipe, seen, side)
    if not is_path(flow):
      return _resized(clips.array(flow, "flow"), side)
    what = "pass the folder of the pictures of flow, or leave it out to have them computed"
    return frames.read_frames(existing_folder(user_path(flow), "--flow", what), (side, side))

  def _scored(self, rows) -> Float[np.ndarray, "T V"]:
    """The steps of a part, in the program for the least bucket that holds its frames."""
    buckets = self.config.data.buckets
    places = frame_sampling.evaluation_frames(len(rows), buckets[-1])
    bucket = next(size for size in buckets if size >= len(places))
    filled = np.concatenate([places, np.repeat(places[-1:], bucket - len(places))])
    batch = {name: np.stack([rows[place][name] for place in filled])[None] for name in self.fields}
    batch["frames"] = np.array([len(places)], np.int32)
    scores, steps = self._scores(self._variables, batch)
    return np.asarray(scores)[0, : int(steps[0])]

  def _read(self, scores, seconds) -> Sentence:
    """The glosses of the scores (T, V) of all steps; `seconds` (F,) are those of the frames."""
    if not np.isfinite(scores).all():
      raise UserError(f"the scores of {self} are not finite: its weights are damaged, train again")
    count = len(scores)
    length = _room(count, self.config.data.buckets[0] // frame_sampling.STRIDE)
    padded = np.pad(scores, ((0, length - count), (0, 0)))[None]
    steps = np.array([count], np.int32)
    found = self._search(padded, steps)
    classes = np.asarray(found.glosses[0])
    classes = classes[classes != BLANK]
    # Few numbers of glosses, so that few programs are compiled; as many as steps would not fit.
    wanted = np.pad(classes, (0, _room(len(classes), _FEWEST) - len(classes)))[None]
    spans = np.asarray(ctc_spans.gloss_spans(padded, steps, wanted))[0, : len(classes)]
    is_known = np.array([self._name(x) != "" for x in classes], bool)
    classes, spans = classes[is_known].astype(np.int64), spans[is_known]
    shown, ends = widened(_frames_of(spans, len(seconds)), len(seconds)), _ends(seconds)
    return Sentence(
        [self._name(x) for x in classes],
        np.stack([seconds[shown[:, 0]], ends[shown[:, 1]]], axis=1), shown, classes,
        float(found.log_probability[0]),
    )

  def _name(self, number):
    """"" for a class that no gloss has, which evaluation leaves out too."""
    return str(number) if self.labels is None else self.labels[number]


def _frames_of(spans, count):
  """(N, 2) first and last steps -> first and last frames of so many."""
  first, last = spans.astype(np.int64).T.reshape(2, -1)
  stride = frame_sampling.STRIDE
  return np.minimum(np.stack([first * stride, last * stride + stride - 1], axis=1), count - 1)


def widened(
    spans: Int[np.ndarray, "N 2"], count: int, most: int = _WIDER
) -> Int[np.ndarray, "N 2"]:
  """First and last frames, at most `most` further out, but for the half that a neighbour is due.

  Args:
    spans: first and last frame of each gloss, ascending, apart from each other.
    count: frames of the video.
  """
  gaps = spans[1:, 0] - spans[:-1, 1] - 1
  before = np.concatenate([spans[:1, 0], gaps - gaps // 2])
  behind = np.concatenate([gaps // 2, count - 1 - spans[-1:, 1]])
  out = np.stack([-before, behind], axis=1)
  return spans + np.clip(out, -most, most)


def _ends(seconds):
  """(F,) when each frame ends: the next one begins, and the last one is as long as most are."""
  period = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 1 / pictures.FPS
  return np.append(seconds[1:], seconds[-1] + period)


def _room(count, least):
  """The first of least, 2 least, 4 least, ... that is not below a count."""
  room = max(least, 1)
  while room < count:
    room *= 2
  return room


def _timed(video, side):
  """(second, (side, side, 3) uint8) of each frame."""
  if is_path(video):
    return frames.timed_frames(video, (side, side))
  return ((n / pictures.FPS, x) for n, x in enumerate(_resized(video, side)))


def _resized(array, side):
  return (containers.resized_rgb(np.ascontiguousarray(x), (side, side)) for x in array)


def _unlike_flow(flow, there, count):
  name = flow if is_path(flow) else "flow"
  return UserError(f"{name} has {there} pictures and the video has {count}: one belongs to each")
