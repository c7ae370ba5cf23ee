"""A trained model of isolated signs: a clip, and its keypoints where they are read, to a sign."""

import functools
import itertools
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from sign_jax.api import clips, recognized
from sign_jax.api.recognized import Recognized
from sign_jax.data import sign_batches, sign_records
from sign_jax.errors import UserError
from sign_jax.files import user_path
from sign_jax.run import trained
from sign_jax.tasks import isolated, isolated_scores
from sign_jax.train import compilation
from sign_jax.video import containers, frames

_LONGEST = sign_records.LONGEST


class SignModel(recognized.NamingModel):
  """A model that names the sign of a clip.

  Attributes:
    labels: names of the classes, None where they are not known.
    fields: what it reads of a clip: "video", "keypoints" or both.
  """

  does = "recognize the sign in a clip"

  def __init__(self, found: trained.Trained, labels: list[str] | None = None) -> None:
    super().__init__(found, labels)
    recognizer = isolated.recognizer_of(found.system)
    self.fields, config = recognizer.fields(found.config), found.config

    @functools.partial(jax.jit, compiler_options=compilation.options(config))
    def scores(variables, batch):
      inputs = recognizer.eval_inputs(config, batch)
      return recognizer.scores(config, found.model.apply(variables, inputs))[""]

    self._scores = scores

  def recognize(self, video: Any, top: int = 5, *, keypoints: Any = None) -> Recognized:
    """The sign that a clip shows.

    Longer clips than the model reads are cut to their middle, or give several crops, as in
    evaluation; in shorter ones the first and the last frame are repeated.

    Args:
      video: the path of a video file or of a folder of pictures, or frames (T, H, W, 3) uint8 RGB.
      top: how many signs are named, at most the number of classes.
      keypoints: of the same frames, COCO-WholeBody's: a file that `api.keypoints.read` reads, or
        (T, 133, 3) numbers: x and y in pixels of the pictures, and confidence. A model of the video
        alone needs none.

    Returns:
      `Recognized` with n = 1.

    Raises:
      UserError: a video or keypoints that cannot be read or do not belong together; a model that
        reads keypoints has none.
    """
    recognized.check_counts(top=top)
    if "keypoints" in self.fields and keypoints is None:
      raise UserError(
          f"this model of {self.system} reads keypoints too: pass those of the video, --keypoints "
          "FILE or keypoints=, COCO-WholeBody's of every frame; only a model that was trained with "
          "--config.model.modalities=video needs none"
      )
    pictures, size = self._pictures(video)
    clip = {"video": pictures}
    if "keypoints" in self.fields:
      clip["keypoints"] = self._keypoints(keypoints, pictures, size, video)
    scores = self._scores(self._variables, self._batch(clip))
    crops = self.config.data.crops
    found, _ = isolated_scores.averaged({"": np.asarray(scores)}, np.zeros(crops, int), crops)
    return self._named(np.asarray(jax.nn.softmax(found[""])), top, None)

  def _batch(self, clip):
    """{field: (crops, n, ...)} of a whole clip."""
    data, count = self.config.data, len(clip["video"])
    read = [
        sign_batches.places(count, data.frames, crop, data.crops) for crop in range(data.crops)
    ]
    return {name: np.stack([clip[name][places] for places in read]) for name in self.fields}

  def _pictures(self, video):
    """((T, S, S, 3) uint8, (width, height) of the pictures) of a video."""
    side = self.config.data.size_stored
    if clips.is_path(video):
      path = user_path(video)
      size, found = clips.picture_size(path), frames.read_frames(path, (side, side))
      return _joined(itertools.islice(found, _LONGEST + 1), path), size
    array = clips.array(video)
    pictures = (np.ascontiguousarray(x) for x in itertools.islice(array, _LONGEST + 1))
    return _joined((containers.resized_rgb(x, (side, side)) for x in pictures), "the clip"), (
        array.shape[2], array.shape[1]
    )

  def _keypoints(self, keypoints, pictures, size, video):
    """(T, 133, 3) float32, x and y as shares of the picture."""
    found, name = clips.keypoint_shares(keypoints, size, video)
    if len(found) != len(pictures):
      raise clips.unlike_counts(name, len(found), video, len(pictures))
    return found


def _joined(pictures: Any, name: Any) -> Float[np.ndarray, "T S S 3"]:
  found = list(pictures)
  if len(found) > _LONGEST:
    raise UserError(
        f"{name} has more than {_LONGEST} frames, and this model names one sign: cut the clip out"
    )
  return np.stack(found)
