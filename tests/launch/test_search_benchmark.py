"""The benchmark of searches: made tokens, what it measures, and the proof."""

import json
import os
import sys

import numpy as np
import pytest

from launch import benchmark
from launch.benchmarks import _search_check, _search_compare, _search_torch, _search_turns, search
from launch.benchmarks import _search_tokens as made
from launch.benchmarks._search_torch import Found
from sign_jax.errors import UserError
from sign_jax.search.index import Index
from tests.search import runs

pytestmark = pytest.mark.usefixtures("quick_compile")
CLIPS = 40


TAKE = _search_turns.take


@pytest.fixture(autouse=True)
def small(monkeypatch):
  """Few channels, and turns in this process: one of its own takes seconds to start."""
  monkeypatch.setattr(made, "WIDTH", 64)
  monkeypatch.setattr(made, "_TOWERS", made._TOWERS | {"model.embed_dim": 64})
  monkeypatch.setattr(made, "PIECE", 24)
  monkeypatch.setattr(search, "_SENTENCES", 3)
  monkeypatch.setattr(_search_turns, "take", _search_turns.told)
  made._directions.cache_clear()
  yield
  made._directions.cache_clear()


def measured(tmp_path, *arguments):
  """What the benchmark writes."""
  path = tmp_path / "result.json"
  benchmark.main(["search", "--default_allocator", f"--folder={tmp_path}", f"--json={path}",
                  *arguments])  # fmt: skip
  return json.loads(path.read_text())


def test_a_run_is_a_table_of_all_engines(tmp_path, capsys):
  pytest.importorskip("torch")
  pytest.importorskip("qdrant_client")
  names = list(_search_turns.ENGINES)
  result = measured(tmp_path, f"--clips={CLIPS}", "--seconds=600", "--rounds=1", "--top=3")
  rows = result["rows"]
  assert [row["engine"] for row in rows] == [_search_turns.ENGINES[x].title for x in names]
  for row in rows:
    assert row["searches"] == 3 and row["equal"].startswith("3 of 3") and row["clips"] == CLIPS
    assert row["of the best %"] == pytest.approx(100) and row["8 together /s"] > 0
    assert 0 < row["p50 s"] <= row["p95 s"] and row["own GiB"] > 0
    assert row["times PyTorch"] > 0
  assert [row["scored %"] for row in rows[:3]] == [100, 100, 100]
  assert not list(tmp_path.glob("search-*"))  # the index is deleted
  assert "writing 40 clips" in capsys.readouterr().err


@pytest.mark.parametrize("kind", made.KINDS)
def test_the_proof(tmp_path, kind):
  pytest.importorskip("torch")
  result = measured(tmp_path, f"--clips={CLIPS}", "--check=9", "--top=5", f"--tokens={kind}")
  (row,) = result["rows"]
  assert row["sentences"] == row["proved"] == row["same best"] + row["but for ties"] == 9
  assert row["other"] == 0 and row["largest difference"] < 2e-6
  assert 0 < row["scored %, median"] <= row["scored %, most"] <= 100


def test_brute_force_is_the_evaluations_score(tmp_path):
  pytest.importorskip("torch")
  source = made.Source(made.Spec(made.CLUSTERED))
  search._write(tmp_path / "index", source, CLIPS)
  index = Index.open(tmp_path / "index", source.model)
  texts = source.texts(4, CLIPS)
  expected = index.similarity(texts).T
  assert expected.std() > 0.01
  for in_memory in (False, True):
    engine = _search_torch.BruteForce(index, in_memory)
    np.testing.assert_allclose(engine.scores(texts).numpy(), expected, atol=2e-6)
    np.testing.assert_allclose(engine.scores(texts[:1]).numpy(), expected[:1], atol=2e-6)
  # Sentences name the signs of a clip, and find it.
  wanted = [made._TEXT.fullmatch(text)[2] for text in texts]
  assert [f"clip {int(x):07d}" for x in wanted] == [
      answer.hits[0].name for answer in index.search(texts, 1)
  ]


@pytest.mark.parametrize(("pooling", "padding"), [("max", True), ("softmax", True), ("max", False)])
def test_brute_force_of_other_scores(tmp_path, monkeypatch, pooling, padding):
  pytest.importorskip("torch")
  changed = {"model.token_pooling": pooling, "model.mask_padding": padding}
  monkeypatch.setattr(made, "_TOWERS", made._TOWERS | changed)
  source = made.Source(made.Spec(made.RANDOM))
  search._write(tmp_path / "index", source, 8)
  index = Index.open(tmp_path / "index", source.model)
  texts = source.texts(3, 8)
  found = _search_torch.BruteForce(index).scores(texts).numpy()
  np.testing.assert_allclose(found, index.similarity(texts).T, atol=2e-6)


def test_the_tokens_of_a_run_repeat_with_noise(data_dir, tmp_path):
  pytest.importorskip("torch")
  runs.make(tmp_path / "run", "upret", data_dir)
  (row,) = measured(tmp_path, f"--workdir={tmp_path / 'run'}", "--clips=30", "--check=50",
                    "--top=4")["rows"]  # fmt: skip
  assert row["tokens"] == "run" and row["other"] == 0 and 4 < row["sentences"] == row["proved"] < 50
  source = made.Source(made.Spec(made.RUN, str(tmp_path / "run")))
  one, two = source.pieces(30)
  features = np.concatenate([piece.videos.tokens.features for piece in (one, two)])
  count = len(source._of_run[0].mask)
  assert count < 30 and 0.01 < np.abs(features[count] - features[0]).max() < 0.3


def test_agreement_names_ties():
  right = Found(np.array([4, 7, 1, 9]), np.float32([0.9, 0.8, 0.8, 0.5]))
  said = lambda *rows: _search_compare.agreement(Found(np.array(rows), None), right, 2)
  assert said(4, 7) == "same" and said(4, 1) == "tied"
  assert [said(*rows) for rows in ((7, 4), (4, 9), (4, 4), (4, 5), (4,))] == 5 * ["other"]
  assert _search_compare.recall(Found(np.array([7, 5]), None), right, 2) == 0.5


def test_a_turn_that_fails_is_told_and_the_others_go_on(tmp_path, monkeypatch):
  def fail(index):
    raise UserError("no such engine")

  engine = _search_turns.ENGINES["all"]._replace(make=fail)
  monkeypatch.setitem(_search_turns.ENGINES, "all", engine)
  rows = measured(tmp_path, f"--clips={CLIPS}", "--seconds=0.01", "--rounds=1",
                  "--engines", "all", "certified")["rows"]  # fmt: skip
  assert rows[0]["engine"] == "ours, all, mapped: UserError: no such engine"
  assert rows[0]["searches"] == "" and rows[1]["searches"] == 3 and rows[1]["equal"] == ""


def test_a_turn_whose_process_is_killed_is_told(monkeypatch):
  monkeypatch.setattr(_search_turns, "told", os._exit)
  assert TAKE(9).error == "was killed: is there memory enough?"


def test_arrays_in_memory_are_those_of_the_files(tmp_path):
  source = made.Source(made.Spec(made.RANDOM))
  search._write(tmp_path / "index", source, 8)
  one, other = (Index.open(tmp_path / "index", source.model) for _ in range(2))
  _search_turns.in_memory(one)
  for shard, mapped in zip(one.store.shards, other.store.shards, strict=True):
    for name in one.store.manifest.fields:
      assert isinstance(mapped.array(name), np.memmap)
      array = shard.array(name)
      assert not isinstance(array, np.memmap) and array.ctypes.data % 64 == 0
      np.testing.assert_array_equal(array, mapped.array(name))


@pytest.mark.parametrize(("arguments", "message"), [
    (["--clips=5"], "--clips must be at least 20"), (["--seconds=0"], "--seconds must be more"),
    (["--check=0"], "--check must be"), (["--folder=/nowhere"], "--folder"),
    (["--clips=100000000000"], "100000000000 clips need"),
])  # fmt: skip
def test_mistakes_are_one_sentence(tmp_path, capsys, arguments, message):
  with pytest.raises(SystemExit):
    measured(tmp_path, *arguments)
  assert message in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_proof_needs_pytorch(monkeypatch):
  monkeypatch.setitem(sys.modules, "torch", None)
  with pytest.raises(UserError, match="the proof compares with PyTorch"):
    _search_check.row(None, None, "random", 1, 1, 1)
