"""A copy of an index finds what the index finds, and holds nothing that was removed."""

import os
import shutil
import types

import numpy as np
import pytest

import sign_jax
from sign_jax.errors import UserError
from sign_jax.search import bound, codes, compacting, manifest
from sign_jax.search.entries import Entry
from sign_jax.search.store import Store
from tests.search import runs, stores
from tests.search.test_store_faults import killed, left_over

pytestmark = pytest.mark.usefixtures("quick_compile")
SENTENCES = ["It will rain tonight.", "snow"]


@pytest.fixture(scope="module", params=["cico", "spot_align"])
def run(request, data_dir, tmp_path_factory):
  folder = tmp_path_factory.mktemp(request.param)
  runs.make(folder, request.param, data_dir)
  return folder


@pytest.fixture
def index(run, tmp_path, monkeypatch):
  """Begun with one clip, which its codes of few directions suit alone."""
  monkeypatch.setattr(codes, "COLUMNS", 6)
  model = sign_jax.load(run)
  (width,) = model.trained.inputs["video"][0][-1:]
  features = runs.unlike(np.random.default_rng(0), 50, 12, width)
  index = sign_jax.Index.create(tmp_path / "index", model)
  index.add(features[:1], ["clip 0"])
  index.add(features[1:], [f"clip {n}" for n in range(1, 50)])
  index.remove(["clip 3", "clip 0", "clip 49"])
  return index


def slack(index):
  """How far bounds from codes are above the scores of the clips that are there, on average."""
  tokens, store = index.model.encode_texts(SENTENCES).tokens, index.store
  query = bound.Query(codes.of_query(store.basis(), tokens.features), tokens.weights, tokens.mask)
  rows = np.flatnonzero(store.there())
  upper = bound.upper(**store.read(rows, bound.FIELDS), query=query, mask_padding=False)
  return float((np.asarray(upper).T - index.similarity(SENTENCES)).mean())


def test_a_copy_finds_the_same_by_tighter_bounds(index, tmp_path):
  copy = index.compact(tmp_path / "copies/new")
  assert list(copy.store.rows) == list(index.store.rows) and len(copy) == 47
  assert len(copy.store.there()) == 47 and not copy.verify()
  np.testing.assert_array_equal(copy.similarity(SENTENCES), index.similarity(SENTENCES))
  for one, other in zip(index.search(SENTENCES, 5), copy.search(SENTENCES, 5), strict=True):
    assert [hit.name for hit in one.hits] == [hit.name for hit in other.hits]
    assert other.is_certified
  if index.model.system == "cico":
    assert slack(copy) < slack(index)
  copy.add(index.model.encode_videos([np.ones((3, index.model.trained.inputs["video"][0][-1]))]),
           ["one more"])  # fmt: skip
  assert len(sign_jax.Index.open(tmp_path / "copies/new", index.model)) == 48


def test_a_copy_that_fails_leaves_nothing(index, tmp_path, monkeypatch):
  (tmp_path / "full").mkdir()
  (tmp_path / "full/film.mp4").touch()
  with pytest.raises(UserError, match="full holds something else than an index"):
    index.compact(tmp_path / "full")
  with monkeypatch.context() as patch:
    patch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(free=1000))
    with pytest.raises(UserError, match="the copy needs .* GiB, and .*new has 0.00 left"):
      index.compact(tmp_path / "new")
  assert not (tmp_path / "new").exists()
  with monkeypatch.context() as patch:
    patch.setattr(os, "replace", no_space)
    with pytest.raises(UserError, match="cannot be written .*No space left"):
      index.compact(tmp_path / "new")
  assert not any(path.stat().st_size for path in (tmp_path / "new").rglob("*") if path.is_file())
  assert len(index.compact(tmp_path / "new")) == 47
  before = sorted(os.listdir(tmp_path))
  index.remove(list(index.store.rows))
  with pytest.raises(UserError, match="has no clips"):
    index.compact(tmp_path / "newer")
  assert sorted(os.listdir(tmp_path)) == before


def test_a_killed_copy_is_none_or_whole_and_leaves_nothing(tmp_path, monkeypatch):
  # Without JAX, which does not live on in a child.
  monkeypatch.setattr(codes, "fit", lambda tokens, count, words: np.ones((4, count), np.float32))
  monkeypatch.setattr(codes, "encode", lambda basis, tokens: np.ones((len(tokens), 3, 6)))
  monkeypatch.setattr(compacting, "_SHARD", 2)
  store = stores.make(tmp_path / "index")
  store.remove(["without"])
  names, step = list(store.rows), 0
  while True:
    folder = tmp_path / f"new/{step}"
    ended = not killed(step, lambda folder=folder: compacting.compact(store, folder))
    if not (folder / manifest.FILE).exists():
      compacting.compact(store, folder)
    assert os.listdir(tmp_path / "new") == [folder.name]
    copy = Store(folder)
    assert list(copy.rows) == names and not [fault for _, fault in copy.verify() if fault]
    copy.append(stores.arrays(1, 6), [Entry("afterwards")])
    assert left_over(folder) == (set(), set())
    shutil.rmtree(folder)
    if ended:
      break
    step += 9  # some of the steps: a child takes long to begin
  assert step > 20


def no_space(*paths):
  raise OSError(28, "No space left on device")


def test_the_command_makes_a_copy(index, run, tmp_path, capsys):
  status = runs.call("compact", "--index", index.store.folder, "--workdir", run, "--out",
                tmp_path / "new")  # fmt: skip
  assert not status and "new has the 47 clips of" in capsys.readouterr().out
  assert list(Store(tmp_path / "new").rows) == list(index.store.rows)
