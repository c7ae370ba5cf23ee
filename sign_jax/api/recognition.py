"""A trained recognition model: windows of frames, or a video, to signs."""

import math
import os
import pathlib
from typing import Any, NamedTuple

import jax
import numpy as np

from sign_jax.api import recognized, videos
from sign_jax.api.recognized import Recognized
from sign_jax.encoder import windows
from sign_jax.errors import UserError
from sign_jax.files import user_path
from sign_jax.run import trained

_BATCH = 8  # windows at once


class _Job(NamedTuple):
  path: pathlib.Path
  start: float = 0.0
  end: float = math.inf
  box: None = None


class RecognitionModel(recognized.NamingModel):
  """A model that recognises signs in windows of frames.

  Attributes:
    labels: names of the classes, None where they are not known.
    crop: height and width in pixels of its frames.
  """

  does = "recognize signs in windows of frames or in a video"

  def __init__(self, found: trained.Trained, labels: list[str] | None = None) -> None:
    super().__init__(found, labels)
    (self._window, self.crop, *_), _ = found.inputs["video"]
    self._encoder = windows.make_encoder(
        found.model, found.variables, _BATCH, self.crop, lambda out: jax.nn.softmax(out["logits"])
    )

  def recognize(self, video: Any, top: int = 5, *, stride: int = 8) -> Recognized:
    """The signs that windows of 16 frames show.

    Args:
      video: windows of frames, (n, 16, H, W, 3) uint8 RGB, H = W = `crop`; or the path of a video
        file or of a folder of pictures.
      top: how many signs are named for each window, at most the number of classes.
      stride: frames from one window of a video to the next.

    Returns:
      `Recognized`.

    Raises:
      UserError: frames of another form, or a video that cannot be read.
    """
    recognized.check_counts(top=top, stride=stride)
    if isinstance(video, str | os.PathLike):
      return self._of_file(user_path(video), top, stride)
    return self._named(self._of_windows(videos.array_of(video, "video")), top, None)

  def _of_windows(self, frames):
    form = (self._window, self.crop, self.crop, 3)
    if frames.ndim != 5 or frames.shape[1:] != form or frames.dtype != np.uint8:
      raise UserError(
          f"windows are an array (n, {', '.join(map(str, form))}) of uint8, not {frames.shape} of "
          f"{frames.dtype}; pass the path of a video to have it cut into windows"
      )
    size = self._encoder.batch_size
    parts = [self._encoder.encode(frames[i : i + size]) for i in range(0, len(frames), size)]
    if not parts:
      return np.zeros((0, self._classes), np.float32)
    return np.concatenate(parts)[: len(frames)]  # the last batch is filled up

  def _of_file(self, path, top, stride):
    results = windows.encode_videos([_Job(path)], self._encoder, stride)
    (result,) = [result for _, result in results if result is not None]
    if result.error:
      raise result.error
    starts = windows.frames.window_starts(len(result.seconds), stride)
    return self._named(result.outputs, top, np.asarray(result.seconds, np.float64)[starts])
