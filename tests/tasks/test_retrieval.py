import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import multihost_utils

from sign_jax.data import pipeline
from sign_jax.errors import UserError
from sign_jax.metrics.retrieval import retrieval_metrics
from sign_jax.run import task as run_task
from sign_jax.systems import registry
from tests import fakes, program

pytestmark = pytest.mark.usefixtures("quick_compile")

SENTENCES, VIDEOS = 6, 9


def config(system="cico", **changes):
  values = registry.get(system).config("signing_sim")
  values.update_from_flattened_dict({
      **program.SMALL_MODEL, "data.video_length": 8, "data.text_length": 10, "batch_size": 4,
      "eval_batch_size": 4, **{key.replace("__", "."): value for key, value in changes.items()},
  })
  return values


def splits():
  dims = {"agnostic": 8, "aware": 8}
  return fakes.splits(sentences=SENTENCES, videos=VIDEOS, windows=12, dims=dims)


def place(batch):
  return batch


@pytest.fixture(scope="module", params=["cico", "upret"])
def system(request):
  return request.param


@pytest.fixture(scope="module")
def variables(system):
  """Random variables, large enough that scores differ."""
  rng = np.random.default_rng(1)
  shapes = jax.eval_shape(run_task.make(config(system), splits()).init, jax.random.key(0))
  return jax.tree.map(lambda x: 0.3 * rng.standard_normal(x.shape, np.float32), shapes)


@pytest.fixture(scope="module")
def shared(system):
  """A task for several tests, so that its programs are traced once."""
  return run_task.make(config(system), splits())


@pytest.fixture(scope="module")
def one_by_one(system, variables):
  """(videos, sentences) scores, each from a batch that holds nothing but its pair."""
  settings, data = config(system), splits()["test"]
  model = registry.get(system).build(settings.model, {"video_valid": [[8], "bool"]})
  shapes = {"video_length": 8, "text_length": 10, "alpha": settings.data.alpha}
  videos, texts = pipeline.eval_batches(data, batch_size=1, **shapes)

  @jax.jit
  def score(video, valid, text):
    tokens = model.apply(variables, video, valid, method="encode_video")
    words = model.apply(variables, text, method="encode_text")
    return model.apply(variables, tokens, words, method="score")[0, 0]

  texts = [batch["text"] for batch in texts]
  return np.array([
      [score(batch["video"], batch["video_valid"], text) for text in texts] for batch in videos
  ])


@pytest.mark.parametrize("size", [4, 9, 16])
def test_similarities_are_those_of_the_pairs(shared, system, variables, one_by_one, size):
  task = shared
  if size != task._config.eval_batch_size:
    task = run_task.make(config(system, eval_batch_size=size), splits())
  scores = task.similarity(variables, "test", place)
  assert scores.shape == (VIDEOS, SENTENCES) and scores.dtype == np.float32
  assert one_by_one.std() > 0.01
  np.testing.assert_allclose(scores, one_by_one, atol=2e-6)


def test_scores_are_fetched_after_the_next_batch_has_begun(shared, variables, monkeypatch):
  task, events = shared, []
  score, fetch = task._score, multihost_utils.process_allgather
  monkeypatch.setattr(task, "_score", lambda *x: events.append("begin") or score(*x))
  monkeypatch.setattr(
      multihost_utils, "process_allgather", lambda *x, **y: events.append("fetch") or fetch(*x, **y)
  )
  task.similarity(variables, "test", place)
  assert events == ["begin", "begin", "fetch", "begin", "fetch", "fetch"]  # 9 videos by 4


def test_evaluation_is_of_these_similarities(shared, variables, one_by_one):
  task = shared
  expected = retrieval_metrics(one_by_one, splits()["test"].sentence_of_video)
  assert task.evaluate(variables, "test", place) == pytest.approx(expected)
  assert task.selection.name in expected


def test_rows_that_fill_up_a_batch_do_not_matter(shared, variables, one_by_one, monkeypatch):
  def spoil(batch):
    padding, filled = ~batch["mask"], dict(batch)
    for name, value in (("video", 1e3), ("video_valid", True), ("text", 7)):
      if name in batch:
        filled[name] = np.where(padding.reshape(-1, *[1] * (batch[name].ndim - 1)), value,
                                batch[name]).astype(batch[name].dtype)
    spoiled.append(padding.sum())
    return filled

  spoiled, batches = [], pipeline.eval_batches
  monkeypatch.setattr(
      pipeline, "eval_batches", lambda *a, **k: [map(spoil, b) for b in batches(*a, **k)]
  )
  scores = shared.similarity(variables, "test", place)
  assert sum(spoiled) == 3 + 2  # of 9 videos and 6 sentences in batches of 4
  np.testing.assert_allclose(scores, one_by_one, atol=2e-6)


def test_scores_that_are_not_finite_are_one_sentence(shared, variables):
  broken = jax.tree.map(lambda x: np.full_like(x, np.nan), variables)
  with pytest.raises(UserError, match="similarities of the test split are not finite, all .*lower"):
    shared.evaluate(broken, "test", place)


def test_training_draws_and_says_the_scale(shared, system, variables):
  batch = next(shared.train_batches(0))
  loss = jax.jit(shared.loss)
  one, again, other = (float(loss(variables, batch, jax.random.key(k), 0)[0]) for k in (0, 0, 1))
  assert one == again
  assert (one != other) == (system == "upret")  # dropout and noise
  _, (metrics, collections) = loss(variables, batch, jax.random.key(0), 0)
  assert metrics["logit_scale"] == variables["params"]["logit_scale"] and not collections


def test_the_scale_is_bounded_from_above_alone(system):
  task = run_task.make(config(system), splits())
  for value, kept in ((9.0, math.log(100)), (4.0, 4.0), (-3.0, -3.0)):
    params = {"logit_scale": jnp.float32(value), "other": jnp.float32(50.0)}
    after = task.constrain(params, 0)
    assert float(after["logit_scale"]) == pytest.approx(kept) and after["other"] == 50.0


def test_an_epoch_is_whole_batches_of_sentences():
  assert run_task.make(config(batch_size=4), splits()).steps_per_epoch == 1
  assert run_task.make(config(batch_size=3), splits()).steps_per_epoch == 2
  with pytest.raises(UserError, match="batch_size 7 exceeds the 6 training sentences"):
    run_task.make(config(batch_size=7), splits()).steps_per_epoch  # noqa: B018


def test_batches_go_on_from_any_step():
  task = run_task.make(config(), splits())
  batches = task.train_batches(0)
  first = [next(batches) for _ in range(4)]
  later = next(task.train_batches(3))
  for name, value in later.items():
    np.testing.assert_array_equal(value, first[3][name])
  assert any(np.any(later[name] != first[2][name]) for name in later)


def test_a_missing_split_is_noticed_before_training(data_dir):
  settings = config(data__name="signing_sim/tiny", data__data_dir=str(data_dir))
  task = run_task.make(settings, {"train": splits()["train"], "validation": splits()["validation"]})
  next(task.train_batches(0))
  with pytest.raises(UserError, match="neither validation nor test"):
    run_task.make(settings, {"train": splits()["train"]}).train_batches(0)
  settings.data.name = "signing_sim/none"
  with pytest.raises(UserError, match="python -m data_builders.build signing_sim"):
    run_task.make(settings).train_batches(0)


@pytest.mark.parametrize(("placement", "held"), [
    ("host", ["test", "train"]), ("disk", []), ("device", ["test"]),
])
def test_placements_decide_what_the_host_keeps(data_dir, placement, held):
  settings = config(
      data__name="signing_sim/tiny", data__data_dir=str(data_dir), data__placement=placement,
      data__cache_gib=1e-4, data__video_length=4,
  )
  task, found = run_task.make(settings), []
  for name in ("test", "train"):
    before = task._cache.nbytes
    assert len(list(task.split(name).stored_features(range(9), 4))) == 9
    if task._cache.nbytes > before:
      found.append(name)
  assert found == held and task._cache.nbytes <= 1e-4 * 2**30


def test_only_the_device_holds_all_videos():
  for placement in ("host", "disk"):
    assert run_task.make(config(data__placement=placement), splits()).resident(place) == {}
  task = run_task.make(config(data__placement="device"), splits())
  (rows,) = task.resident(place).values()
  assert rows.shape == (np.minimum(splits()["train"].windows, 8).sum(), 8)
  assert "video" not in next(task.train_batches(0))


@pytest.mark.parametrize("placement", ["host", "disk", "device"])
def test_training_may_read_one_stream_twice(placement):
  """As released on PHOENIX-2014T; evaluation reads both."""
  changes = {"data__placement": placement, "data__alpha": 0.9}
  both, twice, alone = (
      run_task.make(config(**changes, **more), splits())
      for more in ({}, {"data__train_second": "agnostic"}, {"data__combine": "agnostic"})
  )

  def videos(task):
    batch = jax.device_put(next(task.train_batches(0)) | task.resident(place))
    return np.asarray(task._with_videos(batch)["video"])

  np.testing.assert_allclose(videos(twice), videos(alone), rtol=1e-6)
  assert np.abs(videos(twice) - videos(both)).max() > 0.1
  read = [next(pipeline.eval_batches(task.split("test"), batch_size=9, **task._shapes())[0])
          for task in (both, twice)]
  np.testing.assert_array_equal(read[0]["video"], read[1]["video"])


def test_a_run_made_before_the_second_stream_was_a_setting_reads_both():
  settings = config()
  del settings.data.train_second
  old, new = (next(run_task.make(x, splits()).train_batches(0)) for x in (settings, config()))
  np.testing.assert_array_equal(old["video"], new["video"])


def test_a_caption_that_the_data_set_lacks(data_dir):
  settings = config(data__name="signing_sim/tiny", data__data_dir=str(data_dir),
                    data__caption="sentense")
  with pytest.raises(UserError, match="no caption 'sentense'.*--config.data.caption to "):
    run_task.make(settings).split("train")


def test_augmentation_is_that_of_the_configuration():
  plain, swapped, all_of_it = (
      next(run_task.make(config(**changes), splits()).train_batches(0))
      for changes in (
          {"data__swap_probability": 0.0}, {"data__swap_probability": 1.0},
          {"data__swap_probability": 0.0, "data__deletion_probability": 0.9,
           "data__synonym_probability": 1.0},
      )
  )
  np.testing.assert_array_equal(plain["text"], plain["text_aug"])
  assert (np.sort(swapped["text"]) == np.sort(swapped["text_aug"])).all()
  assert (swapped["text"] != swapped["text_aug"]).any(1).all()
  assert ((all_of_it["text_aug"] > 0).sum(1) < (all_of_it["text"] > 0).sum(1)).all()
  assert ((all_of_it["text_aug"] > 0).sum(1) >= 3).all()  # start, a word, end


def test_a_table_has_a_line_for_each_direction():
  task = run_task.make(config(), splits())
  numbers = {f"test/{d}/{c}": i for d, i in (("t2v", 1.25), ("v2t", 99.0))
             for c in ("R@1", "R@5", "R@10", "MedR", "MnR")}
  title, head, t2v, v2t = task.table(numbers, "test").splitlines()
  assert "6 sentences, 9 videos" in title
  assert head.split() == ["R@1", "R@5", "R@10", "MedR", "MnR"]
  assert t2v.split() == ["text", "to", "video", *["1.2"] * 5]
  assert v2t.split() == ["video", "to", "text", *["99.0"] * 5]


@pytest.mark.parametrize(("key", "words"), [
    ("ties", "ties='no' is not one of expected, released"),
    ("data__placement", "data.placement='no' is not one of host, device, disk"),
    ("data__synonyms", "--config.data.synonyms: there is no file no"),
    ("model__token_pooling", "token_pooling='no' is not one of"),
])
def test_choices_that_do_not_exist(key, words):
  with pytest.raises(UserError, match=words):
    run_task.make(config(**{key: "no"}), splits())
