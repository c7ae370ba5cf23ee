"""From coordinates in files of poses to pixels of pictures of one size, for a whole data set."""

import re
from typing import NamedTuple

import numpy as np

from data_builders.attachments import stated_size
from sign_jax.data import pose
from sign_jax.data.hand_boxes import VISIBLE
from sign_jax.errors import UserError

SAMPLE = 20  # clips that are read to see what a set's coordinates are
MOST_STRAY = 0.1  # of the sure keypoints may lie outside of a range
MOST_OUTSIDE = 0.5  # of a clip's sure keypoints may lie outside of the pictures
_MOST_POINTS = 20_000  # of a clip that are looked at
_SIZE = re.compile(r"(\d{1,5})[x,](\d{1,5})")
_SPANS = ((0.0, 1.0), (-1.0, 1.0))


class Stated(NamedTuple):
  """What a user says of all files of a set.

  Attributes:
    size: (width, height) in pixels of the pictures, or None.
    span: (low, high), the coordinates of the left and right edge, and of the upper and lower one;
      None: to be found out.
  """

  size: tuple | None = None
  span: tuple | None = None


UNSTATED = Stated()


def parse(size=None, span=None):
  """`Stated` of the texts "1280x720" and "-1,1"; None or "" where nothing is stated.

  Raises:
    UserError: they are none.
  """
  found = None
  if size:
    match = _SIZE.fullmatch(size.strip().lower())
    found = match and stated_size.valid(int(match[1]), int(match[2]))
    if not found:
      raise UserError(f"--pose_size {size} is no size, write WIDTHxHEIGHT, such as 1280x720")
  if not span:
    return Stated(found)
  try:
    low, high = map(float, span.split(","))
  except ValueError:
    low = high = np.nan
  if not -1000 <= low < high <= 1000:
    raise UserError(f"--pose_range {span} is no range, write LOW,HIGH, such as --pose_range=-1,1")
  return Stated(found, (low, high))


def add_options(parser):
  """Adds --pose_size and --pose_range to an `argparse.ArgumentParser`."""
  parser.add_argument("--pose_size", metavar="WIDTHxHEIGHT",
                      help="of the pictures that poses come from, where their files do not say")
  parser.add_argument("--pose_range", metavar="LOW,HIGH",
                      help="of poses that are no pixels, the coordinates of a picture's edges; "
                      "default: 0,1 or -1,1, as the files show; write --pose_range=-0.5,0.5")


def stated(args):
  """`Stated` of these options; raises UserError where they cannot be read."""
  return parse(args.pose_size, args.pose_range)


class Scaling:
  """Makes pixels of a set's coordinates.

  Attributes:
    size: (width, height) of the set's pictures; None where nobody states it.
    span: (low, high) of coordinates that are no pixels, see `Stated`; None for pixels.
    assumed: whether nobody states the size, and it is that of released poses.
  """

  def __init__(self, size=None, span=None, example=None, assumed=False):
    self.size, self.span, self._example, self.assumed = size, span, example, assumed

  def place(self, keypoints, size, path):
    """Keypoints (frames, 133, 3) of one clip in pixels of the set's pictures.

    A clip of pictures of another size is scaled to the set's, as a whole: where their shapes
    differ, it lies in the middle, as if its pictures had bars.

    Args:
      keypoints: float32, as in the file; may be written to.
      size: (width, height) of its pictures as the file states it, or None.
      path: of the file, for errors.

    Raises:
      UserError: pixels, and the set has none, or the reverse.
    """
    points = _sure_points(keypoints)
    in_units = pose.in_units(points)
    if in_units is not None and in_units != (self.span is not None):
      raise _mixed(*((path, self._example) if in_units else (self._example, path)))
    own = size or self.size
    if self.span is not None:
      span = _clear_span(points)
      if span and self.span in _SPANS and span != self.span:
        raise _mixed_spans(path, span, self._example, self.span)
      low, high = self.span
      unseen = keypoints[..., 2] <= 0
      keypoints[..., :2] = (keypoints[..., :2] - low) / (high - low) * np.float32(own)
      keypoints[unseen] = 0
    if self.size is not None and own != self.size:
      factor = min(self.size[0] / own[0], self.size[1] / own[1])
      bars = (np.array(self.size) - np.array(own) * factor) / 2
      keypoints[..., :2] = keypoints[..., :2] * np.float32(factor) + np.float32(bars)
    return keypoints

  def check_inside(self, keypoints, path):
    """Checks a clip that `place` has given; raises UserError where most lies outside of it."""
    if self.size is None:
      return
    outside, sure = _outside(keypoints, self.size)
    if outside > MOST_OUTSIDE * sure:
      source = "are those of released poses" if self.assumed else "the file or --pose_size states"
      raise UserError(
        f"{path} holds keypoints of which {outside / sure:.0%} lie outside of its pictures, which "
        f"{source}: " "{} x {} in this data set; correct the size, --pose_size, or the "
        "keypoints".format(*self.size)
      )


def find(samples, stated, released=None):
  """What a set's coordinates are, found from some of its clips.

  Args:
    samples: [(path, keypoints (frames, 133, 3), (width, height) or None)].
    stated: `Stated`.
    released: (width, height) of the pictures that released poses of this corpus come from: of what
      is in pixels, where neither a file nor `stated` says another size.

  Returns:
    `Scaling`.

  Raises:
    UserError: pixels in some clips and none in others; none, and it is not stated how large the
      pictures are, or it is not clear what they are; pixels of no such pictures as are `released`.
  """
  size = stated.size or next((own for *_, own in samples if own), None)
  if stated.span and not size:
    raise UserError("--pose_range needs the pictures' size too, pass --pose_size WIDTHxHEIGHT")
  pixels, units = _kinds(samples)
  first, first_in_pixels = next(iter(units), None), next(iter(pixels), None)
  if first and first_in_pixels:
    raise _mixed(first, first_in_pixels)
  if first_in_pixels and stated.span:
    raise UserError(
      f"{first_in_pixels} holds coordinates {_extent(pixels[first_in_pixels])}, which seem to be "
      "pixels: leave --pose_range out"
    )
  if not first and not size and released:
    _check_released(pixels, released)
    return Scaling(released, None, first_in_pixels, assumed=True)
  if not first:
    return Scaling(size, stated.span, first_in_pixels)
  span = stated.span or _span(units)
  if not size:
    raise UserError(
      f"{first} holds coordinates {_extent(units[first])} and no pixels: state the size of the "
      "pictures that they were estimated on to data_builders.build, --pose_size WIDTHxHEIGHT, "
      "which scales them"
    )
  return Scaling(size, span, first)


def _check_released(pixels, size):
  """Raises UserError where {path: points} can be of no pictures of that size."""
  if not pixels:
    return
  points = np.concatenate([*pixels.values()])
  outside = 1 - float(((points >= 0) & (points <= size)).all(1).mean())
  beyond = 1 - float(((points >= 0) & (points <= np.array(size) / 2)).all(1).mean())
  said = "of {} x {}, as released poses of this corpus".format(*size)
  remedy = "state the size of their pictures to data_builders.build, --pose_size WIDTHxHEIGHT"
  if outside > pose.MOST_OUTSIDE:
    raise UserError(
      f"{next(iter(pixels))} and others hold poses that are not of pictures {said}, {outside:.0%} "
      f"of the sure keypoints lie outside: {remedy}"
    )
  if beyond < pose.FEWEST_BEYOND:
    raise UserError(
      f"{next(iter(pixels))} and others hold poses that are hardly of pictures {said}, nearly all "
      f"lie in the upper left quarter: {remedy}"
    )


def _kinds(samples):
  """({path: points} of clips in pixels, and of those in parts of something)."""
  found = {True: {}, False: {}, None: {}}
  for path, keypoints, _ in samples:
    points = _sure_points(keypoints)
    found[pose.in_units(points)][path] = points
  for least in (pose.KEEP, VISIBLE, 0.0):
    if found[True] or found[False] or not samples:
      break
    # No clip says it alone: all of them together, and then what is hardly seen.
    points = np.concatenate([_sure_points(keypoints, least) for _, keypoints, _ in samples])
    found[pose.in_units(points)][samples[0][0]] = points
  return found[False], found[True]


def _sure_points(keypoints, least=pose.KEEP):
  """Some of `pose.sure_points`."""
  places = pose.sure_points(keypoints, least)
  return places[:: len(places) // _MOST_POINTS + 1]


def _outside(keypoints, size):
  """`pose.outside`, in pieces that take little memory."""
  pieces = (keypoints[start : start + 10_000] for start in range(0, len(keypoints), 10_000))
  return np.sum([pose.outside(piece, size) for piece in pieces], axis=0)


def _clear_span(points):
  """(low, high) of coordinates across a picture; None where they are too few, or not clear."""
  if len(points) < pose.FEW_POINTS:
    return None
  negative = (points < 0).mean(0)
  if _share(points, 0, 1) >= 1 - MOST_STRAY and negative.max() <= MOST_STRAY:
    return 0.0, 1.0
  # Else they could as well be from -0.5 to 0.5, or in sizes of a body.
  is_wide = 1 - _share(points, -0.5, 0.5) >= MOST_STRAY
  is_about_zero = negative.min() >= MOST_STRAY
  if is_wide and is_about_zero and _share(points, -1, 1) >= 1 - MOST_STRAY:
    return -1.0, 1.0
  return None


def _span(units):
  """The same of a set, {path: points}.

  Raises:
    UserError: it is not clear, or not the same for all.
  """
  clear = {path: span for path, points in units.items() if (span := _clear_span(points))}
  found = {span: path for path, span in reversed(clear.items())}
  if len(found) > 1:
    (span, path), (other_span, other) = found.items()
    raise _mixed_spans(path, span, other, other_span)
  points = np.concatenate([*units.values()])
  # A few clips of somebody at the side of the picture say less than all together.
  if span := next(iter(found), None) or _clear_span(points):
    return span
  raise UserError(
    f"{next(iter(units))} holds coordinates {_extent(points)} and no pixels, and it is not clear "
    "what they are: with --pose_size WIDTHxHEIGHT, data_builders.build scales those from 0 to 1 or "
    "from -1 to 1 across the picture, and others that --pose_range states, such as "
    "--pose_range=-0.5,0.5; multiply those again that are divided by the size of a body or by one "
    "side of the picture"
  )


def _share(points, low, high):
  return float(((points >= low) & (points <= high)).all(1).mean())


def _extent(points):
  low, high = np.quantile(points, (0.01, 0.99))
  return f"from {low:.2g} to {high:.2g}"


def _mixed(units, pixels):
  if units and pixels:
    return UserError(
      f"{units} holds coordinates that are no pixels, and {pixels} holds pixels: write all files "
      "in pixels"
    )
  kind = "that are no pixels" if units else "in pixels"
  return UserError(
    f"{units or pixels} holds coordinates {kind}, and no other file of the set that was looked at "
    "shows enough of a person to say the same: write all files in pixels"
  )


def _mixed_spans(path, span, other, other_span):
  return UserError(
    f"{path} holds coordinates from {span[0]:g} to {span[1]:g} across the picture, and {other} "
    f"from {other_span[0]:g} to {other_span[1]:g}: write all files in pixels"
  )
