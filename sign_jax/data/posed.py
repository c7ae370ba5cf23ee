"""Poses of a data set: of what pictures they are, and in which videos no hand can be used."""

import numpy as np
from tqdm import tqdm

from sign_jax.data import pose
from sign_jax.errors import UserError

POSE = "pose"  # the field of the keypoints, and what is noted of them
_MOST_OUTSIDE = 0.2  # share of sure keypoints; hands do leave the picture
_FEWEST_BEYOND = 0.01  # share of them beyond the upper left quarter: people stand in the middle


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
    keypoints, settings.image_size, name, settings.windows, settings.max_frames
  )


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
  if count > _MOST_OUTSIDE * sure:
    raise UserError(
      f"{count / sure:.0%} of the sure keypoints of {what} lie outside of pictures of "
      "{} x {}: set --config.data.image_size".format(*size)
    )
  if sure >= pose.FEW_POINTS and beyond[0] < _FEWEST_BEYOND * sure and not _stated_size(source):
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


def _check_poses(source):
  shape = getattr(dict(source.feature_specs).get(POSE), "shape", None)
  if shape != (None, pose.KEYPOINTS, 3):
    raise UserError(
      f"data set {source.label!r} has no poses, which this system reads: build one of the configs "
      "that hold them, such as how2sign/features_pose"
    )
