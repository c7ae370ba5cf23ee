"""A trained retrieval model: videos and sentences to tokens, and their similarities."""

import functools
from collections.abc import Iterable, Sequence
from typing import Any, Self

import jax
import numpy as np
from jaxtyping import Float

from sign_jax.api import model
from sign_jax.api import videos as api_videos
from sign_jax.data import pose, specs
from sign_jax.data.tokenizer import clean, tokenize
from sign_jax.errors import UserError
from sign_jax.protocols import TextReader
from sign_jax.run import text_notes, trained
from sign_jax.tasks import finite, retrieval_data

_TILES = (8, 64)  # videos and sentences that are compared at once
_TEXT = ("text", "text_valid")


class Encoded:
  """Videos or sentences after their tower; `len` counts them, slices are of the same kind.

  Attributes:
    tokens: what the system's tower gives, a tree of numpy arrays (n, ...); of CiCo, UPRet and SEDS
      `systems.cico.model.Tokens`: features (n, N, D), mask (n, N), weights (n, N).
  """

  def __init__(self, tokens: Any) -> None:
    self.tokens = tokens

  def __len__(self) -> int:
    return len(jax.tree.leaves(self.tokens)[0])

  def __getitem__(self, rows: slice | Sequence[int] | np.ndarray) -> Self:
    if isinstance(rows, int | np.integer):
      rows = [rows]
    return type(self)(jax.tree.map(lambda x: x[rows], self.tokens))

  def __repr__(self) -> str:
    return f"<{type(self).__name__} of {len(self)}>"


class EncodedVideos(Encoded):
  """What `RetrievalModel.encode_videos` gives."""


class EncodedTexts(Encoded):
  """What `RetrievalModel.encode_texts` gives."""


class RetrievalModel(model.Model):
  """A retrieval model. Programs are compiled at first use, for few sizes of batches."""

  does = "encode videos and texts and compute their similarity"

  def __init__(self, found: trained.Trained) -> None:
    super().__init__(found)
    flax_module, self._inputs = found.model, found.inputs
    self._reads_poses = "pose" in self._inputs
    apply = lambda method: lambda variables, *x: flax_module.apply(variables, *x, method=method)

    def encode_video(variables, batch):
      poses = (batch["pose"],) if self._reads_poses else ()
      return apply("encode_video")(variables, batch["video"], batch["video_valid"], *poses)

    self._encode_video = jax.jit(encode_video)
    encode_text = apply("encode_text")
    self._encode_text = jax.jit(lambda variables, text: encode_text(variables, *_fields(text)))
    self._score = jax.jit(apply("score"))

  def encode_videos(
      self, videos: Any, *, lengths: Iterable[int] | None = None,
      poses: Sequence[np.ndarray] | None = None, image_size: tuple[int, int] | None = None,
      stride: int = 0, by_window: bool = False,
  ) -> EncodedVideos:
    """Sign features of any number of videos -> their tokens.

    A video of more windows than the model reads is sampled as in training.

    Args:
      videos: a list of arrays (n_i, D), a row for each window of 16 frames; or a list of dicts
        {stream: (n_i, D)}, such as "agnostic" and "aware", or a dict of such lists: these are
        combined as in training; or one array (B, L, D).
      lengths: windows of each video of an array (B, L, D), all L by default.
      poses: for a system that reads poses, an array (F_i, 133, 3) for each video: x and y in
        pixels, and confidence, of COCO-WholeBody's keypoints, as the data sets store them.
      image_size: width and height in pixels of the pictures that the poses come from; by default
        as in the settings of the run.
      stride: frames from one row of the features to the next, where there are poses; 0: unknown.
      by_window: whether the features have a row for each window that is kept of the poses instead,
        as those that SEDS releases.

    Returns:
      `EncodedVideos`, in the order of the videos.

    Raises:
      UserError: no features of this model's width, not finite, no windows; poses missing or unfit.
    """
    found = api_videos.listed(videos, lengths)
    settings = self._pose_settings(found, poses, image_size)
    width = self._inputs["video"][0][-1]

    def batch(start, stop):
      rows = [
          api_videos.rows(
              found[i], f"video {i}", self.config.data, width,
              poses[i] if settings else None, settings, stride, by_window,
          )
          for i in range(start, stop)
      ]
      return jax.tree.map(lambda *x: np.stack(x), *rows)

    return EncodedVideos(self._encoded(self._encode_video, batch, len(found), self.video_form))

  def encode_texts(self, texts: Sequence[str]) -> EncodedTexts:
    """Any number of sentences -> their tokens; cleaned and cut into words as in training.

    Raises:
      UserError: something else than a list of texts, or a text without words.
    """
    # A generator can be read only once.
    texts = list(texts) if isinstance(texts, Iterable) and not isinstance(texts, str) else [None]
    if not all(isinstance(text, str) for text in texts):
      raise UserError("texts are a list of str: put a single one into a list")
    for i, text in enumerate(texts):
      if not clean(text):
        raise UserError(f"text {i} has no words: leave it out")
    batch = lambda start, stop: self._read(texts[start:stop])
    return EncodedTexts(self._encoded(self._encode_text, batch, len(texts), self.text_form))

  def _read(self, texts):
    """What the model reads of texts, an array or a dict of arrays."""
    if self._text_reader is not None:
      return self._text_reader.encode(texts)
    (length,), _ = self._inputs["text"]
    return np.stack([tokenize(text, length) for text in texts])

  @functools.cached_property
  def _text_reader(self) -> TextReader | None:
    """How the system reads texts; None for the token ids of CLIP."""
    run = self.trained
    if run.system.text_reader is None:
      return None
    notes = text_notes.path(run.workdir)
    reader = run.system.text_reader(run.config, None, notes)
    if any(reader.inputs[name] != self._inputs.get(name) for name in reader.inputs):
      raise UserError(f"{notes} holds the words of another model than {run.workdir}: get it anew")
    return reader

  def similarity(self, videos: Any, texts: Any) -> Float[np.ndarray, "V T"]:
    """How well each video goes with each sentence; higher is better.

    Args:
      videos: V of them, encoded, or as `encode_videos` takes them.
      texts: T of them, encoded, or as `encode_texts` takes them.

    Returns:
      (V, T) float32.

    Raises:
      UserError: as these two, or similarities that are not finite.
    """
    if isinstance(videos, EncodedTexts) or isinstance(texts, EncodedVideos):
      raise UserError("similarity takes the videos first, then the texts")
    if isinstance(videos, Encoded):
      _check_form(videos, self.video_form)
    else:
      videos = self.encode_videos(videos)
    if isinstance(texts, Encoded):
      _check_form(texts, self.text_form)
    else:
      texts = self.encode_texts(texts)
    scores = np.zeros((len(videos), len(texts)), np.float32)
    columns = [
        (start, stop, self._tile(texts, start, stop, size))
        for start, stop, size in model.batches(len(texts), _TILES)
    ]
    for start, stop, size in model.batches(len(videos), _TILES) if columns else ():
      tile = self._tile(videos, start, stop, size)
      for first, last, texts_tile in columns:
        found = np.asarray(self._score(self._variables, tile, texts_tile))
        scores[start:stop, first:last] = found[: stop - start, : last - first]
    self._check_finite(scores)
    return scores

  def _check_finite(self, scores):
    bad = np.argwhere(~np.isfinite(scores))
    if len(bad):
      video, text = bad[0]
      raise UserError(
          f"the similarities are not finite, the first is of video {video} and text {text}: "
          + (finite.bad_weights(self._variables) or "look for very large values in the features")
      )

  def _tile(self, encoded, start, stop, size):
    return jax.tree.map(
        lambda x: jax.device_put(model.filled(x[start:stop], size)), encoded.tokens
    )

  def _encoded(self, encode, batch, count, form):
    """All tokens of `count` rows that `batch` gives by (first, behind the last); numpy."""
    parts = []
    for start, stop, size in model.batches(count):
      rows = jax.tree.map(functools.partial(model.filled, size=size), batch(start, stop))
      tokens = encode(self._variables, rows)
      parts.append(jax.tree.map(lambda x, n=stop - start: np.asarray(x)[:n], tokens))
    if not parts:
      return jax.tree.map(lambda x: np.zeros((0, *x.shape[1:]), x.dtype), form)
    return model.joined(parts)

  @property
  def variables(self) -> Any:
    """The model's variables, on the device."""
    return self._variables

  @property
  def windows(self) -> int:
    """The most windows of a video that it reads."""
    return self._inputs["video_valid"][0][0]

  @functools.cached_property
  def video_form(self) -> Any:
    """The tokens of one video, as a tree of jax.ShapeDtypeStruct (1, ...)."""
    names = ("video", "video_valid", "pose")
    none = specs.zeros({name: self._inputs[name] for name in names if name in self._inputs}, 1)
    return jax.eval_shape(self._encode_video, self._variables, none)

  @functools.cached_property
  def text_form(self) -> Any:
    """The same of one sentence."""
    none = specs.zeros({name: x for name, x in self._inputs.items() if name in _TEXT}, 1)
    text = none if self.trained.system.text_reader else none["text"]
    return jax.eval_shape(self._encode_text, self._variables, text)

  def _pose_settings(self, found, poses, image_size):
    """`pose.Settings`, or None where the system reads no poses."""
    if not self._reads_poses:
      if poses is not None:
        raise UserError(f"{self.system} reads no poses: leave them out")
      return None
    if not hasattr(poses, "__len__") or len(poses) != len(found):
      raise UserError(
          f"{self.system} reads poses: pass poses=, an array (F, {pose.KEYPOINTS}, 3) for each "
          f"of the {len(found)} videos"
      )
    data = self.config.data
    size = tuple(image_size or data.image_size)
    if not any(size):
      raise UserError("pass image_size=, width and height of the pictures of the poses, in pixels")
    return retrieval_data.settings_of(data)._replace(image_size=size)


def _fields(text):
  return tuple(text[name] for name in _TEXT) if isinstance(text, dict) else (text,)


def _check_form(encoded, form):
  """Raises UserError where tokens are of a model of other sizes."""
  rows = lambda tree: [np.shape(x)[1:] for x in jax.tree.leaves(tree)]
  is_like = jax.tree.structure(encoded.tokens) == jax.tree.structure(form)
  if not is_like or rows(encoded.tokens) != rows(form):
    raise UserError(f"{type(encoded).__name__} are of another model: encode them with this one")
