"""A trained model of isolated signs: a clip, and its keypoints where they are read, to a sign."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from sign_jax.api import model, recognized, sign_reading
from sign_jax.api.recognized import Recognized
from sign_jax.api.retrieval import EncodedVideos
from sign_jax.api.sign_reading import SignClip
from sign_jax.data import pose, sign_batches
from sign_jax.errors import UserError
from sign_jax.ops.unit_length import unit_length
from sign_jax.run import trained
from sign_jax.tasks import finite, isolated, isolated_scores
from sign_jax.train import compilation

_SIZES = (1, 8)  # clips that are encoded at once: those of whole pictures are large


class SignModel(recognized.NamingModel):
  """A model that names the sign of a clip, and compares signs that it has no names for.

  Attributes:
    labels: names of the classes, None where they are not known.
    fields: what it reads of a clip: "video", "keypoints" or both.
  """

  does = "recognize the sign in a clip"
  windows = 1  # that a search knows the times of: the whole clip

  def __init__(self, found: trained.Trained, labels: list[str] | None = None) -> None:
    super().__init__(found, labels)
    recognizer = isolated.recognizer_of(found.system)
    self.fields, config = recognizer.fields(found.config), found.config
    compiled = functools.partial(jax.jit, compiler_options=compilation.options(config))

    @compiled
    def scores(variables, batch):
      inputs = recognizer.eval_inputs(config, batch)
      return recognizer.scores(config, found.model.apply(variables, inputs))[""]

    @compiled
    def vectors(variables, batch):
      """{field: (n, crops, ...)} -> (n, D)."""
      flat = {name: x.reshape(-1, *x.shape[2:]) for name, x in batch.items()}
      inputs = recognizer.eval_inputs(config, flat)
      each = found.model.apply(variables, inputs, method="encode_video")
      return unit_length(jnp.mean(each.reshape(-1, config.data.crops, each.shape[-1]), 1))

    self._scores, self._vectors = scores, vectors

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
    clip = self.read(SignClip(video, keypoints)).arrays
    scores = self._scores(self._variables, self._crops(clip))
    crops = self.config.data.crops
    found, _ = isolated_scores.averaged({"": np.asarray(scores)}, np.zeros(crops, int), crops)
    return self._named(np.asarray(jax.nn.softmax(found[""])), top, None)

  def encode_videos(
      self, videos: Any, *, keypoints: Sequence[Any] | None = None
  ) -> EncodedVideos:
    """Clips of single signs -> the vectors by which a search compares them, float32 of length 1.

    The vector is what the last classifier reads, see the module's `encode_video`; that of a clip of
    several crops is their mean.

    Args:
      videos: a list of clips, each as `recognize` takes it; or `sign_reading.SignClip`, which may
        be a part of a video; or {"video": ..., "keypoints": ...}.
      keypoints: of each clip, as `recognize` takes them.

    Returns:
      `EncodedVideos` of an array (n, D), in the order of the clips.

    Raises:
      UserError: as `recognize`; a model that gives no such vectors, or none that are finite.
    """
    if not self.has_vectors:
      raise self._cannot("encode videos for a search")
    found = sign_reading.listed(videos, keypoints)
    parts = [
        self.encode_clips([self.read(clip).arrays for clip in found[start:stop]])
        for start, stop, _ in model.batches(len(found), _SIZES)
    ]
    return EncodedVideos(np.concatenate([self.encode_clips([]).tokens, *(x.tokens for x in parts)]))

  def read(self, clip: SignClip) -> sign_reading.Read:
    """What the model reads of a clip; errors as `recognize`."""
    return sign_reading.read(clip, self.fields, self.config.data.size_stored, self.system)

  def encode_clips(self, clips: Sequence[Mapping[str, np.ndarray]]) -> EncodedVideos:
    """As `encode_videos`, of clips that are read already.

    Args:
      clips: {"video": (T, S, S, 3) uint8 RGB, "keypoints": (T, 133, 3) float32} of each, x and y as
        shares of the picture; those of `fields`.
    """
    if not self.has_vectors:
      raise self._cannot("encode videos for a search")
    parts = []
    for start, stop, size in model.batches(len(clips), _SIZES):
      read = [self._crops(clip) for clip in clips[start:stop]]
      batch = {name: np.stack([x[name] for x in read]) for name in self.fields}
      batch = {name: model.filled(x, size) for name, x in batch.items()}
      parts.append(np.asarray(self._vectors(self._variables, batch))[: stop - start])
    empty = np.zeros((0, *self.video_form.shape[1:]), self.video_form.dtype)
    found = np.concatenate([empty, *parts])
    if not np.isfinite(found).all():
      raise UserError(
          "the vectors are not finite: "
          + (finite.bad_weights(self._variables) or "look for very large values in the keypoints")
      )
    return EncodedVideos(found)

  def encode_texts(self, texts: Any) -> NoReturn:
    """Raises UserError: it knows signs, and no sentences."""
    if not self.has_vectors:
      raise self._cannot("encode texts")
    raise UserError(
        f"a model of {self.system} compares signs with signs and reads no sentences: ask by a "
        "video (--video, or Query(video=...)) or by a clip of the index (--like, Query(like=...))"
    )

  @property
  def has_vectors(self) -> bool:
    """Whether its module gives vectors of signs, and their score."""
    module = self.trained.model
    return hasattr(module, "encode_video") and hasattr(module, "score")

  @property
  def variables(self) -> Any:
    """The model's variables, on the device."""
    return self._variables

  @functools.cached_property
  def video_form(self) -> jax.ShapeDtypeStruct:
    """The vector of one clip, (1, D)."""
    data = self.config.data
    each = {
        "video": ((data.size_stored, data.size_stored, 3), np.uint8),
        "keypoints": ((pose.KEYPOINTS, 3), np.float32),
    }
    batch = {
        name: jax.ShapeDtypeStruct((1, data.crops, data.frames, *each[name][0]), each[name][1])
        for name in self.fields
    }
    return jax.eval_shape(self._vectors, self._variables, batch)

  def _crops(self, clip):
    """{field: (crops, n, ...)} of a whole clip."""
    data, count = self.config.data, len(clip[self.fields[0]])
    read = [
        sign_batches.places(count, data.frames, crop, data.crops) for crop in range(data.crops)
    ]
    return {name: np.stack([clip[name][places] for places in read]) for name in self.fields}
