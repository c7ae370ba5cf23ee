"""An index gives the evaluation's scores, in the evaluation's order, for every retrieval system."""

import numpy as np
import pytest

import sign_jax
from sign_jax.errors import UserError
from sign_jax.metrics.retrieval import retrieval_metrics
from sign_jax.search import filling, sources
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


@pytest.fixture
def one(made):
  """Of one system alone."""
  if made[0] != "cico":
    pytest.skip("once is enough")
  return made
