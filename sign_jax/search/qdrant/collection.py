"""A collection of an index's clips: what is stored of them, and how they get there.

A point has the number of a clip's row, its name, source, split and signer, of which index and run
it is, and two vectors:

    pooled  the mean of the clip's tokens, each of length 1, by their weights; with HNSW;
    tokens  the tokens themselves, a multivector compared by MaxSim; without HNSW, as they only
            score what `pooled` has found.

The distance is the dot product for both: a sentence's mean and a clip's have the mean of all
similarities as their product, and a word's weight is a factor of its token.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Float32
from tqdm import tqdm

from sign_jax.errors import UserError
from sign_jax.ops.late_interaction import normalize
from sign_jax.search.index import Index
from sign_jax.search.qdrant import connection

POOLED, TOKENS = "pooled", "tokens"
_NAME, _INDEX, _RUN = "name", "index", "run"  # beside FILTERS
FILTERS = ("source", "split", "signer")
NAME = "sign_jax"  # of the collection, unless another one is named
MOST_LOCAL = 20_000  # points, for which the local mode is made
_MOST_NUMBERS = 1_048_576  # of a multivector, Qdrant's own bound
_REQUEST = 400_000  # numbers of a request: some megabytes of JSON, below a server's 32


class Place(NamedTuple):
  """A collection: `qdrant_client.QdrantClient` and a name."""

  client: Any
  name: str = NAME

  def __str__(self) -> str:
    return f"the collection {self.name}"


def upload(index: Index, place: Place, replace: bool = False) -> int:
  """Puts all clips of an index into a collection, which is made where it is not there.

  A second upload replaces what is there, and takes out what the index has no more.

  Args:
    index: of CiCo's, UPRet's or SEDS's tokens.
    place: `Place`.
    replace: whether the clips of another index, or of another run, give way.

  Returns:
    the number of clips.

  Raises:
    UserError: the index has no tokens, the collection is of another kind or holds the clips of
      another index, Qdrant does not answer.
  """
  fields = check(index)
  tokens, width = fields["features"].shape
  there = index.store.there()
  rows = np.flatnonzero(there)
  if not len(rows):
    raise UserError(f"{index.store.folder} has no clips to upload")
  with connection.told(place):
    _make(place, width)
    if not replace:
      _check_own(index, place)
    size = max(1, _REQUEST // (tokens * width))
    with tqdm(total=len(rows), desc="uploading", unit="clip", mininterval=1) as bar:
      for start in range(0, len(rows), size):
        some = rows[start : start + size]
        place.client.upsert(place.name, _points(index, some), wait=True)
        bar.update(len(some))
    gone = np.flatnonzero(~there).tolist()
    models = connection.models()
    # Rows behind the last one are of an index that was here before.
    behind = models.Filter(must_not=[models.HasIdCondition(has_id=rows.tolist())])
    if gone or place.client.count(place.name).count > len(rows):
      place.client.delete(place.name, models.FilterSelector(filter=behind), wait=True)
  return len(rows)


def check(index: Index) -> dict:
  """The fields of an index of tokens.

  Raises:
    UserError: it has none, or more in a clip than Qdrant takes.
  """
  fields = index.store.manifest.fields
  if "codes" not in fields:
    raise UserError(
        f"{index.store.folder} has one vector for a clip, and no tokens: search it without Qdrant"
    )
  if np.prod(fields["features"].shape) > _MOST_NUMBERS:
    raise UserError(f"Qdrant takes at most {_MOST_NUMBERS} numbers of a clip: leave it out")
  return fields


def _make(place, width):
  """The collection, new or as it is there."""
  client, models = place.client, connection.models()
  vector = lambda **options: models.VectorParams(
      size=width, distance=models.Distance.DOT, **options
  )
  if client.collection_exists(place.name):
    found = client.get_collection(place.name).config.params.vectors
    sizes = {key: x.size for key, x in found.items()} if isinstance(found, dict) else {}
    if sizes != {POOLED: width, TOKENS: width}:
      raise UserError(
          f"{place} is there already and holds other vectors: pass another --collection"
      )
    return
  client.create_collection(
      place.name,
      vectors_config={
          POOLED: vector(),
          TOKENS: vector(
              multivector_config=models.MultiVectorConfig(
                  comparator=models.MultiVectorComparator.MAX_SIM
              ),
              hnsw_config=models.HnswConfigDiff(m=0), on_disk=True,
              datatype=models.Datatype.FLOAT16,
          ),
      },
  )  # fmt: skip
  if not connection.is_local(client):
    for field in (*FILTERS, _INDEX, _RUN):
      client.create_payload_index(place.name, field, models.PayloadSchemaType.KEYWORD)


def origin(index: Index) -> dict[str, str]:
  """Of which index and of which run its points are, as these say it; it needs a clip or more."""
  header = index.store.manifest
  run = json.dumps(header.run, sort_keys=True)
  # The name of a shard is drawn. Copies of an index by `snapshot` have the same.
  return {_INDEX: header.shards[0].name, _RUN: hashlib.sha256(run.encode()).hexdigest()}


def _check_own(index, place):
  """Raises UserError where a collection holds points that are not of this index."""
  models = connection.models()
  for key, value in origin(index).items():
    other = models.Filter(must_not=[_match(key, value)])
    points, _ = place.client.scroll(place.name, scroll_filter=other, limit=1, with_payload=False)
    if points:
      raise UserError(
          f"{place} holds clips of another {key} than {index.store.folder}: pass another "
          "--collection, or --replace to delete them"
      )


def _match(key, value):
  models = connection.models()
  return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def _points(index, rows):
  models, store, own = connection.models(), index.store, origin(index)
  arrays = store.read(rows, ["features", "weights", "mask"])
  tokens = unit(arrays["features"])
  found = []
  for i, row in enumerate(rows.tolist()):
    entry = store.entry(row)
    kept = tokens[i]
    if index.model.trained.model.mask_padding:  # padding has no part in the maxima
      kept = kept[arrays["mask"][i]]
    vectors = {
        POOLED: (arrays["weights"][i].astype(np.float32) @ tokens[i]).tolist(),
        TOKENS: kept.tolist(),
    }
    payload = {_NAME: entry.name, **own, **{field: getattr(entry, field) for field in FILTERS}}
    found.append(models.PointStruct(id=row, vector=vectors, payload=payload))
  return found


def unit(tokens: Float[np.ndarray, "n N D"]) -> Float32[np.ndarray, "n N D"]:
  """Tokens of length 1."""
  return np.asarray(jax.device_get(normalize(np.asarray(tokens, np.float32))))


def candidates(
    place: Place, tokens: Any, count: int, rescored: int = 0, only: dict[str, str] | None = None
) -> list[tuple[int, dict[str, str]]]:
  """(row, payload) of the clips that Qdrant finds for a sentence, best first.

  Args:
    place: `Place`.
    tokens: of one sentence, `systems.cico.model.Tokens` (1, ...).
    count: at most.
    rescored: of so many found by the pooled vector, the best by MaxSim are taken; 0 takes those
      that the pooled vector finds.
    only: {"source", "split" or "signer": value}.

  Raises:
    UserError: Qdrant does not answer, or knows no such collection.
  """
  models = connection.models()
  words, weights = unit(tokens.features)[0], np.asarray(tokens.weights, np.float32)[0]
  pooled = (weights @ words).tolist()
  chosen = _filter(models, only or {})
  payload = {"with_payload": [_NAME, _RUN], "query_filter": chosen, "limit": count}
  with connection.told(place):
    if not rescored:
      found = place.client.query_points(place.name, query=pooled, using=POOLED, **payload)
    else:
      is_word = weights > 0
      folded = (words * weights[:, None])[is_word].tolist()
      first = models.Prefetch(
          query=pooled, using=POOLED, limit=max(rescored, count), filter=chosen
      )
      found = place.client.query_points(
          place.name, prefetch=first, query=folded, using=TOKENS, **payload
      )
  return [(point.id, point.payload or {}) for point in found.points]


def _filter(models, only):
  if not only:
    return None
  unknown = set(only) - set(FILTERS)
  if unknown:
    raise UserError(f"clips have no {sorted(unknown)[0]}: choose by {', '.join(FILTERS)}")
  return models.Filter(must=[_match(*item) for item in only.items()])


def rows_of(
    index: Index, found: Sequence[tuple[int, dict[str, str]]], place: Place
) -> list[int]:
  """Rows of candidates, as far as the index still has them.

  Raises:
    UserError: the collection holds the clips of another index, or vectors of another run.
  """
  if not found:
    return []
  there, run, rows = index.store.there(), origin(index)[_RUN], []
  for row, payload in found:
    is_row = type(row) is int and 0 <= row < len(there)
    is_own = is_row and index.store.entry(row).name == payload.get(_NAME)
    if not is_own or payload.get(_RUN) != run:
      raise UserError(
          f"{place} holds clips of another {'run' if is_own else 'index'} than "
          f"{index.store.folder}: upload this one, or pass another --collection"
      )
    if there[row]:
      rows.append(row)
  return rows
