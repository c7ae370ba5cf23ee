"""Which frames of a file are those of a clip, as its number of frames and the annotations say."""

from data_builders.isolated.signs import CLIP, EITHER
from sign_jax.data.sign_records import LONGEST
from sign_jax.errors import UserError

# Frames by which files and annotations differ where nothing is wrong: programs that cut and count
# disagree about the last ones.
SLACK = 2
_SAME_RATE = 0.01  # of the rate
_MUCH_LONGER = 2  # times as many frames as a cut clip should have


def find(clip, holds, count, fps, path):
  """The frames of a clip in a file.

  Args:
    clip: `SignClip`.
    holds: CLIP, VIDEO or EITHER: what the file is.
    count: its number of frames.
    fps: its frames per second, 0 where it does not say.
    path: of the file, for errors.

  Returns:
    (first, end, is_cut): frames first <= i < end; `is_cut` where there are fewer than the
    annotations say, by more than `SLACK`.

  Raises:
    UserError: less than half of the clip is there, or the file is another one; more frames than a
      sign has.
  """
  first, end = _of_this_rate(clip, fps)
  wanted = clip.num_frames or (end and end - first)
  if holds == CLIP or holds == EITHER and _is_cut_already(first, end, count):
    if wanted and count > _MUCH_LONGER * wanted + SLACK:
      raise UserError(
        f"{path} has {count} frames, and {clip.video_id} has {wanted}: it is no clip of this sign "
        "alone, cut it or get it anew"
      )
    first, end = 0, count
  end = min(end or count, count)
  wanted = wanted or max(count - first, 1)
  if end <= first or 2 * (end - first) < wanted:
    raise UserError(
      f"{path} has {count} frames, which leaves {max(end - first, 0)} of the {wanted} of "
      f"{clip.video_id}, get the whole video"
    )
  if end - first > LONGEST:
    raise UserError(
      f"{clip.video_id} has {end - first} frames, and a sign has no more than {LONGEST}: cut "
      f"{path}, or correct the annotations"
    )
  return first, end, end - first < wanted - SLACK


def _of_this_rate(clip, fps):
  """First and end frame of a clip, 0 for the file's, in frames of the file."""
  if not clip.fps or not fps or abs(fps - clip.fps) <= _SAME_RATE * clip.fps:
    return clip.first_frame, clip.end_frame
  return tuple(round(frame * fps / clip.fps) for frame in (clip.first_frame, clip.end_frame))


def _is_cut_already(first, end, count):
  """Whether a file that may be the clip alone is: it ends too early to be the longer video."""
  return first > 0 and (count < end and count <= end - first + SLACK or count <= first)
