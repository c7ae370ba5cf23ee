"""An index gives the evaluation's scores, in the evaluation's order, for every retrieval system."""

import shutil

import numpy as np
import pytest

import sign_jax
from sign_jax.api.retrieval import EncodedVideos
from sign_jax.errors import UserError
from sign_jax.metrics.retrieval import retrieval_metrics
from sign_jax.ops.late_interaction import late_interaction
from sign_jax.search import filling, overlaps, passes, ranking, searcher, sources
from sign_jax.search.entries import Entry
from sign_jax.search.queries import Query
from tests.search import runs

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture(scope="module", params=runs.RUNS)
def made(request, data_dir, tmp_path_factory):
  """(system, folder, task, variables) of a run, and an index of its test split."""
  folder = tmp_path_factory.mktemp(request.param)
  task, variables = runs.make(folder / "run", request.param, data_dir)
  model = sign_jax.load(folder / "run")
  index = sign_jax.Index.create(folder / "index", model)
  total, videos = sources.of_split(model, "test")
  summary = filling.fill(index, videos, total)
  assert summary.clips == total == len(index) and not summary.failed
  return request.param, folder, task, variables


@pytest.fixture(scope="module")
def index(made):
  _, folder, _, _ = made
  return sign_jax.Index.open(folder / "index", folder / "run")


@pytest.fixture(scope="module")
def expected(made):
  """(videos, sentences) of the evaluation."""
  _, _, task, variables = made
  return task.similarity(variables, "test", lambda batch: batch)


def test_scores_and_metrics_are_the_evaluations(made, index, expected):
  _, _, task, variables = made
  data = task.split("test")
  found = index.similarity(data.sentence_texts)
  assert expected.std() > 0.01
  np.testing.assert_allclose(found, expected, atol=1e-6)
  numbers = retrieval_metrics(found, data.sentence_of_video)
  results = task.evaluate(variables, "test", lambda batch: batch)
  assert numbers == pytest.approx({name: results[name] for name in numbers})
  assert list(index.store.rows) == list(data.video_ids)


def test_the_best_are_those_of_the_evaluation(made, index, expected):
  system, _, task, _ = made
  data = task.split("test")
  for k in (1, 5, 100):
    for column, answer in enumerate(index.search(data.sentence_texts, k)):
      order = np.argsort(-expected[:, column])[:k]
      found = [hit.score for hit in answer.hits]
      np.testing.assert_allclose(found, expected[order, column], atol=1e-6)
      own = [expected[index.store.rows[hit.name], column] for hit in answer.hits]
      np.testing.assert_allclose(found, own, atol=1e-6)
      assert answer.is_certified and answer.text == data.sentence_texts[column]
      assert answer.clips == len(expected) and len(found) == len(order)
  unpruned = index.search(data.sentence_texts[:2], 5, prune=False)
  for answer, other in zip(unpruned, index.search(data.sentence_texts[:2], 5), strict=True):
    assert [hit.name for hit in answer.hits] == [hit.name for hit in other.hits]


def test_only_batches_with_new_videos_are_encoded_again(made, index, expected, tmp_path):
  _, _, task, _ = made
  data = task.split("test")
  copy = index.snapshot(tmp_path / "copy")
  copy.remove([data.video_ids[-1]])
  opened = sources.open_split(copy.model, "test")
  encode, wanted = opened.task.encoded_videos, []
  opened.task.encoded_videos = lambda *x: wanted.extend(x[-1]) or encode(*x)
  summary = filling.fill(copy, opened.videos(copy.store.has_video), opened.total)
  assert summary.added == [data.video_ids[-1]] and summary.clips == 1 and not summary.failed
  assert sorted(summary.there) == sorted(data.video_ids[:-1])
  assert wanted == [(len(data.video_ids) - 1) // 8]
  np.testing.assert_allclose(copy.similarity(data.sentence_texts), expected, atol=1e-6)
  assert copy.store.entry(copy.store.rows[data.video_ids[-1]]) == index.store.entry(
      index.store.rows[data.video_ids[-1]]
  )
  again = filling.fill(copy, opened.videos(copy.store.has_video), opened.total)
  assert len(again.there) == len(data.video_ids) and len(wanted) == 1


def test_hits_say_where(made, index):
  system, _, task, _ = made
  data = task.split("test")
  (answer,) = index.search(data.sentence_texts[0], 3)
  for hit in answer.hits:
    clip = hit.clip
    assert 0 <= clip.start <= hit.start < hit.end <= clip.end and clip.split == "test"
    assert clip.text in data.sentence_texts and clip.signer
    if system == "spot_align":
      assert hit.curve is None and (hit.start, hit.end) == (clip.start, clip.end)
    else:
      assert hit.curve.shape[1] == 3 and 1 <= len(hit.curve) <= 6
      assert (np.diff(hit.curve[:, 0]) > 0).all() and hit.curve[0, 0] == clip.start


def test_curves_are_of_windows_alone(made, index):
  system, _, task, _ = made
  if system not in ("cico", "seds"):  # of whose tokens the weights are all the same
    return
  text = task.split("test").sentence_texts[1]
  (answer,), texts = index.search(text, 4), index.model.encode_texts([text]).tokens
  for hit in answer.hits:
    rows = index.store.read([index.store.rows[hit.name]], ["features", "mask"])
    there = np.flatnonzero(rows["mask"][0, 1:]) + 1  # without padding and the class token
    assert len(there) == len(hit.curve)
    video, words = rows["features"][:, there], texts.features[:, texts.mask[0]]
    even = lambda x: np.full(x.shape[:2], 1 / x.shape[1], np.float32)
    expected = 0.5 * sum(late_interaction(video, words, even(video), even(words)))[0, 0]
    assert hit.curve[:, 2].sum() == pytest.approx(float(expected), abs=1e-5)


def test_only_some_clips(made, index):
  _, _, task, _ = made
  data = task.split("test")
  signer = index.store.entry(0).signer
  (answer,) = index.search(data.sentence_texts[0], 100, only={"signer": signer})
  assert {hit.clip.signer for hit in answer.hits} == {signer}
  assert answer.clips == len(answer.hits) < len(index)
  with pytest.raises(UserError, match="has no clips with signer 'nobody'"):
    index.search("rain", only={"signer": "nobody"})
  with pytest.raises(UserError, match="clips have no 'mood'"):
    index.search("rain", only={"mood": "nobody"})


@pytest.fixture(scope="module")
def model(data_dir, tmp_path_factory):
  folder = tmp_path_factory.mktemp("one") / "run"
  runs.make(folder, "cico", data_dir)
  return sign_jax.load(folder)


@pytest.fixture
def grown(model, tmp_path):
  """An index that grew by arrays, and the features in the order in which they were added."""
  return runs.grown(model, tmp_path / "index")


SENTENCES = ["It will rain tonight.", "My friend eats.", "snow"]


def test_an_index_of_arrays_grows_and_shrinks(grown, model):
  index, features = grown
  expected = model.similarity(features, SENTENCES)
  np.testing.assert_allclose(index.similarity(SENTENCES), expected, atol=1e-6)
  best = [f"clip {row}" for row in expected.argmax(0)]
  assert [answer.hits[0].name for answer in index.search(SENTENCES)] == best
  assert index.remove(best) == len(set(best)) and best[0] not in index
  left = np.delete(expected, [int(name.split()[1]) for name in best], 0)
  for column, answer in enumerate(index.search(SENTENCES, 4)):
    found = [hit.score for hit in answer.hits]
    np.testing.assert_allclose(found, np.sort(left[:, column])[::-1][:4], atol=1e-6)
    assert answer.clips == len(left) == len(index)
  hit = index.search("rain")[0].hits[0]
  assert np.isnan(hit.start) and hit.curve is None  # no times are known


@pytest.mark.parametrize(
    ("few", "many", "idle", "names"),
    [(-1, 1000, 2, {"close"}), (2, 1000, 2, set()), (2, 4, 2, {"softmax_bounds_of"}),
     (-1, 4, -1, {"softmax_bounds_of", "close"})],
    ids=["close", "codes", "softmax", "softmax in vain"],
)  # fmt: skip
def test_every_kind_of_bounds_proves_the_same(grown, monkeypatch, few, many, idle, names):
  index, _ = grown
  expected = index.similarity(SENTENCES)
  for name, value in {"_FEW": few, "_MANY": many, "_IDLE": idle, "_PROBED": 8}.items():
    monkeypatch.setattr(searcher, name, value)
  looked = set()
  for name in ("close", "softmax_bounds_of"):
    monkeypatch.setattr(passes.Passes, name, told(looked, name, getattr(passes.Passes, name)))
  for column, answer in enumerate(index.search(SENTENCES, 7)):
    assert answer.is_certified and answer.scored <= len(index)
    assert answer.scored < 40
    found = [hit.score for hit in answer.hits]
    np.testing.assert_allclose(found, np.sort(expected[:, column])[::-1][:7], atol=1e-6)
  assert looked == names


def told(names, name, function):
  """The function, which notes its name where it is called."""
  return lambda *args, **options: names.add(name) or function(*args, **options)


def test_codes_suit_sentences_and_texts_without_words_stop_nothing(model, tmp_path):
  rng = np.random.default_rng(0)
  width = model.trained.inputs["video"][0][-1]
  features = [rng.standard_normal((5, width)).astype(np.float32) for _ in range(3)]
  bases = []
  for name, texts in {"none": ["", " ", "\0"], "some": ["", "snow", "rain tonight"]}.items():
    index = sign_jax.Index.create(tmp_path / name, model)
    index.add(features, [Entry(f"clip {n}", text=text) for n, text in enumerate(texts)])
    bases.append(index.store.basis())
    assert all(answer.is_certified for answer in index.search(SENTENCES, 2))
    copied = index.compact(tmp_path / f"{name} again").store.basis()
    np.testing.assert_allclose(np.abs((copied * bases[-1]).sum(0)), 1, atol=1e-3)
  assert not np.allclose(np.abs(bases[0]), np.abs(bases[1]), atol=1e-3)


def test_all_clips_may_be_asked_for(grown, monkeypatch):
  index, _ = grown
  monkeypatch.setattr(searcher, "_MANY", 4)
  for answer in index.search(SENTENCES[:2], len(index)):
    assert answer.is_certified and len(answer.hits) == answer.scored == len(index)


def test_an_index_that_is_built_anew_is_not_taken_for_the_old_one(model, tmp_path):
  width = model.trained.inputs["video"][0][-1]
  features = [np.ones((5, width), np.float32)]
  index = sign_jax.Index.create(tmp_path / "index", model)
  index.add(features, ["one"])
  assert not index.refresh()
  shutil.rmtree(tmp_path / "index")
  sign_jax.Index.create(tmp_path / "index", model, "float16").add(features, ["two"])
  for work in (index.refresh, lambda: index.add(features, ["three"])):
    with pytest.raises(UserError, match="was built anew, .*: open it again"):
      work()
  shutil.rmtree(tmp_path / "index")
  with pytest.raises(UserError, match="index"):
    index.refresh()


def test_clips_and_queries_of_padding_alone_are_refused(grown, model, tmp_path):
  index, features = grown
  tokens = model.encode_videos(features[:2]).tokens
  empty = EncodedVideos(tokens.replace(mask=np.zeros_like(tokens.mask)))
  with pytest.raises(UserError, match="the clip 'a' is padding alone"):
    sign_jax.Index.create(tmp_path / "other", model).add(empty, ["a", "b"])
  with pytest.raises(UserError, match="query 0 is padding alone"):
    index.search(Query(video=empty[0]))


def test_a_query_encoded_in_another_precision_is_read_in_the_models(grown, model):
  index, features = grown
  given = model.encode_videos(features[:1])
  narrow = given.tokens.replace(features=given.tokens.features.astype(np.float16))
  (answer,) = index.search(Query(video=EncodedVideos(narrow)), 3)
  (same,) = index.search(Query(video=given), 3)
  assert [x.name for x in answer.hits] == [x.name for x in same.hits] and answer.is_certified


def test_time_that_is_up_is_told(grown):
  index, _ = grown
  (proved,), (late,) = index.search("rain", 3), index.search("rain", 3, seconds=0.0)
  assert proved.is_certified and len(late.hits) == 3
  assert late.is_certified or late.hits[-1].score + late.may_miss >= proved.hits[-1].score
  (none,) = index.search("rain", 3, seconds=0.0, only={"split": ""})
  assert none.clips == len(index)


def test_half_the_room_changes_scores_a_little(grown, model, tmp_path):
  index, features = grown
  half = sign_jax.Index.create(tmp_path / "half", model, "float16")
  half.add(features, [f"clip {n}" for n in range(len(features))])
  exact, found = index.similarity(SENTENCES), half.similarity(SENTENCES)
  assert 0 < np.abs(exact - found).max() < 1e-3
  for column, answer in enumerate(half.search(SENTENCES, 5)):
    np.testing.assert_allclose(
        [hit.score for hit in answer.hits], np.sort(found[:, column])[::-1][:5], atol=1e-6
    )


def test_two_that_begin_an_index_share_its_codes(model, tmp_path):
  one = sign_jax.Index.create(tmp_path / "index", model)
  other = sign_jax.Index.open(tmp_path / "index", model)
  (width,) = model.trained.inputs["video"][0][-1:]
  features = runs.unlike(np.random.default_rng(1), 8, 5, width)
  for index, part in ((one, 0), (other, 4)):
    index.add(features[part : part + 4], [f"clip {n}" for n in range(part, part + 4)])
  expected = other.similarity(SENTENCES)
  assert len(expected) == 8
  for column, answer in enumerate(other.search(SENTENCES, 8)):
    found = [hit.score for hit in answer.hits]
    np.testing.assert_allclose(found, np.sort(expected[:, column])[::-1], atol=1e-6)


def test_the_index_of_another_run_is_refused(grown, data_dir, tmp_path):
  index, _ = grown
  runs.make(tmp_path / "other", "cico", data_dir, seed=1)
  other = sign_jax.load(tmp_path / "other")
  for way in (sign_jax.Index.open, lambda *x: sign_jax.Index.open(*x).similarity(["rain"])):
    with pytest.raises(UserError, match="a model of other weights than .*other has: pass"):
      way(index.store.folder, other)
  changed = sign_jax.load(tmp_path / "other", config={"data.alpha": 0.5})
  with pytest.raises(UserError, match="of other weights and settings than"):
    sign_jax.Index.open(index.store.folder, changed)


@pytest.mark.parametrize("weight", [np.inf, -0.5, 2.0**127])
def test_weights_that_no_bound_allows_for_are_told(grown, weight):
  index, _ = grown
  path = index.store.shards[1].folder / "weights.npy"
  content = bytearray(path.read_bytes())
  content[-4:] = np.float32(weight).tobytes()
  path.write_bytes(content)
  again = sign_jax.Index.open(index.store.folder, index.model)
  with pytest.raises(UserError, match="holds weights that are no shares"):
    again.search(SENTENCES)


@pytest.mark.parametrize("prune", [True, False])
def test_fewer_places_than_asked_for_prove_nothing_when_time_is_up(grown, monkeypatch, prune):
  index, _ = grown
  monkeypatch.setattr(overlaps, "distinct", lambda spans: [0])  # all show one place
  late = iter([False] * 2)
  monkeypatch.setattr(ranking.Deadline, "is_over", lambda self: next(late, True))
  (answer,) = index.search(SENTENCES[:1], 2, seconds=1.0, prune=prune)
  assert len(answer.hits) == 1 and not answer.is_certified


@pytest.mark.parametrize("field", ["features", "codes", "weights"])
def test_a_damaged_number_is_told_and_found(grown, field):
  index, _ = grown
  path = index.store.shards[1].folder / f"{field}.npy"
  content = bytearray(path.read_bytes())
  content[-4:] = np.float32(np.nan).tobytes()
  path.write_bytes(content)
  again = sign_jax.Index.open(index.store.folder, index.model)
  said = "(are no numbers|are no shares): `python -m sign_jax.search verify` tells"
  with pytest.raises(UserError, match=said):
    again.search(text for text in SENTENCES)
  (fault,) = again.verify()
  assert fault.startswith(str(path)) and "digest differs" in fault


def test_mistakes_are_one_sentence(grown, model, tmp_path):
  index, features = grown
  one = [min(features, key=len)]
  closed = sign_jax.Index.open(index.store.folder)
  for call, words in (
      (lambda: index.add(one, ["clip 3"]), "the clip 'clip 3' is in .* already"),
      (lambda: index.add(one, []), "1 videos, 0 clips and 0 times"),
      (lambda: index.add(one, ["a"], [np.zeros((50, 2))]), "windows and 6 times"),
      (lambda: index.add(one, ["a"], [np.zeros(3)]), "are no array"),
      (lambda: index.add([one[0] * np.nan], ["a"]), "not all finite"),
      (lambda: index.search("rain", 0), "k=0 must be"),
      (lambda: index.search("rain", seconds=float("nan")), "seconds=nan must not"),
      (lambda: index.search(" "), "has no words"),
      (lambda: closed.search("rain"), "opened without its model"),
      (lambda: sign_jax.Index.create(tmp_path / "x", model, "int8"), "'int8' is not one of exact"),
      (lambda: sign_jax.Index.create(index.store.folder, model), "holds an index already"),
  ):  # fmt: skip
    with pytest.raises(UserError, match=words):
      call()
  assert len(closed) == len(index) == len(features)
