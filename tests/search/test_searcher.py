"""What a search promises beside its hits: time, counts, and that nobody disturbs it."""

import functools
import threading

import jax
import numpy as np
import pytest

import sign_jax
from sign_jax.api.retrieval import EncodedVideos
from sign_jax.errors import UserError
from sign_jax.search import bound, fields, manifest, passes, ranking, searcher
from sign_jax.search import queries as query_module
from sign_jax.search.queries import Query
from sign_jax.search.scorer import Scorer
from tests.search import runs

pytestmark = pytest.mark.usefixtures("quick_compile")
SENTENCES = ["It will rain tonight.", "My friend eats.", "snow"]


@pytest.fixture(scope="module")
def model(data_dir, tmp_path_factory):
  folder = tmp_path_factory.mktemp("one") / "run"
  runs.make(folder, "cico", data_dir)
  return sign_jax.load(folder)


@pytest.fixture(scope="module")
def spot_align(data_dir, tmp_path_factory):
  folder = tmp_path_factory.mktemp("two") / "run"
  runs.make(folder, "spot_align", data_dir)
  return sign_jax.load(folder)


@pytest.fixture(scope="module")
def index(model, tmp_path_factory):
  """Nobody adds to it."""
  return runs.grown(model, tmp_path_factory.mktemp("index") / "index")[0]


@pytest.mark.parametrize("prune", [True, False])
def test_every_clip_that_is_scored_is_counted_once(index, monkeypatch, prune):
  asked, score = [], Scorer.__call__

  def counted(self, arrays, texts):
    asked.append(len(arrays["mask"]))
    return score(self, arrays, texts)

  monkeypatch.setattr(Scorer, "__call__", counted)
  monkeypatch.setattr(searcher, "_FEW", -1)  # clips are scored for a close look, and after it
  for text in SENTENCES:
    asked.clear()
    (answer,) = index.search(text, 3, prune=prune)
    assert answer.scored == sum(asked) and answer.is_certified


def test_many_hits_are_read_in_pieces(model, tmp_path, monkeypatch):
  index, features = runs.grown(model, tmp_path / "index")
  more = sign_jax.Index.create(tmp_path / "more", model)
  times = [np.stack([np.arange(len(x)), np.arange(len(x)) + 1.0], 1) for x in features]
  more.add(features, list(index.store.rows), times)
  expected, names = more.search(SENTENCES, 500), list(more.store.rows)
  monkeypatch.setattr(ranking, "PIECE", 16)
  read, sizes = type(more.store).read, []
  monkeypatch.setattr(
      type(more.store), "read",
      lambda self, rows, fields: (
          sizes.append(len(rows) if "features" in fields else 0) or read(self, rows, fields)
      ),
  )
  found = more.search(SENTENCES, 500), [more.ranked(text, names, 500) for text in SENTENCES]
  assert max(sizes) == 16 and len(expected[0].hits) == len(names)
  for answer, same, hits in zip(expected, *found, strict=True):
    assert same.is_certified
    for other in (same.hits, hits):
      assert [x.name for x in other] == [x.name for x in answer.hits]
      scores = [[x.score for x in hits] for hits in (other, answer.hits)]
      np.testing.assert_allclose(*scores, atol=1e-6)
      assert [x.start for x in other] == [x.start for x in answer.hits]


@pytest.fixture
def clock(monkeypatch):
  """A list of the seconds that it is; a search reads the first one."""
  now = [0.0]
  monkeypatch.setattr(ranking.time, "monotonic", lambda: now[0])
  return now


def passing(monkeypatch, clock, holder, name, seconds):
  """Lets so many seconds pass in each call of a function; returns the list of its calls."""
  calls, function = [], getattr(holder, name)

  def slow(*args, **options):
    calls.append(args)
    clock[0] += seconds
    return function(*args, **options)

  monkeypatch.setattr(holder, name, slow)
  return calls


def test_the_time_of_the_encoder_counts(index, clock, monkeypatch):
  passing(monkeypatch, clock, type(index.model), "encode_texts", 2.0)
  looks = passing(monkeypatch, clock, passes.Passes, "close", 0.0)
  first, second = index.search(SENTENCES[:2], 3, seconds=1.0)
  assert len(first.hits) == 3 and first.scored == 16 and not looks
  assert not second.hits and not second.scored and second.may_miss == np.inf
  assert second.clips == len(index) and second.text == SENTENCES[1]


def test_time_is_of_all_sentences_together(index, clock, monkeypatch):
  texts = [f"{text} {number}" for number in range(7) for text in SENTENCES]  # three groups
  looks = passing(monkeypatch, clock, passes.Passes, "bounds", 1.0)
  passing(monkeypatch, clock, Scorer, "__call__", 0.1)
  answers = index.search(texts, 2, seconds=1.55)
  has_hits = [bool(answer.hits) for answer in answers]
  assert len(looks) == 1 and has_hits == sorted(has_hits, reverse=True)
  assert 0 < sum(has_hits) < 8 and not any(x.is_certified for x in answers if not x.hits)
  assert all(x.is_certified for x in index.search(texts[:9], 2, seconds=100.0))


def test_a_look_that_is_not_finished_proves_nothing(index, clock, monkeypatch):
  monkeypatch.setattr(bound, "tile_clips", lambda *sizes: 16)
  monkeypatch.setattr(bound, "BLOCKS", 1)
  monkeypatch.setattr(passes, "_TILE", 16)
  for prune, (holder, name) in {True: (bound, "upper"), False: (Scorer, "__call__")}.items():
    with monkeypatch.context() as patch:
      calls = passing(patch, clock, holder, name, 1.0)
      (answer,) = index.search("rain", 3, seconds=2.5, prune=prune)
      assert len(calls) >= 3 and len(answer.hits) == 3 and answer.may_miss == np.inf
      rows = [index.store.rows[hit.name] for hit in answer.hits]
      assert max(rows) < 48 and answer.scored <= 48
      expected = index.similarity(["rain"])[:48, 0]
    np.testing.assert_allclose(
        [hit.score for hit in answer.hits], np.sort(expected)[::-1][:3], atol=1e-6
    )


def test_others_add_and_remove_while_it_searches(model, tmp_path, monkeypatch):
  index, features = runs.grown(model, tmp_path / "index")
  expected = [x.hits[0].name for x in index.search(SENTENCES)]
  errors, begin = [], searcher.Search.__init__
  gone, names = iter(dict.fromkeys(expected)), iter(["new", "newer"])

  def disturbed(self, tools, store, rows, *more):
    # Between what a search reads first and what it reads later.
    name = next(names)
    thread = threading.Thread(target=add, args=(name,))
    thread.start()
    thread.join()
    assert name in index and name not in store.rows
    begin(self, tools, store, rows, *more)

  def add(name):
    try:
      index.add([features[0]], [name])
      index.remove([next(gone)])
    except Exception as error:
      errors.append(error)

  index.add([features[1]], ["first of them"])
  monkeypatch.setattr(searcher.Search, "__init__", disturbed)
  for k in (1, 200):
    there = set(index.store.rows)
    for answer in index.search(SENTENCES, k):
      assert answer.clips == len(there) and {hit.name for hit in answer.hits} <= there
      assert answer.is_certified and not errors


def test_weights_that_are_no_shares_are_refused(model, index, tmp_path):
  (width,) = model.trained.inputs["video"][0][-1:]
  tokens = model.encode_videos(runs.unlike(np.random.default_rng(0), 3, 5, width)).tokens
  for factor in (10.0, -1.0, 0.5):
    bad = EncodedVideos(tokens.replace(weights=tokens.weights * [[1], [factor], [1]]))
    with pytest.raises(UserError, match="weights of the clip 'b' are no shares that sum to 1"):
      sign_jax.Index.open(index.store.folder, model).add(bad, ["a", "b", "c"])
  copy = index.snapshot(tmp_path / "copy")
  path = copy.store.shards[1].folder / "weights.npy"
  content = bytearray(path.read_bytes())
  count = content.count(np.float32(1).tobytes())
  path.unlink()
  content[-8:] = np.float32([1, 1]).tobytes()
  path.write_bytes(content)
  assert count < content.count(np.float32(1).tobytes())
  with pytest.raises(UserError, match="weights of a clip that sum to more than 1"):
    copy.search(SENTENCES)


def test_vectors_that_float16_has_no_number_for_are_refused(spot_align, tmp_path):
  index = sign_jax.Index.create(tmp_path / "half", spot_align, "float16")
  (width,) = spot_align.trained.inputs["video"][0][-1:]
  tokens = spot_align.encode_videos(runs.unlike(np.random.default_rng(0), 2, 5, width)).tokens
  with pytest.raises(UserError, match="in float16 the vector of the clip 'a' are not finite: make"):
    index.add(EncodedVideos(1e6 * tokens), ["a", "b"])
  index.add(EncodedVideos(tokens), ["a", "b"])
  assert len(index) == 2


@pytest.mark.parametrize(("field", "dtype"), [
    ("times", "bool"), ("times", "float32"), ("features", "int32"), ("features", "float64"),
    ("mask", "float32"), ("codes", "float32"), ("weights", "bool"), ("features", "bfloat16"),
])  # fmt: skip
def test_fields_of_other_dtypes_are_refused(index, model, field, dtype, tmp_path):
  header = index.store.manifest
  changed = {**header.fields, field: manifest.Field(header.fields[field].shape, dtype)}
  store = type(index.store).create(tmp_path / "index", header._replace(fields=changed, shards=()))
  if dtype == "bfloat16":  # as a model on an accelerator makes them
    fields.check(store, model)
    return
  with pytest.raises(UserError, match="arrays of other shapes or dtypes"):
    fields.check(store, model)


def test_bounds_hold_for_tokens_of_another_precision(model, index, tmp_path):
  header = index.store.manifest
  changed = {**header.fields, "features": header.fields["features"]._replace(dtype="bfloat16")}
  index = sign_jax.Index(
      type(index.store).create(
          tmp_path / "index", header._replace(fields=changed, shards=(), basis=None)
      ), model,
  )  # fmt: skip
  (width,) = model.trained.inputs["video"][0][-1:]
  features = runs.unlike(np.random.default_rng(4), 40, 12, width)
  index.add(features, [str(number) for number in range(40)])
  scores = index.similarity(SENTENCES)
  assert 1e-5 < np.abs(scores - model.similarity(features, SENTENCES)).max() < 0.02
  for column, answer in enumerate(index.search(SENTENCES, 5)):
    found = [hit.score for hit in answer.hits]
    np.testing.assert_allclose(found, np.sort(scores[:, column])[::-1][:5], atol=1e-6)
    assert answer.is_certified


@pytest.mark.parametrize("kind", ["a search", "an addition", "a copy"])
def test_bounds_hold_for_half_tokens_and_a_model_of_another_precision(model, kind, tmp_path):
  folder = model.trained.workdir
  hard = {"model.token_pooling": "max"}  # nothing is between the score and its largest bound
  wide, narrow = (
      sign_jax.load(folder, config=hard | {"model.dtype": x}) for x in ("float32", "bfloat16")
  )
  index = sign_jax.Index.create(tmp_path / "index", wide, "float16")
  rng, tokens = np.random.default_rng(5), model.encode_videos(
      runs.unlike(np.random.default_rng(4), 150, 12, model.trained.inputs["video"][0][-1])
  ).tokens
  tokens = tokens.replace(features=rng.standard_normal(tokens.features.shape).astype(np.float32))
  adding = sign_jax.Index(index.store, narrow if kind == "an addition" else wide)
  adding.add(EncodedVideos(tokens), [f"clip {n}" for n in range(150)])
  if kind == "a copy":
    adding = sign_jax.Index(adding.store, narrow).compact(tmp_path / "copy")
  searched = sign_jax.Index(adding.store, narrow if kind == "a search" else wide)
  queries = [Query(like=f"clip {n}") for n in range(8)]  # bounds of a clip itself are closest
  scores, tools = searched.similarity(queries), searched._tools
  prepared = query_module.prepare(queries, searched.model, searched.store, tools.scorer)
  look = functools.partial(tools.passes.bounds, searched.store, is_over=lambda: False)
  upper = searcher.of_parts(prepared, look).values
  assert (upper.T >= scores).all()


def test_few_programs_serve_all_numbers_of_sentences(index, monkeypatch):
  sizes = set()
  upper = bound.upper
  count = lambda *args, query, **more: sizes.add(len(jax.tree.leaves(query)[0])) or upper(
      *args, query=query, **more
  )
  monkeypatch.setattr(bound, "upper", count)
  for number in (1, 2, 3, 5, 7):
    index.search([*SENTENCES * 3][:number], 1)
  assert sizes == {1, 2, 4, 8}


def test_no_bound_is_trusted_where_none_was_shown_to_hold(index, model, monkeypatch):
  with monkeypatch.context() as patch:
    patch.setattr(jax, "default_backend", lambda: "tpu")
    elsewhere = sign_jax.Index(index.store, model)
    elsewhere._tools  # noqa: B018 - made there
  (answer,), (pruned,) = elsewhere.search("rain", 3), index.search("rain", 3)
  assert answer.scored == len(index) and answer.is_certified
  assert [hit.name for hit in answer.hits] == [hit.name for hit in pruned.hits]
