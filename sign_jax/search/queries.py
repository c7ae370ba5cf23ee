"""What may be looked for: a sentence, a video, or both.

No paper defines the score of a video with a video; it is computed here so. A model puts the tokens
of videos and of sentences into one space, so the tokens of the query's video take the place of a
sentence's, in the same function that an evaluation scores with:

- CiCo, UPRet and SEDS: the late interaction of all tokens of the clip with all tokens of the query
  (class token and, without `mask_padding`, padding included), pooled by the model's softmax or
  maximum, with the weights that the model gives the tokens of each. The bounds of a search hold for
  any tokens, so what it proves of sentences it proves of videos.
- SPOT-ALIGN: the product of two vectors of length 1, their cosine.
- NLA-SLR, whose index is a dictionary of single signs: the same, and there are no sentences.

The score of a sentence and a video together is

    text_weight * (score of the sentence) + (1 - text_weight) * (score of the video).

A clip is like itself: its cosine is 1, and no other is larger. A late interaction is a mean, so a
clip whose tokens all resemble each other may score higher with a query than the clip that the query
was made from; with tokens that differ the clip itself comes first.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float32, Int

from sign_jax.api.model import joined
from sign_jax.api.retrieval import EncodedVideos, RetrievalModel
from sign_jax.errors import UserError, did_you_mean, shown
from sign_jax.search import fields
from sign_jax.search.scorer import Scorer
from sign_jax.search.store import Store

TEXT, VIDEO = "text", "video"
EVEN = 0.5  # weight of a sentence beside a video


@dataclasses.dataclass(frozen=True, eq=False)
class Query:
  """What to look for: a sentence, a video, or both; see above for the score.

  Attributes:
    text: a sentence, or None.
    video: sign features of a video, (T, D) float with a row for each window of 16 frames; anything
      else that `RetrievalModel.encode_videos` takes as one video; or `EncodedVideos` of one (of
      a model that reads poses, for example). Of a dictionary a clip, as `SignModel.encode_videos`
      takes it. None where there is none.
    like: instead of `video`, the name of a clip of the index.
    text_weight: from 0 to 1, of the sentence's score where there is a video too.
    exclude: names of clips that are not to be found, and of videos (the `source` of clips) none of
      whose clips is.
    label: what an answer calls this; "" is the sentence and the clip's name.

  Raises:
    UserError: neither a sentence nor a video, two videos, a weight that is none.
  """

  text: str | None = None
  video: Any = None
  like: str | None = None
  text_weight: float = EVEN
  exclude: Sequence[str] = ()
  label: str = ""

  def __post_init__(self) -> None:
    if not isinstance(self.text, str | None):
      raise UserError(f"a query's text is a str, and not {shown(self.text)}")
    if self.text is None and not self.has_video:
      raise UserError("a query needs a text, a video, or a clip to be like")
    if self.video is not None and self.like is not None:
      raise UserError("a query has one video: pass video or like, not both")
    if not isinstance(self.text_weight, int | float) or not 0 <= self.text_weight <= 1:
      raise UserError(f"text_weight={shown(self.text_weight)} must be a number from 0 to 1")
    names = (self.exclude,) if isinstance(self.exclude, str) else tuple(self.exclude)
    object.__setattr__(self, "exclude", names)

  @property
  def has_video(self) -> bool:
    return self.video is not None or self.like is not None

  @property
  def name(self) -> str:
    """What an answer calls it."""
    video = f"like {self.like}" if self.like is not None else "a video" if self.has_video else ""
    return self.label or " + ".join(filter(None, (self.text, video)))


class Part(NamedTuple):
  """A sentence or a video of a query.

  Attributes:
    kind: TEXT or VIDEO.
    weight: of its score.
    tokens: a tree of arrays (1, ...).
  """

  kind: str
  weight: float
  tokens: Any


class Prepared(NamedTuple):
  """A query after the model.

  Attributes:
    name: what an answer calls it.
    parts: [`Part`], one or two.
    excluded: rows that are not to be found.
  """

  name: str
  parts: list[Part]
  excluded: Int[np.ndarray, " n"]


def listed(queries: Any) -> list[Query]:
  """One query or several, of which each may be a sentence alone, as `Query`s."""
  if isinstance(queries, str | Query):
    queries = [queries]
  try:
    found = list(queries)
  except TypeError as error:
    raise UserError(f"{shown(queries)} is no sentence, no Query and no list of them") from error
  return [query if isinstance(query, Query) else Query(query) for query in found]


def prepare(
    queries: Sequence[Query], model: RetrievalModel, store: Store, scorer: Scorer
) -> list[Prepared]:
  """Queries after the model.

  Args:
    queries: `Query`s.
    model: `RetrievalModel`.
    store: where clips lie that queries are like.
    scorer: `Scorer` of the model.

  Raises:
    UserError: a sentence without words, features that the model does not read, a clip that the
      index does not hold, tokens that are not finite.
  """
  found = [Prepared(query.name, [], _excluded(query, store)) for query in queries]
  for kind, tokens in (
      (TEXT, _texts(queries, model)), (VIDEO, _videos(queries, model, store, scorer))
  ):  # fmt: skip
    for number, one in tokens.items():
      _check(one, number)
      alone = queries[number].text is None or not queries[number].has_video
      share = queries[number].text_weight if kind == TEXT else 1 - queries[number].text_weight
      found[number].parts.append(Part(kind, 1.0 if alone else share, one))
  return found


def _check(tokens, number):
  """Raises UserError on tokens for which no bound holds."""
  if not all(np.isfinite(np.asarray(x, np.float32)).all() for x in jax.tree.leaves(tokens)):
    raise UserError(
        f"the model makes no finite numbers of query {number}: look for bad values in its "
        "features, or in the weights of the model"
    )
  weights = getattr(tokens, "weights", None)
  if weights is not None and not fields.are_shares(np.asarray(weights)).all():
    raise UserError(f"the weights of query {number} are no shares that sum to 1")
  mask = getattr(tokens, "mask", None)
  if mask is not None and not np.asarray(mask).any(1).all():
    raise UserError(f"query {number} is padding alone")


def _texts(queries, model):
  """{number of a query: tokens of its sentence}."""
  numbers = [n for n, query in enumerate(queries) if query.text is not None]
  if not numbers:
    return {}
  encoded = model.encode_texts([queries[n].text for n in numbers])
  return {n: encoded[i].tokens for i, n in enumerate(numbers)}


def _videos(queries, model, store, scorer):
  """{number of a query: tokens of its video}."""
  found = {}
  given = [n for n, query in enumerate(queries) if query.video is not None]
  plain = [n for n in given if not isinstance(queries[n].video, EncodedVideos)]
  if plain:
    encoded = model.encode_videos([queries[n].video for n in plain])
    found |= {n: encoded[i].tokens for i, n in enumerate(plain)}
  for number in set(given) - set(plain):
    found[number] = _one(queries[number].video, model)
  for number, query in enumerate(queries):
    if query.like is not None:
      row = row_of(query.like, store)
      found[number] = scorer.tree(store.read([row], scorer.fields))
  return found


def _one(videos, model):
  if len(videos) != 1:
    raise UserError(f"a query has one video, and not {len(videos)}: pass encoded[i]")
  shapes = lambda tree: [np.shape(x)[1:] for x in jax.tree.leaves(tree)]
  if shapes(videos.tokens) != shapes(model.video_form):
    raise UserError("the encoded video of a query is of another model: encode it with this one")
  # In the model's dtypes, for which bounds allow, whoever has encoded it.
  cast = lambda x, form: np.asarray(x).astype(form.dtype, copy=False)
  return jax.tree.map(cast, videos.tokens, model.video_form)


def row_of(name: str, store: Store) -> int:
  """The row of a clip; raises UserError where there is none of that name."""
  if name not in store.rows:
    raise UserError(
        f"{store.folder} has no clip {shown(name)}{did_you_mean(str(name)[:200], store.rows)}"
    )
  return store.rows[name]


def _excluded(query, store):
  """Rows of the clips that a query does not want."""
  found = set()
  for name in query.exclude:
    rows = [store.rows[name]] if name in store.rows else _rows_of(name, store)
    if not rows:
      raise UserError(f"{store.folder} has no clip and no video {shown(name)} to be left out")
    found.update(rows)
  return np.array(sorted(found), int)


def _rows_of(source, store):
  return [
      int(first) + row
      for first, shard in zip(store.first[:-1], store.shards, strict=True)
      for row, entry in enumerate(shard.entries) if source and entry.source == source
  ]


def together(values: Sequence[tuple[float, Float32[np.ndarray, "..."]]]) -> np.ndarray:
  """The score of a query from those of its parts, float32.

  A bound of each part gives so a bound of the score: multiplications by numbers from 0 and sums
  keep the order of numbers, and so does rounding.

  Args:
    values: (weight, values) of each part.
  """
  first, *others = (x if weight == 1 else np.float32(weight) * x for weight, x in values)
  for other in others:
    first = first + other
  return first


def stacked(parts: Sequence[Part]) -> Any:
  """The tokens of several parts of one kind, a tree of arrays (n, ...)."""
  return joined([part.tokens for part in parts])
