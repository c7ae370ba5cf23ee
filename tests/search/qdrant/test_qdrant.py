"""The adapter for Qdrant: in its local mode, and on the server of QDRANT_URL where there is one."""

import importlib.util
import os
import sys

import numpy as np
import pytest

import sign_jax
from sign_jax.errors import UserError
from sign_jax.ops.late_interaction import late_interaction
from sign_jax.search import __main__ as program
from sign_jax.search import filling, sources
from sign_jax.search.qdrant import collection, connection, query
from tests.search import runs

pytestmark = [
    pytest.mark.usefixtures("quick_compile"),
    # Only looked for: to import it takes a second of every run of tests.
    pytest.mark.skipif(
        importlib.util.find_spec("qdrant_client") is None,
        reason="qdrant-client is not installed (extra [qdrant])",
    ),
]
URL = os.environ.get("QDRANT_URL")
TEXTS = ["It will rain.", "My friend eats.", "snow"]


@pytest.fixture(scope="module", params=["cico", "upret"])
def index(request, data_dir, tmp_path_factory):
  folder = tmp_path_factory.mktemp(request.param)
  runs.make(folder / "run", request.param, data_dir)
  model = sign_jax.load(folder / "run")
  index = sign_jax.Index.create(folder / "index", model)
  total, videos = sources.of_split(model, "test")
  filling.fill(index, videos, total)
  return index


SERVER = pytest.param("server", marks=pytest.mark.skipif(
    not URL, reason="QDRANT_URL names no server of Qdrant"
))  # fmt: skip


@pytest.fixture(params=["memory", "folder", SERVER])
def place(request, tmp_path):
  if request.param == "server":
    client = connection.connect(URL)
  else:
    path = connection.MEMORY if request.param == "memory" else tmp_path / "qdrant"
    client = connection.connect(path=path)
  where = collection.Place(client, "sign_jax_test")
  yield where
  client.delete_collection(where.name)
  client.close()


def test_all_candidates_are_ranked_as_the_index_ranks(index, place):
  count = len(index)
  assert collection.upload(index, place) == count
  found = query.Asker(index, place)(TEXTS, 4, candidates=count)
  expected = index.search(TEXTS, 4)
  for one, answer in zip(found, expected, strict=True):
    assert one.recall == 1 and one.candidates == count and one.text == answer.text
    assert [x.name for x in one.hits] == [x.name for x in answer.hits]
    np.testing.assert_allclose([x.score for x in one.hits], [x.score for x in answer.hits])
    assert [(x.start, x.end) for x in one.hits] == [(x.start, x.end) for x in answer.hits]


def test_candidates_are_those_of_the_pooled_vector_and_of_maxsim(index, place):
  collection.upload(index, place)
  rows = np.arange(len(index))
  arrays = index.store.read(rows, ["features", "weights", "mask"])
  encoded = index.model.encode_texts(TEXTS[:1]).tokens
  videos, words = collection.unit(arrays["features"]), collection.unit(encoded.features)[0]
  mean = np.einsum("cn,cnd,m,md->c", arrays["weights"], videos, encoded.weights[0], words)
  kept = arrays["mask"] if index.model.trained.model.mask_padding else np.ones_like(arrays["mask"])
  _, t2i = late_interaction(
      videos, words[None], arrays["weights"], encoded.weights, pooling="max",
      video_mask=kept, text_mask=np.ones_like(encoded.mask),
  )
  for rescored, scores in ((0, mean), (len(rows), np.asarray(t2i)[:, 0])):
    found = collection.candidates(place, encoded, 5, rescored)
    np.testing.assert_allclose(
        scores[[row for row, _ in found]], np.sort(scores)[::-1][:5], atol=1e-3
    )


def test_few_candidates_may_miss_and_say_so(index, place):
  collection.upload(index, place)
  ask = query.Asker(index, place)
  found = ask(TEXTS, 3, candidates=3)
  for one, answer in zip(found, index.search(TEXTS, 3), strict=True):
    shared = {x.name for x in one.hits} & {x.name for x in answer.hits}
    assert one.recall == pytest.approx(len(shared) / 3) and one.candidates == 3
  (one,) = ask(TEXTS[:1], 3, candidates=3, rescored=6, measure=False)
  assert one.recall is None and len(one.hits) == 3


def test_points_of_another_index_or_run_stay_unless_they_are_to_go(index, place, tmp_path):
  collection.upload(index, place)
  other = sign_jax.Index.create(tmp_path / "other", index.model)
  (width,) = index.model.trained.inputs["video"][0][-1:]
  other.add(runs.unlike(np.random.default_rng(0), 3, 9, width), ["x", "y", "z"])
  with pytest.raises(UserError, match="holds clips of another index than .*other"):
    collection.upload(other, place)
  assert place.client.count(place.name).count == len(index)
  assert collection.upload(other, place, replace=True) == 3
  assert place.client.count(place.name).count == 3
  with pytest.raises(UserError, match="holds clips of another index than .*index"):
    query.Asker(index, place)(TEXTS[:1], 1, candidates=1, measure=False)
  # The same clips after another training.
  other.store.manifest = other.store.manifest._replace(run={"system": "retrained"})
  with pytest.raises(UserError, match="holds clips of another run than .*other"):
    query.Asker(other, place)(TEXTS[:1], 1, candidates=1, measure=False)


def test_only_some_clips(index, place):
  collection.upload(index, place)
  signer = index.store.entry(0).signer
  ask = query.Asker(index, place)
  (one,) = ask(TEXTS[:1], 5, only={"signer": signer})
  assert {x.clip.signer for x in one.hits} == {signer} and one.recall == 1
  (rescored,) = ask(TEXTS[:1], 5, rescored=20, only={"signer": signer}, measure=False)
  assert [x.name for x in rescored.hits] == [x.name for x in one.hits]
  (none,) = ask(TEXTS[:1], 5, only={"split": "train"}, measure=False)
  assert none.hits == [] and none.candidates == 0


def test_what_the_index_has_lost_is_not_found(index, place, tmp_path):
  copy = index.snapshot(tmp_path / "copy")
  collection.upload(copy, place)
  ask = query.Asker(copy, place)
  (before,) = ask(TEXTS[:1], 2)
  copy.remove([before.hits[0].name])
  names = lambda: [x.name for x in ask(TEXTS[:1], 2, measure=False)[0].hits]
  assert before.hits[0].name not in names()
  assert collection.upload(copy, place) == len(index) - 1
  assert before.hits[0].name not in names()
  assert place.client.count(place.name).count == len(index) - 1


def test_the_collection_of_another_index_is_refused(index, place, tmp_path):
  collection.upload(index, place)
  model = index.model
  other = sign_jax.Index.create(tmp_path / "other", model)
  (width,) = model.trained.inputs["video"][0][-1:]
  other.add([np.ones((3, width), np.float32)], ["another"])
  with pytest.raises(UserError, match="holds clips of another index than"):
    query.Asker(other, place)(TEXTS, 1)
  place.client.delete_collection(place.name)
  place.client.create_collection(
      place.name, connection.models().VectorParams(size=3, distance="Dot")
  )
  with pytest.raises(UserError, match="is there already and holds other vectors"):
    collection.upload(index, place)
  place.client.delete_collection(place.name)
  with pytest.raises(UserError, match="does not do what it is asked to"):
    query.Asker(index, place)(TEXTS, 1)


def test_mistakes_are_one_sentence(index, monkeypatch):
  for given in ({}, {"url": "http://localhost:1", "path": "x"}):
    with pytest.raises(UserError, match="pass --url URL"):
      connection.connect(**given)
  where = collection.Place(connection.connect(path=connection.MEMORY))
  with pytest.raises(UserError, match="candidates=3 must be at least the 10 hits"):
    query.Asker(index, where)(TEXTS, candidates=3)
  with pytest.raises(UserError, match="clips have no mood"):
    query.Asker(index, where)(TEXTS, only={"mood": "x"})
  monkeypatch.setattr(collection, "_MOST_NUMBERS", 10)
  with pytest.raises(UserError, match="Qdrant takes at most 10 numbers"):
    collection.upload(index, where)
  monkeypatch.setitem(sys.modules, "qdrant_client", None)
  with pytest.raises(UserError, match=r"pip install 'sign_jax\[qdrant\]'"):
    connection.connect(path=connection.MEMORY)


def test_the_program_uploads_and_asks(index, tmp_path, capsys):
  more = ["--index", str(index.store.folder), "--workdir", str(index.model.trained.workdir),
          "--path", str(tmp_path / "qdrant")]  # fmt: skip
  program.main(["qdrant", "upload", *more])
  assert f"{len(index)} clips of" in capsys.readouterr().out
  (tmp_path / "texts").write_text("It will rain.\nsnow\n", encoding="utf-8")
  asked = ["qdrant", "query", *more, "--queries", str(tmp_path / "texts"), "--candidates", "11"]
  program.main([*asked, "--top", "2"])
  out = capsys.readouterr().out
  (first, _) = index.search(["It will rain.", "snow"], 2)
  assert out.startswith("It will rain.\n  11 candidates of Qdrant, scored exactly; 100.0 % of")
  assert f"{first.hits[0].score:.4f}" in out and first.hits[0].name in out
  assert "of the exact best 2 of 2 sentences, 100.0 % were among the candidates" in out
  program.main([*asked, "--top", "2", "--unmeasured"])
  assert "what they miss is not measured" in capsys.readouterr().out
  for args, words in (
      ([*asked, "--top", "0"], "--top 0 must be"), (["qdrant", "query", *more], "pass a sentence"),
      ([*asked, "--url", "http://localhost:1"], "pass --url URL"),
      (["qdrant", "query", *more[:4], "x", "--url", "http://localhost:1"], "Qdrant at"),
  ):  # fmt: skip
    with pytest.raises(SystemExit):
      program.main(args)
    assert words in capsys.readouterr().err
