"""Several processes that search together find what one finds."""

import json
import threading

import jax
import numpy as np
import pytest
from jax.experimental import multihost_utils

import sign_jax
from sign_jax.errors import UserError
from sign_jax.search import processes, ranking, searcher
from sign_jax.search.entries import Entry
from sign_jax.search.queries import Query
from tests import program
from tests.search import runs

pytestmark = pytest.mark.usefixtures("quick_compile")
SHARDS = (7, 30, 1, 22)
SENTENCES = ["It will rain tonight.", "My friend eats.", "snow"]


@pytest.fixture(scope="module")
def run(data_dir, tmp_path_factory):
  folder = tmp_path_factory.mktemp("run")
  runs.make(folder, "cico", data_dir)
  return folder


@pytest.fixture(scope="module")
def index(run, tmp_path_factory):
  """Of four shards; each of the second half shows again what a clip of the first half shows."""
  model = sign_jax.load(run)
  index = sign_jax.Index.create(tmp_path_factory.mktemp("index") / "index", model)
  (width,) = model.trained.inputs["video"][0][-1:]
  features = runs.unlike(np.random.default_rng(0), sum(SHARDS) // 2, 12, width) * 2
  row = 0
  for count in SHARDS:
    some = range(row, row + count)
    clips = [Entry(f"clip {n}", f"film {n % 30}", signer="ab"[n % 2]) for n in some]
    times = [np.stack([np.arange(len(features[n])), np.arange(len(features[n])) + 1.0], 1)
             for n in some]  # fmt: skip
    index.add([features[n] for n in some], clips, times)
    row += count
  return index


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_shares_are_neighbours_that_hold_all(index, count):
  shares = [processes.share(index.store, number, count) for number in range(count)]
  row = 0
  for share in shares:
    assert share.first == row
    row += int(share.store.first[-1])
    for shard in share.store.shards:
      assert shard in index.store.shards
  assert row == sum(SHARDS) == sum(len(x) for share in shares for x in share.store.shards)
  most = max(int(share.store.first[-1]) for share in shares)
  assert most <= -(-sum(SHARDS) // count) + max(SHARDS)


class Pretended:
  """Threads in the place of processes: each has a number, and all exchange arrays."""

  def __init__(self, monkeypatch, count):
    self._own, self._given = threading.local(), [None] * count
    self._all = threading.Barrier(count, timeout=300)
    monkeypatch.setattr(jax, "process_count", lambda: count)
    monkeypatch.setattr(jax, "process_index", lambda: self._own.number)
    monkeypatch.setattr(multihost_utils, "process_allgather", self.exchange)

  def exchange(self, array):
    self._given[self._own.number] = np.asarray(array)
    self._all.wait()
    found = np.stack(self._given)
    self._all.wait()
    return found

  def __call__(self, function):
    """What a function gives in each of them; raises what one of them raises."""
    found = [None] * len(self._given)

    def work(number):
      self._own.number = number
      try:
        found[number] = function()
      except Exception as error:
        found[number] = error
        self._all.abort()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(found))]
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join()
    errors = [x for x in found if isinstance(x, Exception)]
    for error in sorted(errors, key=lambda x: isinstance(x, threading.BrokenBarrierError)):
      raise error
    return found


def facts(answer):
  """All that an answer says, but for how many clips were scored."""
  return {name: x for name, x in answer.to_json().items() if name != "scored"}


@pytest.mark.parametrize("few", [-1, 2], ids=["close", "codes"])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_their_answers_are_those_of_one(index, monkeypatch, count, few):
  monkeypatch.setattr(searcher, "_FEW", few)
  mixed = [SENTENCES[0], Query(like="clip 3"), Query("snow", like="clip 40", exclude="clip 40")]
  asked = [
      (SENTENCES, {"k": 3}), (mixed, {"k": 8}), (mixed, {"k": 100}), (SENTENCES[0], {"k": 25}),
      (mixed, {"k": 4, "only": {"signer": "b"}}), (mixed, {"k": 4, "prune": False}),
      (SENTENCES * 4, {"k": 1, "seconds": 1000.0}),
  ]  # fmt: skip
  expected = [index.search(queries, **more) for queries, more in asked]
  assert {len(answer.hits) for answer in expected[2]} == {30}  # places, of 60 clips
  together = Pretended(monkeypatch, count)
  for (queries, more), alone in zip(asked, expected, strict=True):
    for answers in together(lambda q=queries, m=more: index.search(q, spread=True, **m)):
      for answer, one in zip(answers, alone, strict=True):
        # Of two clips that show the same, and differ by rounding, either may come first.
        places = lambda x: [(hit.clip.source, hit.start, hit.end) for hit in x.hits]
        assert places(answer) == places(one)
        for hit, other in zip(answer.hits, one.hits, strict=True):
          assert hit.score == pytest.approx(other.score, abs=1e-6)
        assert answer.is_certified and one.is_certified and answer.clips == one.clips
        assert len(answer.hits) <= answer.scored <= answer.clips


def test_time_that_is_up_in_one_is_told_by_all(index, monkeypatch):
  together = Pretended(monkeypatch, 2)
  over = lambda self: jax.process_index() == 1
  monkeypatch.setattr(ranking.Deadline, "is_over", over)
  one, other = together(lambda: index.search(SENTENCES, 3, seconds=5.0, spread=True))
  for answer, same in zip(one, other, strict=True):
    assert facts(answer) == facts(same) and not answer.is_certified
  best = index.similarity(SENTENCES[:1])[:, 0].max()
  assert best <= one[0].hits[-1].score + one[0].may_miss


def test_what_differs_between_them_is_told(index, monkeypatch, tmp_path):
  together = Pretended(monkeypatch, 2)
  asked = lambda: index.search(SENTENCES[jax.process_index()], spread=True)
  with pytest.raises(UserError, match="what is searched for differs between the processes"):
    together(asked)
  with monkeypatch.context() as patch:
    patch.setattr(jax, "process_count", lambda: 1)
    copy = index.snapshot(tmp_path / "copy")
    copy.remove("clip 5")
  both = (index, copy)
  together = Pretended(monkeypatch, 2)
  with pytest.raises(UserError, match="the index differs between the processes"):
    together(lambda: both[jax.process_index()].search("snow", spread=True))


def test_videos_that_differ_between_them_are_told(index, monkeypatch):
  (width,) = index.model.trained.inputs["video"][0][-1:]
  one, other = np.random.default_rng(0).standard_normal((2, 5, width)).astype(np.float32)
  together = Pretended(monkeypatch, 2)
  search = lambda *videos: index.search(Query(video=videos[jax.process_index()]), spread=True)
  # Machines of two kinds may round differently.
  together(lambda: search(one, one * (1 + 1e-6)))
  with pytest.raises(UserError, match="give all of them the same video"):
    together(lambda: search(one, other))


def test_a_share_that_cannot_be_searched_is_told_to_all(index, monkeypatch):
  together, said = Pretended(monkeypatch, 2), []

  def look(self, states, k):
    if jax.process_index() == 1:
      raise UserError("codes.npy is damaged")

  monkeypatch.setattr(searcher.Search, "_look", look)

  def search():
    try:
      index.search("snow", spread=True)
    except UserError as error:
      said.append((jax.process_index(), str(error)))

  together(search)
  assert sorted(said) == [
      (0, "another process could not search its share of the clips: see what it says"),
      (1, "codes.npy is damaged"),
  ]


def test_bests_survive_the_exchange():
  rng = np.random.default_rng(0)
  for count, may_miss in ((0, np.inf), (3, 0.0), (5, 0.1 + 2**-40)):
    rows = rng.integers(0, 2**40, count)
    best = ranking.Best(rows, rng.random(count).astype(np.float32), 2**33, may_miss)
    found, is_over = processes._unpacked(processes._packed(best, 5, processes._OVER), 5)
    assert is_over == processes._OVER and found.scored == 2**33 and found.may_miss == may_miss
    assert found.rows.tolist() == rows.tolist() and found.scores.tolist() == best.scores.tolist()


def test_two_processes_answer_the_command(index, run, tmp_path):
  texts = [*SENTENCES[:2], "--like", "clip 3", "--top", "6"]
  out = tmp_path / "hits.json"
  status, printed, error = program.run(
      "launch.local", "--processes", 2, "--program", "sign_jax.search", "--", "query", "--index",
      index.store.folder, "--workdir", run, *texts, "--json", out,
  )  # fmt: skip
  assert status == 0, error
  assert printed.count("the exact best: ") == 2 and printed.count("wrote ") == 1
  expected = index.search([Query(text, like="clip 3") for text in SENTENCES[:2]], 6)
  for answer, one in zip(json.loads(out.read_text()), expected, strict=True):
    own = one.to_json()
    assert answer["certified"] and answer["text"] == own["text"]
    assert [x["source"] for x in answer["hits"]] == [x["source"] for x in own["hits"]]
    np.testing.assert_allclose(
        [x["score"] for x in answer["hits"]], [x["score"] for x in own["hits"]], atol=1e-6
    )
    assert [x["start"] for x in answer["hits"]] == [x["start"] for x in own["hits"]]
