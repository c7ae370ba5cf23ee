"""Whether the rows of feature files are of the windows that are kept of the same clips' poses.

Sign features have a row for each window of a video, and are looked up by time. SEDS releases others
of the same look: one row for each of the at most 64 windows that its code keeps of the poses, where
row i is of window i. No file says which they are, so the numbers of rows decide.
"""

import numpy as np
from tqdm import tqdm

from data_builders.corpus import contents
from sign_jax.data import pose, posed
from sign_jax.errors import UserError
from sign_jax.video import frames as videos

_STRIDES = range(1, videos.WINDOW + 1)
_LEAD = 100  # clips that one explanation fits more than the others: then no more are read


def of(kinds, released):
  """`PoseWindows` of the contents of a corpus, None where there are no features or no poses.

  Args:
    kinds: `contents.Stream`, `contents.Poses` and others.
    released: `released_poses.Released` of the corpus, or None.
  """
  streams = contents.streams_among(kinds)
  poses = [kind for kind in kinds if kind.name == contents.Poses.name]
  return PoseWindows(streams, poses[0], released) if streams and poses else None


class PoseWindows:
  """Which windows are kept of the poses of a corpus, and whether features have a row for each.

  Attributes:
    by_window: whether they have; False until `find` has looked.
    settings: `pose.Settings` that keep these windows.
    needs: names of the contents that `check` compares.
  """

  def __init__(self, streams, poses, released):
    self._streams, self._poses, self.by_window = streams, poses, False
    self.needs = {streams[0].name, poses.name}
    self.settings = pose.Settings(poses.image_size)
    if released:
      self.settings = self.settings._replace(bottom=released.bottom)

  def find(self, splits):
    """Decides.

    Rows are of windows where most clips have as many rows as windows are kept, and more clips than
    have as many as any one stride gives. Where all hands are seen and no clip is long, stride 1
    explains as much, and is taken: both readings are then the same.

    Args:
      splits: {split: [`Clip`]}.
    """
    # What states a stride, is of windows at equal distances.
    if any(stream.metadata()[stream.name]["stride"] for stream in self._streams):
      return
    clips = [(clip, split) for split, members in splits.items() for clip in members]
    lead, votes = 0, np.zeros(2 + len(_STRIDES), int)
    order = np.random.default_rng(0).permutation(len(clips))
    for place in tqdm(order, "rows and windows", unit="video", delay=2, leave=False):
      votes += self._votes(*clips[place])
      lead = votes[0] - votes[1:].max()
      if abs(lead) >= _LEAD:
        break
    self.by_window = bool(lead > 0)

  def metadata(self):
    """{name of a stream: what is noted of it}, empty where rows are looked up by time."""
    noted = {posed.ROWS: posed.that_keep_windows(self.settings)}
    return {stream.name: noted for stream in self._streams} if self.by_window else {}

  def check(self, clip, paths, fields, extents):
    """Checks that features and poses of a clip go together.

    Args:
      clip: `Clip`.
      paths: {content's name: path}.
      fields, extents: of `contents.read_all`.

    Raises:
      UserError: they do not; or they do so in another way than those of most clips.
    """
    stream = self._streams[0].name
    path, rows, kept = paths[stream], len(fields[stream]), self._kept(fields[self._poses.name])
    if self.by_window:
      if kept is not None and rows != kept:
        raise UserError(
          f"{path} has {rows} rows, and {kept} windows are kept of the poses of {clip.video_id}: "
          "other files of the set have a row for each such window, take all from one release"
        )
      return
    try:
      contents.check_same_video(extents, clip)
    except UserError as error:
      if rows != kept:
        raise
      raise UserError(
        f"{path} has {rows} rows, one for each window that is kept of the poses of "
        f"{clip.video_id}, and other files of the set have other numbers: take all from one release"
      ) from error

  def _votes(self, clip, split):
    """Which of these a clip's number of rows fits: kept windows, anything else, each stride.

    Returns:
      list of bool; all False where it cannot be read.
    """
    none = [False] * (2 + len(_STRIDES))
    try:
      feature, keypoints = (_read(x, clip, split) for x in (self._streams[0], self._poses))
      if feature is None or keypoints is None:
        return none
      rows, kept = len(feature), self._kept(keypoints)
    except (UserError, OSError):  # whoever builds from it will hear
      return none
    if kept is None:
      return none
    strides = (videos.num_windows(len(keypoints), stride) == rows for stride in _STRIDES)
    return [rows == kept, rows != kept, *strides]

  def _kept(self, keypoints):
    """How many windows are kept of a clip; None where no hand is seen, or nobody says how large
    the pictures are.
    """
    if not self.settings.image_size:
      return None
    try:
      found = posed.prepare(keypoints, self.settings, "")
    except pose.NoHands:
      return None
    return int((found.clips_start >= 0).sum())


def _read(content, clip, split):
  """The array of a clip, or None where there is no file."""
  path = content.find(clip, split)
  return None if path is None else content.read(clip, path)[0][content.name]
