"""Isolated signs in the records of built data sets.

A record is a clip of a video file, or a signed sentence that stores small frames, poses and where
its glosses lie: then each gloss is a clip, with some frames of the transitions around it.
"""

import pathlib
import zlib
from typing import NamedTuple

import numpy as np

from sign_jax.data import pose, sign_videos
from sign_jax.errors import UserError, shown

POSE, FRAMES, FLOW = "pose", "frames", "flow"
_STORED = {"video": FRAMES, FLOW: FLOW}  # of records that hold pictures
_CALLED = {"video": "frames", "keypoints": "keypoints", FLOW: "flow"}
_OF_FOLDER = {"video": "videos", FLOW: "pictures of flow"}
# What a model of isolated signs does without a field.
_INSTEAD = {
  "keypoints": "--config.model.modalities=video", "video": "--config.model.modalities=keypoint",
}
_OF_VIDEO = (
  "video_id", "label", "signer", "video", "first_frame", "end_frame", "box", "num_frames",
)  # fmt: skip
_OF_SENTENCE = ("video_id", "signer", "glosses", "gloss_spans", "num_frames")
LONGEST = 3000  # frames of a clip: a sign takes one to three seconds


class Clip(NamedTuple):
  """One sign.

  Attributes:
    name: what messages call it.
    record: its number in the split.
    label: class, from 0.
    signer: "" where it is not known.
    first, count: its first frame in the video or in the sentence, and its number of frames.
    to_end: whether it lasts to the end of its video.
    video: path below the folder of the videos; "" where frames are stored.
    box: (left, top, right, bottom) as shares of the picture; None for all of it.
    place: of a sign of a sentence, from 1; 0 for a video of its own.
  """

  name: str
  record: int
  label: int
  signer: str
  first: int
  count: int
  to_end: bool = False
  video: str = ""
  box: tuple[float, float, float, float] | None = None
  place: int = 0


def clips_of(source, names):
  """The clips of a split, in its order.

  Args:
    source: `records.SplitSource`.
    names: list of str, the classes' names; None where they have none. A gloss that is left out is
      read where it is among them.

  Returns:
    function of M -> list of `Clip`. Before and behind a sign of a sentence there are 0 to 2 M
    frames of the transitions, drawn from its name: nobody cuts all signs at the same place.

  Raises:
    UserError: the data set holds no isolated signs.
  """
  fields = set(source.feature_specs)
  if fields >= set(_OF_VIDEO):
    return lambda margin: list(_of_videos(source))
  if fields >= set(_OF_SENTENCE) and names is not None:
    return lambda margin: list(_of_sentences(source, names, margin))
  raise UserError(
    f"data set {source.label!r} holds no isolated signs: build one that does, such as wlasl, or a "
    "config of signing_sim"
  )


def _of_videos(source):
  for number, row in enumerate(source.read(range(len(source)), _OF_VIDEO)):
    box = tuple(map(float, row["box"]))
    count, first, end = (int(row[key]) for key in ("num_frames", "first_frame", "end_frame"))
    name = f"clip {shown(row['video_id'])} of {source.label!r}"
    if not 1 <= count <= LONGEST or first < 0 or end and end <= first:
      raise UserError(
        f"{name} has {count} frames from {first} to {end}, a sign has 1 to {LONGEST}: correct the "
        "annotations and build the data set again"
      )
    yield Clip(
      name, number, int(row["label"]), row["signer"], first, count, not end, row["video"],
      box if any(box) else None,
    )  # fmt: skip


def _of_sentences(source, names, margin):
  number_of = {name: number for number, name in enumerate(names)}
  skipped = set(left_out(source.metadata)) - number_of.keys()
  for number, row in enumerate(source.read(range(len(source)), _OF_SENTENCE)):
    glosses, spans = row["glosses"].split(), row["gloss_spans"]
    where = f"{shown(row['video_id'])} of {source.label!r}"
    if len(glosses) != len(spans):
      raise UserError(f"sentence {where} has {len(glosses)} glosses in {len(spans)} places: build "
                      "the data set again")  # fmt: skip
    for place, (gloss, span) in enumerate(zip(glosses, spans.tolist(), strict=True), 1):
      if gloss in skipped:
        continue
      if gloss not in number_of:
        raise UserError(f"sentence {where} has the gloss {shown(gloss)}, which is none of the data "
                        "set's classes: build it again")  # fmt: skip
      name = f"sign {place} of sentence {where}"
      before, behind = _drawn(margin, f"{row['video_id']} {place}")
      first = max(span[0] - before, 0)
      stop = min(span[1] + 1 + behind, int(row["num_frames"]))
      label = number_of[gloss]
      yield Clip(name, number, label, row["signer"], first, stop - first, place=place)


def left_out(metadata):
  """Glosses that are signed in the sentences and are no classes; a list of str."""
  noted = metadata.get("isolated")
  names = noted.get("left_out") if isinstance(noted, dict) else None
  return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _drawn(margin, name):
  """Two whole numbers from 0 to 2 * margin, the same for every equal name."""
  bits = zlib.crc32(name.encode())
  return [part % (2 * margin + 1) for part in (bits & 0xFFFF, bits >> 16)]


class Reader:
  """Frames, keypoints and flow of clips; may be pickled and shared between threads."""

  def __init__(self, source, fields, size, videos, flow="", instead=_INSTEAD):
    """Checks that the data set has what is to be read.

    Args:
      source: `records.SplitSource`.
      fields: some of "video", "keypoints", "flow".
      size: S, height and width of the frames.
      videos: folder of the videos, "" for frames that are stored.
      flow: folder of the pictures of flow, "" for those that are stored.
      instead: {field: settings of a model that reads it not}.

    Raises:
      UserError: it has not, or there is no such folder.
    """
    self._source, self._size = source, size
    noted = source.metadata.get(POSE)
    self._pose_size = noted.get("image_size", (0, 0)) if isinstance(noted, dict) else (0, 0)
    self._latest = None, None  # record and its content: the clips of a sentence share one
    self._wanted, self._instead = tuple(fields), instead
    self._folders = {"video": pathlib.Path(videos or "."), FLOW: pathlib.Path(flow or ".")}
    self._is_stored = FRAMES in source.feature_specs
    if "keypoints" in fields:
      self._check_there("keypoints", POSE)
    for field, folder in (("video", videos), (FLOW, flow)):
      if field in fields:
        self._check_pictures(field, folder)

  def _check_there(self, field, name):
    if name not in self._source.feature_specs:
      called = _CALLED[field]
      raise UserError(
        f"data set {self._source.label!r} has no {called}, which this model reads: use "
        f"{self._instead[field]}, or build one of its configs with {called}"
      )

  def _check_pictures(self, field, folder):
    name = _STORED[field] if self._is_stored else field
    self._check_there(field, name)
    label, spec = self._source.label, self._source.feature_specs[name]
    if self._is_stored and spec.shape[1:3] != (self._size, self._size):
      raise UserError(
        f"data set {label!r} holds frames of {spec.shape[1:3]}: set "
        f"--config.data.size_stored={spec.shape[1]}"
      )
    if not self._is_stored and not folder:
      option = {"video": "videos"}.get(field, field)
      raise UserError(
        f"--config.data.{option} is missing: pass the folder of the {_OF_FOLDER[field]} of "
        f"{label!r}"
      )

  def read(self, clip, start, stop):
    """Frames start <= i < stop of a clip.

    Returns:
      {"video": (n, S, S, 3) uint8 RGB, "flow": (n, S, S, 3) uint8, "keypoints": (n, 133, 3)
      float32}, those that are wanted; x and y of the keypoints are shares of the picture, or of the
      box.

    Raises:
      UserError: names the clip and its file: a video that cannot be read, poses of another number
        of frames.
    """
    stored = self._stored(clip)
    found = {}
    for field in _STORED:
      if field in self._wanted:
        found[field] = self._pictures(stored, field, clip, start, stop)
    if "keypoints" in self._wanted:
      found["keypoints"] = self._keypoints(stored, clip)[start:stop]
    return found

  def _pictures(self, stored, field, clip, start, stop):
    if self._is_stored:
      return stored[_STORED[field]][clip.first + start : clip.first + stop]
    path = clip.video if field == "video" else stored[field]
    if not path:
      raise UserError(
        f"{clip.name}{_of(clip)} has no {_CALLED[field]}: use {self._instead[field]}, or make it "
        "and build the data set again"
      )
    return sign_videos.frames_of(self._folders[field] / path, clip, start, stop, self._size)

  def _stored(self, clip):
    fields = [name for key, name in _STORED.items() if self._is_stored and key in self._wanted]
    fields += [FLOW] * (FLOW in self._wanted and not self._is_stored)
    if "keypoints" in self._wanted:
      sized = "pose_size" in self._source.feature_specs
      fields += [POSE, *(["pose_size"] if sized else [])]
    if not fields:
      return {}
    record, row = self._latest
    if record != clip.record:
      (row,) = self._source.read([clip.record], fields)
      self._latest = clip.record, row
    return row

  def __getstate__(self):
    return {**self.__dict__, "_latest": (None, None)}

  def _keypoints(self, stored, clip):
    """(clip.count, 133, 3) float32 of a whole clip."""
    keypoints = stored[POSE]
    first = 0 if clip.video else clip.first
    fits = len(keypoints) == clip.count if clip.video else len(keypoints) >= first + clip.count
    if not fits or keypoints.shape[1:] != (pose.KEYPOINTS, 3):
      raise UserError(
        f"{clip.name}{_of(clip)} has {clip.count} frames and keypoints of shape {keypoints.shape}: "
        "estimate them anew on these frames, and build the data set again"
      )
    size = stored.get("pose_size", self._pose_size)
    keypoints = keypoints[first : first + clip.count].astype(np.float32)
    return as_shares(keypoints, size, clip.box, f"{clip.name}{_of(clip)}")


def as_shares(keypoints, size, box, name):
  """Keypoints (T, 133, 3) in pixels -> x and y as shares of the picture, or of a box in it.

  Args:
    keypoints: float32; a new array is returned.
    size: (width, height) of the pictures.
    box: (left, top, right, bottom) as shares of the picture, or None.
    name: for messages.

  Raises:
    UserError: there is no such size, or numbers are not finite.
  """
  size = np.asarray(size, np.float32)
  if size.shape != (2,) or not (size > 0).all() or not np.isfinite(keypoints).all():
    raise UserError(
      f"{name} has keypoints that are not finite, or of pictures of unknown size: estimate them "
      "anew, or state the size, --pose_size, when the data set is built"
    )
  left, top, right, bottom = box or (0.0, 0.0, 1.0, 1.0)
  low, span = np.float32([left, top]), np.float32([right - left, bottom - top])
  places = (keypoints[..., :2] / size - low) / span
  return np.concatenate([places, keypoints[..., 2:]], axis=-1).astype(np.float32)


def _of(clip):
  return f" ({shown(clip.video)})" if clip.video else ""
