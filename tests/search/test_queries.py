"""Videos as queries, and videos with sentences: what is scored, and that it is proved."""

import jax
import numpy as np
import pytest

import sign_jax
from sign_jax.errors import UserError
from sign_jax.search import searcher
from sign_jax.search.entries import Entry
from sign_jax.search.queries import Query
from tests.search import runs

pytestmark = pytest.mark.usefixtures("quick_compile")
CLIPS, LENGTH = 45, 12
SENTENCE = "It will rain tonight."


@pytest.fixture(scope="module", params=["cico", "upret", "spot_align"])
def made(request, data_dir, tmp_path_factory):
  """(index of clips with times, their features, their tokens)."""
  folder = tmp_path_factory.mktemp(request.param)
  runs.make(folder / "run", request.param, data_dir)
  model = sign_jax.load(folder / "run")
  (width,) = model.trained.inputs["video"][0][-1:]
  features = runs.unlike(np.random.default_rng(0), CLIPS, LENGTH, width)
  tokens = model.encode_videos(features)
  index = sign_jax.Index.create(folder / "index", model)
  times = [np.stack([np.arange(len(x)), np.arange(len(x)) + 1.0], 1) for x in features]
  clips = [Entry(f"clip {n}", f"film {n // 3}", 10.0 * (n % 3)) for n in range(CLIPS)]
  clips = [clip._replace(end=clip.start + 9) for clip in clips]
  moved = [x + clip.start for x, clip in zip(times, clips, strict=True)]
  for part in (slice(0, 20), slice(20, CLIPS)):
    index.add(tokens[part], clips[part], moved[part])
  return index, features, tokens


def brute_force(index, tokens, one):
  """(CLIPS,) scores of all clips with the tokens of a query, by the module itself."""
  module, variables = index.model.trained.model, index.model.variables
  apply = jax.jit(lambda *args: module.apply(*args, method="score"))
  return np.asarray(apply(variables, tokens.tokens, one))[:, 0]


def check(index, answer, expected, k):
  """The k best of all, proved."""
  order = np.argsort(-expected)[:k]
  assert [hit.name for hit in answer.hits] == [f"clip {n}" for n in order]
  np.testing.assert_allclose([x.score for x in answer.hits], expected[order], atol=2e-6)
  assert answer.is_certified and answer.clips == CLIPS


@pytest.mark.parametrize("few", [-1, 2], ids=["close", "codes"])
def test_a_video_takes_the_place_of_a_sentence(made, few, monkeypatch):
  index, features, tokens = made
  monkeypatch.setattr(searcher, "_FEW", few)
  numbers = (0, 7, 44)
  expected = [brute_force(index, tokens, tokens[n].tokens) for n in numbers]
  like = [Query(like=f"clip {n}") for n in numbers]
  np.testing.assert_allclose(index.similarity(like), np.stack(expected, 1), atol=2e-6)
  given = [Query(video=features[n]) for n in numbers]
  ready = [Query(video=tokens[n]) for n in numbers]
  for queries in (like, given, ready):
    for answer, scores in zip(index.search(queries, 6), expected, strict=True):
      check(index, answer, scores, 6)
  for number, answer in zip(numbers, index.search(like, 1), strict=True):
    assert answer.hits[0].name == f"clip {number}" and answer.text == f"like clip {number}"


def test_a_sentence_and_a_video_are_weighted(made, monkeypatch):
  index, features, tokens = made
  of_text = index.similarity([SENTENCE])[:, 0]
  of_video = brute_force(index, tokens, tokens[3].tokens)
  mixed = lambda weight: Query(SENTENCE, like="clip 3", text_weight=weight)
  for few in (-1, 2):
    monkeypatch.setattr(searcher, "_FEW", few)
    # Sentences and videos beside each other too.
    answers = index.search([mixed(0.3), SENTENCE, mixed(1), Query(video=features[3]), mixed(0)], 5)
    for answer, weight in zip(answers, (0.3, 1, 1, 0, 0), strict=True):
      check(index, answer, weight * of_text + (1 - weight) * of_video, 5)
  assert answers[0].text == f"{SENTENCE} + like clip 3" and answers[3].text == "a video"
  unpruned = index.search(mixed(0.3), 5, prune=False)[0]
  check(index, unpruned, 0.3 * of_text + 0.7 * of_video, 5)
  (hit,) = index.ranked(mixed(0.3), [hit.name for hit in unpruned.hits[:1:-1]], 1)
  assert hit.name == unpruned.hits[2].name and hit.start == unpruned.hits[2].start
  assert hit.score == pytest.approx(unpruned.hits[2].score, abs=1e-6)


def test_clips_are_left_out(made):
  index, _, _ = made
  (whole,) = index.search(Query(like="clip 7"), CLIPS)
  names = [hit.name for hit in whole.hits]
  for exclude, gone in (
      ("clip 7", {"clip 7"}), (["clip 7", "clip 30"], {"clip 7", "clip 30"}),
      (("film 2", "clip 0"), {"clip 0", "clip 6", "clip 7", "clip 8"}),
  ):  # fmt: skip
    answer, other = index.search([Query(like="clip 7", exclude=exclude), SENTENCE], CLIPS)
    assert [hit.name for hit in answer.hits] == [x for x in names if x not in gone]
    assert answer.clips == CLIPS - len(gone) and other.clips == CLIPS
  (none,) = index.search(Query("rain", exclude=[f"clip {n}" for n in range(CLIPS)]))
  assert not none.hits and none.is_certified and none.clips == 0


def test_curves_say_where_a_video_is_alike(made):
  index, features, _ = made
  (answer,) = index.search(Query(like="clip 7"), 3)
  for hit in answer.hits:
    if index.model.system == "spot_align":
      assert hit.curve is None
      continue
    number = int(hit.name.split()[1])
    assert len(hit.curve) == min(len(features[number]), 6)
    assert hit.clip.start <= hit.start < hit.end <= hit.clip.start + LENGTH
  if index.model.system == "spot_align":
    return
  mixed = index.search(Query("rain", like="clip 7", text_weight=0.25), CLIPS)[0].hits[0]
  curves = [
      {hit.name: hit.curve for hit in index.search(query, CLIPS)[0].hits}[mixed.name][:, 2]
      for query in ("rain", Query(like="clip 7"))
  ]
  np.testing.assert_allclose(mixed.curve[:, 2], 0.25 * curves[0] + 0.75 * curves[1], atol=1e-6)


def test_the_place_is_where_a_video_is_alike(made, tmp_path):
  index, _, tokens = made
  if index.model.system != "cico":
    return
  rng = np.random.default_rng(1)
  whole = [n for n in range(CLIPS) if tokens.tokens.mask[n, 1:].all()][:2]
  clip, query = (tokens[n].tokens for n in whole)
  features = rng.standard_normal(clip.features.shape).astype(np.float32)
  sign = rng.standard_normal(features.shape[-1])
  features[:, -2:] = sign  # its last two windows show what the query shows all the time
  other = sign_jax.Index.create(tmp_path / "index", index.model)
  times = np.stack([np.arange(6), np.arange(6) + 1.0], 1)
  other.add(type(tokens)(clip.replace(features=features)), ["one"], [times])
  same = query.replace(features=np.broadcast_to(sign, features.shape).astype(np.float32))
  (answer,) = other.search(Query(video=type(tokens)(same)), 1)
  assert (answer.hits[0].start, answer.hits[0].end) == (4, 6)


@pytest.mark.parametrize(("make", "words"), [
    (lambda x: Query(), "needs a text, a video, or a clip"),
    (lambda x: Query(video=x[1][0], like="clip 1"), "one video: pass video or like"),
    (lambda x: Query("a", like="clip 1", text_weight=1.5), "text_weight=1.5 must be a number from"),
    (lambda x: Query("a", like="clip 1", text_weight=np.nan), "text_weight=nan must be"),
    (lambda x: Query(like="clip 99"), r"has no clip 'clip 99' .did you mean 'clip"),
    (lambda x: Query("a", exclude="clip 99"), "no clip and no video 'clip 99' to be left out"),
    (lambda x: Query(" "), "has no words"),
    (lambda x: Query(video=x[1][0][:, :3]), "has 3 channels, and the model reads"),
    (lambda x: Query(video=x[2][:2]), "one video, and not 2"),
    (lambda x: Query(video=np.inf * x[1][0]), "not all finite"),
    (lambda x: Query(video=type(x[2])(jax.tree.map(lambda y: y[..., :2], x[2][:1].tokens))),
     "is of another model"),
    (lambda x: Query(video=type(x[2])(jax.tree.map(
        lambda y: y * np.nan if y.ndim == 3 else y, x[2][:1].tokens))) if x[2].tokens.__class__
     is not np.ndarray else Query(video=type(x[2])(x[2][:1].tokens * np.nan)),
     "no finite numbers of query 0"),
    (lambda x: 3, "is no sentence, no Query"),
    (lambda x: [3], "text is a str, and not 3"),
])  # fmt: skip
def test_mistakes_are_one_sentence(made, make, words):
  with pytest.raises(UserError, match=words):
    made[0].search(make(made))
