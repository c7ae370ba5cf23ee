"""Poses of a data set: of what pictures they are, and in which videos no hand can be used."""

import numpy as np
from tqdm import tqdm

from sign_jax.data import pose
from sign_jax.errors import UserError, shown

POSE = "pose"  # the field of the keypoints, and what is noted of them
ROWS = "pose_windows"  # noted of a stream that has a row for each window that is kept of the poses


def image_size(source, wanted):
  """The size of the pictures that a data set's poses come from.

  Args:
    source: `records.SplitSource`.
    wanted: (width, height) of the configuration, (0, 0) where it leaves it to the data set.

  Raises:
    UserError: there are no poses; neither says it, or each another one.
  """
  _check_poses(source)
  stated, wanted = _stated_size(source), tuple(wanted)
  if not any(wanted) and not stated:
    raise UserError(
      f"data set {source.label!r} does not state the size of the pictures of its poses: "
      "set --config.data.image_size, such as \"(1280, 720)\""
    )
  if stated and any(wanted) and stated != wanted:
    raise UserError(
      f"data set {source.label!r} states that its poses come from pictures of "
      "{} x {}, and data.image_size is {} x {}: ".format(*stated, *wanted)
      + f"set --config.data.image_size=\"{stated}\", or \"(0, 0)\" for what a data set states"
    )
  return wanted if any(wanted) else stated


def prepare(keypoints, settings, name):
  """`pose.prepare` by a `pose.Settings`."""
  return pose.prepare(
    keypoints, settings.image_size, name, settings.windows, settings.max_frames, settings.bottom,
    settings.hand_boxes,
  )


def that_keep_windows(settings):
  """{name of a setting: value}, the ones that decide which windows of a video are kept.

  Args:
    settings: `pose.Settings`.
  """
  return {
    "data.video_length": settings.windows, "data.max_frames": settings.max_frames,
    "data.bottom_margin": settings.bottom,
  }  # fmt: skip


def has_row_for_each_window(source, streams, settings):
  """Whether row i of the features is of window i; else they are looked up by time.

  Args:
    source: `records.SplitSource`.
    streams: names of its feature streams.
    settings: `pose.Settings`.

  Raises:
    UserError: it is so, and these settings keep other windows.
  """
  noted = [source.metadata.get(stream) for stream in streams]
  noted = [x[ROWS] for x in noted if isinstance(x, dict) and ROWS in x]
  wanted = that_keep_windows(settings)
  for found in noted:
    found = {key: found.get(key) for key in wanted} if isinstance(found, dict) else {}
    if found != wanted:
      said = ", ".join(f"{key}={shown(value, 20)}" for key, value in found.items())
      raise UserError(
        f"the features of {source.label!r} have a row for each of the windows that are kept with "
        f"{said or 'settings that it does not tell'}: set these, or extract features at stride 1"
      )
  return bool(noted)


def without_hands(source, settings):
  """Yields "" for every video of a split that can be used, else the reason.

  Raises:
    UserError: after the last one, where the poses are in no pixels of pictures of that size.
  """
  videos = source.read(range(len(source)), ("video_id", POSE))
  size = np.asarray(settings.image_size)
  beyond, outside, in_units = np.zeros(2, int), np.zeros(2, int), []
  for video in tqdm(videos, f"hands of {source.split}", len(source), unit="video", delay=2):
    outside += pose.outside(video[POSE], size)
    beyond += pose.outside(video[POSE], size / 2)
    in_units.append(pose.in_units(pose.sure_points(video[POSE])))
    try:
      prepare(video[POSE], settings, video["video_id"])
    except pose.NoHands as error:
      yield str(error)
    else:
      yield ""
  _check_places(source, settings.image_size, outside, beyond, in_units)


def _check_places(source, size, outside, beyond, in_units):
  """Checks that a split's poses are in pixels of pictures of a size.

  Args:
    source, size: the split, and (width, height).
    outside, beyond: (number, number of sure keypoints): outside of such pictures, and beyond their
      upper left quarter.
    in_units: `pose.in_units` of every video.

  Raises:
    UserError: they are not.
  """
  what = f"{source.split} in {source.label!r}"
  if any(in_units):
    raise UserError(
      f"{in_units.count(True)} of the {len(in_units)} videos of {what} hold poses that are no "
      "pixels: build the data set again, with --pose_size the size of their pictures"
    )
  count, sure = outside
  if count > pose.MOST_OUTSIDE * sure:
    raise UserError(
      f"{count / sure:.0%} of the sure keypoints of {what} lie outside of pictures of "
      "{} x {}: set --config.data.image_size".format(*size)
    )
  is_small = sure >= pose.FEW_POINTS and beyond[0] < pose.FEWEST_BEYOND * sure
  if is_small and (_is_assumed(source) or not _stated_size(source)):
    raise UserError(
      f"nearly all sure keypoints of {what} lie in the upper left quarter of pictures of "
      "{} x {}: set --config.data.image_size, or state that size to data_builders.build, "
      "--pose_size, if it is right".format(*size)
    )


def _stated_size(source):
  """(width, height) of the pictures of a data set's poses, as it states them; None if it does not.
  """
  noted = source.metadata.get(POSE)
  size = noted.get("image_size") if isinstance(noted, dict) else None
  is_size = isinstance(size, list) and len(size) == 2 and all(type(x) is int for x in size)
  return tuple(size) if is_size and min(size) > 0 else None


def _is_assumed(source):
  """Whether nobody has stated that size, and the builder has taken that of released poses."""
  noted = source.metadata.get(POSE)
  return isinstance(noted, dict) and bool(noted.get("assumed"))


def _check_poses(source):
  shape = getattr(dict(source.feature_specs).get(POSE), "shape", None)
  if shape != (None, pose.KEYPOINTS, 3):
    raise UserError(
      f"data set {source.label!r} has no poses, which this system reads: build one of the configs "
      "that hold them, such as how2sign/features_pose"
    )
