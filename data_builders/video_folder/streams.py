"""Feature streams of a user's own videos: one folder of feature files for each sign encoder."""

from data_builders.video_folder import captions
from sign_jax.data import feature_files
from sign_jax.errors import UserError

NAMED = 20  # clips that an error message names


class Stream:
  """The features of one encoder for all clips of a table.

  Attributes:
    width: length of a feature vector.
    stride: frames from one window to the next.
    weights: fingerprint of the encoder's weights.
  """

  def __init__(self, folder, clips: list[captions.Clip]):
    """Checks that every clip has features.

    Raises:
      UserError: names the clips without features.
    """
    self._folder = folder
    missing = [clip for clip in clips if not self.path(clip).is_file()]
    if missing:
      names = ", ".join(f"{clip.video} (line {clip.line})" for clip in missing[:NAMED])
      more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
      raise UserError(
        f"{folder} has no features for {names}{more}, extract them with "
        "`python -m sign_jax.extract` or remove the rows"
      )
    self._first_path = self.path(clips[0])
    first = feature_files.read(self._first_path)
    self.width, self.stride, self.weights = _origin(first)

  def path(self, clip):
    """Where the features of a clip are."""
    return feature_files.path_of(self._folder, clip.video)

  def read(self, clip):
    """The clip's `FeatureFile`.

    Raises:
      UserError: damaged, not finite, or not of the same encoder and stride as the other clips.
    """
    file = feature_files.read(self.path(clip))
    if _origin(file) != (self.width, self.stride, self.weights):
      raise UserError(
        f"{self.path(clip)} (line {clip.line}) was made with another width, stride or weights than "
        f"{self._first_path}, extract all videos with the same ones"
      )
    return file


def _origin(file):
  return file.feature.shape[1], file.stride, file.weights
