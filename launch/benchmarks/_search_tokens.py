"""Tokens and sentences for the benchmark of searches: made ones, or a trained run's with noise.

Made tokens have the sizes of UPRet on How2Sign, 65 of 512 channels for a clip and 32 for a
sentence of 6 to 19 words, padding included:

- "contextual" ones are as trained ones: a clip shows some of 400 signs one after the other, and a
  sentence names the signs of a clip among other words. As after attention, all tokens of a clip
  and of its sentence have a part in common, which is longer than the rest. Few directions hold most
  of their length: the k-th has a share of its square that falls as 1 / (1 + (k / 24)^4). Words have
  a part of their own in all directions, as sentences and videos do not lie in quite the same ones;
- "clustered" ones show signs in the same way, but nothing else is common to a clip, and all 512
  directions are alike, in the signs and in the noise: no short code can tell them apart;
- "random" ones have no structure at all.
"""

import functools
import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from tqdm import tqdm

import sign_jax
from sign_jax.api.model import joined
from sign_jax.api.retrieval import EncodedTexts, EncodedVideos, RetrievalModel
from sign_jax.errors import UserError
from sign_jax.run import trained
from sign_jax.search import sources
from sign_jax.search.entries import Entry
from sign_jax.systems import registry
from sign_jax.systems.cico.model import Tokens
from sign_jax.tasks import retrieval, retrieval_data

CONTEXTUAL, CLUSTERED, RANDOM, RUN = "contextual", "clustered", "random", "run"
KINDS = (CONTEXTUAL, CLUSTERED, RANDOM)
PIECE = 1024  # clips that are made and added at once
WINDOWS, WORDS, WIDTH = 64, 32, 512
_SIGNS, _OF_CLIP = 400, (4, 10)
_LEAST_WINDOWS, _SENTENCE = 20, (6, 19)
_SPREAD = 0.7  # length of what a token has beside its direction, of length 1
_KNEE = 24  # directions, after which a token's length falls off
_COMMON = 1.6  # length of what is common to a clip and its sentence, beside a sign of length 1
_OWN = 0.2  # length of what a word has beside, in all directions
_SECONDS = 0.16  # from one window to the next; each shows 0.64
_CLIP, _QUERIES = 1, 2  # which random numbers
_SENTENCES = 1 << 30  # from which number on they are of clips, and never asked for
_TEXT = re.compile(r"sentence (\d+) of clip (\d+)")
# Towers that are never used: the smallest there are.
_TOWERS = {
    "model.embed_dim": WIDTH, "model.dtype": "float32",
    **{f"model.{side}.{key}": value for side in ("video", "text")
       for key, value in (("width", 8), ("layers", 1), ("heads", 1))},
    "data.video_length": WINDOWS, "data.text_length": WORDS,
}  # fmt: skip


class Spec(NamedTuple):
  """Which tokens: a source is made of it in every process.

  Attributes:
    kind: one of KINDS, or RUN.
    workdir, split, data_dir: of a trained run, for RUN; texts.
    noise: of a run's tokens where they repeat: which share of the difference of two other tokens is
      added to each.
  """

  kind: str
  workdir: str = ""
  split: str = "test"
  data_dir: str = ""
  noise: float = 0.5


class Piece(NamedTuple):
  """Some clips: `EncodedVideos`, their entries in an index, and times."""

  videos: EncodedVideos
  clips: list[Entry]
  times: list[np.ndarray]


def name_of(number: int) -> str:
  """A clip's name."""
  return f"clip {number:07d}"


def number_of(name: str) -> int:
  """The number of a clip of that name."""
  return int(name.rpartition(" ")[2])


def model_of(spec: Spec) -> RetrievalModel:
  """The model whose tokens are searched.

  Raises:
    UserError: a run of another kind.
  """
  if spec.kind != RUN:
    return MadeModel(spec.kind)
  found = sign_jax.load(spec.workdir, config={"model.dtype": "float32"})
  if not isinstance(found, RetrievalModel) or not found.trained.system.late_interaction:
    raise UserError(f"{spec.workdir} is no run of CiCo, UPRet or SEDS, whose tokens are searched")
  return found


class Source:
  """Clips and sentences of a kind.

  Attributes:
    model: `RetrievalModel` of which they are.
  """

  def __init__(self, spec: Spec) -> None:
    self._spec, self.model = spec, model_of(spec)

  def pieces(self, count: int) -> Iterator[Piece]:
    """Yields that many clips, up to PIECE at a time."""
    length = self.model.trained.inputs["video_valid"][0][0]
    for first in range(0, count, PIECE):
      size = min(PIECE, count - first)
      if self._spec.kind == RUN:
        tokens = _repeated(self._of_run[0], first, size, self._spec.noise)
      else:
        tokens = _made_videos(self._spec.kind, first, size)
      windows = np.asarray(tokens.mask)[:, -length:].sum(1)
      clips = [self._clip(number) for number in range(first, first + size)]
      yield Piece(EncodedVideos(tokens), clips, [_times(int(n)) for n in windows])

  def _clip(self, number):
    """`Entry` of a clip, with a sentence that is none of `texts`."""
    if self._spec.kind == RUN:
      return Entry(name_of(number), text=self._of_run[2][number % len(self._of_run[2])])
    return Entry(name_of(number), text=_sentence(_SENTENCES + number, number))

  def texts(self, count: int, clips: int) -> list[str]:
    """So many sentences, to search so many clips for; a run's split may have fewer."""
    if self._spec.kind == RUN:
      return self._of_run[1][:count]
    clip = lambda number: int(np.random.default_rng((_QUERIES, number)).integers(clips))
    return [_sentence(number, clip(number)) for number in range(count)]

  @functools.cached_property
  def _of_run(self):
    """`Tokens` of all clips of the run's split, its sentences, and that of each clip."""
    spec = self._spec
    total, videos = sources.of_split(self.model, spec.split, spec.data_dir)
    videos = list(tqdm(videos, "tokens of the run", total, unit="clip"))
    texts = [video.clips[0].text for video in videos]
    return joined([video.videos.tokens for video in videos]), list(dict.fromkeys(texts)), texts


def _sentence(number, clip):
  return f"sentence {number} of clip {clip}"


class MadeModel(RetrievalModel):
  """CiCo's released score of made tokens: sentences are named by numbers, and no tower is used."""

  def __init__(self, kind: str) -> None:
    system = registry.get("cico")
    config = system.config("how2sign")
    config.update_from_flattened_dict(_TOWERS)
    inputs = json.loads(json.dumps(retrieval_data.inputs(config.data, 8, False, None)))
    module = system.build(config.model, inputs)
    init = lambda key: retrieval.Retrieval.init_of(system, module, inputs, key)
    shapes = jax.eval_shape(init, jax.random.key(0))
    variables = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)
    record = {"digest": f"made tokens, {kind}"}
    super().__init__(
        trained.Trained(system, config, variables, record, inputs, pathlib.Path("made"))
    )
    self._kind = kind

  def encode_texts(self, texts: Any) -> EncodedTexts:
    """Tokens of sentences as `Source.texts` names them."""
    rows = [_made_text(self._kind, *map(int, _TEXT.fullmatch(text).groups())) for text in texts]
    return EncodedTexts(joined(rows))


@functools.cache
def _directions(kind):
  """(signs and a class token's, padding's and what all tokens share; D) of length 1."""
  drawn = np.random.default_rng(0).standard_normal((_SIGNS + 3, WIDTH), np.float32)
  return _unit(drawn * _scales(kind))


def _scales(kind):
  """(D,) what noise has in each channel; of length 1."""
  order = np.arange(WIDTH, dtype=np.float32)
  shares = 1 / (1 + (order / _KNEE) ** 4) if kind == CONTEXTUAL else np.ones_like(order)
  return _unit(np.sqrt(shares))


def _unit(x):
  return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def _signs_of(clip):
  """Numbers of the signs of a clip, in their order, and how many windows it has."""
  rng = np.random.default_rng((_CLIP, clip))
  signs = rng.integers(_SIGNS, size=rng.integers(_OF_CLIP[0], _OF_CLIP[1] + 1))
  return signs, int(rng.integers(_LEAST_WINDOWS, WINDOWS + 1))


def _made_videos(kind, first, size):
  """`Tokens` of clips, of which the first token is the class token and the last ones padding."""
  rng = np.random.default_rng((0, first))
  noise = rng.standard_normal((size, 1 + WINDOWS, WIDTH), np.float32)
  mask = np.zeros((size, 1 + WINDOWS), bool)
  places = np.full((size, 1 + WINDOWS), _SIGNS + 1)
  for row in range(size):
    signs, windows = _signs_of(first + row)
    mask[row, : 1 + windows] = True
    places[row, 0] = _SIGNS
    places[row, 1 : 1 + windows] = signs[np.arange(windows) * len(signs) // windows]
  features = _around(kind, noise, places)
  if kind == CONTEXTUAL:
    features += np.stack([_common(first + row) for row in range(size)])[:, None]
  return Tokens(features, mask, _even(mask))


def _common(clip):
  """(D,) what all tokens of a clip and of its sentence have in common."""
  drawn = np.random.default_rng((_CLIP, 1, clip)).standard_normal(WIDTH, np.float32)
  return _COMMON * _unit(drawn * _scales(CONTEXTUAL))


def _made_text(kind, number, clip):
  """`Tokens` (1, ...) of a sentence: every other word names a sign of the clip."""
  rng = np.random.default_rng((_QUERIES, 1, number))
  noise = rng.standard_normal((1, WORDS, WIDTH), np.float32)
  words = int(rng.integers(_SENTENCE[0], _SENTENCE[1] + 1))
  signs, _ = _signs_of(clip)
  places = np.full((1, WORDS), _SIGNS + 1)
  places[0, :words] = rng.integers(_SIGNS, size=words)
  named = np.arange(0, words, 2)
  places[0, named] = signs[np.arange(len(named)) * len(signs) // len(named)]
  mask = np.arange(WORDS)[None] < words
  features = _around(kind, noise, places)
  if kind == CONTEXTUAL:
    features = _unit(features + _common(clip))
    features += _OWN * _unit(rng.standard_normal(features.shape, np.float32))
  return Tokens(features, mask, _even(mask))


def _around(kind, noise, places):
  """Tokens that are noise, or directions with noise beside them."""
  if kind == RANDOM:
    return noise
  known = _directions(kind)
  noise *= _SPREAD * _scales(kind)
  return noise + (known + 0.5 * known[-1])[places]


def _even(mask):
  return (mask / mask.sum(1, keepdims=True)).astype(np.float32)


def _times(windows):
  begin = _SECONDS * np.arange(windows)
  return np.stack([begin, begin + 4 * _SECONDS], 1)


def _repeated(stored, first, size, noise):
  """Clips of the run again and again; the first time as they are, later with noise."""
  count = len(stored.mask)
  rows = np.arange(first, first + size)
  features = _unit(np.asarray(stored.features, np.float32)[rows % count])
  rng = np.random.default_rng((0, first))
  valid = _unit(np.asarray(stored.features, np.float32)[np.asarray(stored.mask)])
  other = lambda: valid[rng.integers(len(valid), size=features.shape[:2])]
  features += (noise * (rows >= count))[:, None, None] * (other() - other())
  again = rows % count
  return Tokens(features, np.asarray(stored.mask)[again], np.asarray(stored.weights)[again])
