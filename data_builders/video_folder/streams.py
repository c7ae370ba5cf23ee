"""Feature streams of a user's own videos: one folder of feature files for each sign encoder."""

import pathlib

from data_builders.attachments import features, locate
from data_builders.corpus import left_out
from data_builders.video_folder import captions
from sign_jax.errors import UserError
from sign_jax.video import frames as video_frames

NAMED = 20  # clips that an error message names


class Stream:
  """The features of one encoder for all clips of a table.

  Attributes:
    width: length of a feature vector.
    stride: frames from one window to the next, 0 where the files do not say.
    weights: fingerprint of the encoder's weights, "" where the files do not say.
    paths: {clip's id: its file}.
  """

  def __init__(self, folder, clips: list[captions.Clip]):
    """Checks that every clip has features.

    Raises:
      UserError: names the clips without features, or one that has several files.
    """
    folder = pathlib.Path(folder)
    found = {x.video_id: locate.with_ending(folder, x.video_id, features.ENDINGS) for x in clips}
    if missing := [clip for clip in clips if found[clip.video_id] is None]:
      names = ", ".join(f"{clip.video_id} (line {clip.line})" for clip in missing[:NAMED])
      more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
      others = left_out.note(folder, found.values())
      raise UserError(
        f"{folder} has no features for {names}{more}, extract them with "
        f"`python -m sign_jax.extract` or remove the rows{f' ({others})' if others else ''}"
      )
    self.paths = found
    self._first_path = found[clips[0].video_id]
    self.width, self.stride, self.weights = _origin(features.read(self._first_path))

  def read(self, clip):
    """The clip's `features.Features`, with a number of frames where the file says none.

    Raises:
      UserError: damaged, not finite, of another part of the video than the table says, or not of
        the same encoder and stride as the other clips.
    """
    path = self.paths[clip.video_id]
    content = features.read(path)
    if _origin(content) != (self.width, self.stride, self.weights):
      raise UserError(
        f"{path} (line {clip.line}) was made with another width, stride or weights than "
        f"{self._first_path}, extract all videos with the same ones"
      )
    if content.part not in ("", clip.part):
      raise UserError(
        f"{path} (line {clip.line}) was made of another part of a video ({content.part!r}) than "
        f"the table says ({clip.part!r}), extract it anew"
      )
    # A file that does not say has stride 1, as the released ones.
    frames = content.num_frames or len(content.feature) + video_frames.WINDOW - 1
    return content._replace(num_frames=frames)


def _origin(content):
  return content.feature.shape[1], content.stride, content.weights
