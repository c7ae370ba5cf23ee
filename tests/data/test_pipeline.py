"""Batches: content, order, exact resume, shards, workers."""

import itertools

import numpy as np
import pytest

from sign_jax.data import pipeline, source
from sign_jax.data.augment import Augmentation
from sign_jax.data.sampling import sample_indices
from sign_jax.data.source import RetrievalSplit
from sign_jax.data.tokenizer import END, START, tokenize
from sign_jax.errors import UserError
from tests.data import tiny

OPTIONS = {"batch_size": 4, "seed": 3, "video_length": 5, "text_length": 8}
KEYS = ["text", "text_aug", "video", "video_valid"]


@pytest.fixture(scope="module")
def split(tmp_path_factory):
  folder = tmp_path_factory.mktemp("tfds")
  tiny.build(folder, {"train": tiny.clips(videos=25, sentences=10)})
  return RetrievalSplit("tiny", "train", folder)


def take(iterator, count):
  batches = list(itertools.islice(iterator, count))
  iterator.close()
  return batches


def train(split, count, **options):
  return take(pipeline.train_batches(split, **{**OPTIONS, **options}), count)


def assert_equal(some, others):
  assert len(some) == len(others) > 0
  for one, other in zip(some, others, strict=True):
    assert sorted(one) == sorted(other)
    for key in one:
      np.testing.assert_array_equal(one[key], other[key])


def padded(features, length):
  """The rows that should be in a batch, and which of them are real."""
  kept = features[sample_indices(len(features), length)]
  rows = np.concatenate([kept, np.zeros((length - len(kept), features.shape[1]), np.float32)])
  return rows, np.arange(length) < len(kept)


def sentences_of(split, batch):
  """Index of every row's sentence: the tests' captions differ in their number."""
  ids = np.stack([tokenize(text, 8) for text in split.sentence_texts])
  return [int(np.flatnonzero((ids == row).all(1))[0]) for row in batch["text"]]


def videos_of(split, batch):
  """Index of every row's video."""
  combined = [
    padded(pipeline.combine(split.features(v)), 5)[0] for v in range(split.num_videos)
  ]
  return [int(np.argmin([np.abs(c - row).sum() for c in combined])) for row in batch["video"]]


def test_shapes_and_dtypes(split):
  (batch,) = train(split, 1)
  assert {key: (value.shape, value.dtype.name) for key, value in batch.items()} == {
    "video": ((4, 5, tiny.DIM), "float32"),
    "video_valid": ((4, 5), "bool"),
    "text": ((4, 8), "int32"),
    "text_aug": ((4, 8), "int32"),
  }


def test_rows_pair_a_sentence_with_one_of_its_videos(split):
  for batch in train(split, 6):
    for sentence, video in zip(sentences_of(split, batch), videos_of(split, batch), strict=True):
      assert video in split.videos_of_sentence[sentence]
    for row, video in enumerate(videos_of(split, batch)):
      rows, valid = padded(pipeline.combine(split.features(video)), 5)
      np.testing.assert_array_equal(batch["video"][row], rows)
      np.testing.assert_array_equal(batch["video_valid"][row], valid)


def test_an_epoch_shows_no_sentence_twice_and_epochs_differ(split):
  batches = train(split, 12)
  epochs = [
    sentences_of(split, batches[2 * epoch]) + sentences_of(split, batches[2 * epoch + 1])
    for epoch in range(6)
  ]
  assert all(len(set(epoch)) == 8 for epoch in epochs)
  assert len({tuple(epoch) for epoch in epochs}) == 6
  assert set().union(*epochs) == set(range(10))  # nobody is always in the dropped rest


def test_every_video_is_drawn_and_swaps_change(split):
  batches = train(split, 60)
  assert set().union(*(videos_of(split, batch) for batch in batches)) == set(range(25))
  changed = np.mean([(b["text"] != b["text_aug"]).any(1).mean() for b in batches])
  assert 0.3 < changed < 0.6  # half of the texts, few of them swap equal tokens
  texts_of_first = {
    ids.tobytes()
    for batch in batches
    for sentence, ids in zip(sentences_of(split, batch), batch["text_aug"], strict=True)
    if sentence == 0
  }
  assert len(texts_of_first) > 3


def test_augmented_text_keeps_its_tokens(split):
  (batch,) = train(split, 1, augment=Augmentation(swap_probability=1.0), text_length=16)
  np.testing.assert_array_equal(np.sort(batch["text"]), np.sort(batch["text_aug"]))
  (plain,) = train(split, 1, augment=Augmentation(swap_probability=0.0))
  np.testing.assert_array_equal(plain["text"], plain["text_aug"])


@pytest.mark.parametrize("start_step", [1, 2, 7])
def test_resuming_gives_exactly_the_batches_of_an_uninterrupted_run(split, start_step):
  whole = train(split, start_step + 4)
  assert_equal(train(split, 4, start_step=start_step), whole[start_step:])


def test_seeds_differ(split):
  orders = {tuple(sentences_of(split, train(split, 1, seed=seed)[0])) for seed in range(5)}
  assert len(orders) > 3


@pytest.mark.parametrize("shard_count", [2, 4])
def test_shards_together_are_the_global_batch(split, shard_count):
  shards = [
    train(split, 5, shard_index=index, shard_count=shard_count) for index in range(shard_count)
  ]
  joined = [
    {key: np.concatenate([part[key] for part in parts]) for key in KEYS}
    for parts in zip(*shards, strict=True)
  ]
  assert_equal(joined, train(split, 5))


def test_worker_processes_change_nothing(split):
  assert_equal(train(split, 5, num_workers=2, start_step=1), train(split, 5, start_step=1))


@pytest.mark.parametrize("batch_size", [1, 4, 25, 32])
def test_evaluation_shows_everything_once_in_order(split, batch_size):
  options = {**OPTIONS, "batch_size": batch_size}
  options.pop("seed")
  videos, texts = map(list, pipeline.eval_batches(split, **options))
  assert {len(batch["mask"]) for batch in videos + texts} == {batch_size}
  assert all(batch["video_valid"].any(1).all() for batch in videos)
  valid = np.concatenate([batch["video"][batch["mask"]] for batch in videos])
  expected = [padded(pipeline.combine(split.features(v)), 5)[0] for v in range(25)]
  np.testing.assert_array_equal(valid, expected)
  ids = np.concatenate([batch["text"][batch["mask"]] for batch in texts])
  np.testing.assert_array_equal(ids, [tokenize(text, 8) for text in split.sentence_texts])


def test_a_split_is_tokenized_once_for_each_length(split, monkeypatch):
  texts, made = [], source.tokenize
  monkeypatch.setattr(source, "tokenize", lambda *x: texts.append(x) or made(*x))
  for length in (6, 7, 6):
    videos, ids = pipeline.eval_batches(split, batch_size=10, text_length=length)
    assert next(ids)["text"].shape == (10, length)
    videos.close()
    ids.close()
  wanted = [(text, length) for length in (6, 7) for text in split.sentence_texts]
  assert texts == wanted and len(texts) == 20


def test_evaluation_shards_together_are_the_global_batch(split):
  options = {"batch_size": 8, "video_length": 5, "text_length": 8}
  shards = [pipeline.eval_batches(split, **options, shard_index=i, shard_count=2) for i in (0, 1)]
  whole = pipeline.eval_batches(split, **options)
  for iterators, expected in zip(zip(*shards, strict=True), whole, strict=True):
    joined = [
      {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
      for parts in zip(*iterators, strict=True)
    ]
    assert_equal(joined, list(expected))


def test_combine():
  agnostic, aware = np.array([[1.0, 2.0]], np.float16), np.array([[3.0, 4.0]], np.float16)
  both = {"agnostic": agnostic, "aware": aware}
  np.testing.assert_allclose(pipeline.combine(both, "sum", 0.75), [[1.5, 2.5]])
  np.testing.assert_array_equal(pipeline.combine(both, "cat"), [[1, 3, 2, 4]])
  np.testing.assert_array_equal(pipeline.combine(both, "aware"), aware)
  np.testing.assert_array_equal(
      pipeline.combine(both, "auto", 0.75), pipeline.combine(both, "sum", 0.75)
  )
  for mode in ["auto", "agnostic"]:
    single = pipeline.combine({"agnostic": agnostic}, mode)
    np.testing.assert_array_equal(single, agnostic)
    assert single.dtype == np.float16  # as stored: half as much to move
  with pytest.raises(UserError, match="sum, cat or .* agnostic or aware, or auto"):
    pipeline.combine(both, "mean")


def test_the_second_stream_may_be_the_first_again():
  agnostic, aware = np.array([[1.0, 2.0]], np.float16), np.array([[3.0, 4.0]], np.float16)
  both = {"agnostic": agnostic, "aware": aware}
  twice = lambda mode: pipeline.combine(both, mode, 0.9, second="agnostic")
  np.testing.assert_allclose(twice("sum"), agnostic, rtol=1e-6)
  np.testing.assert_array_equal(twice("cat"), [[1, 1, 2, 2]])
  np.testing.assert_array_equal(twice("aware"), aware)  # it has no second one


@pytest.mark.parametrize("mode", ["sum", "cat"])
@pytest.mark.parametrize("there", ["agnostic", "aware"])
def test_a_stream_that_is_missing_is_not_passed_over(mode, there):
  with pytest.raises(UserError, match=f"needs the streams .*data.combine={there}"):
    pipeline.combine({there: np.ones((1, 2), np.float16)}, mode)


@pytest.mark.parametrize("mode, dim", [("sum", tiny.DIM), ("cat", 2 * tiny.DIM)])
def test_batches_have_the_combined_width(split, mode, dim):
  assert pipeline.combined_dim(split, mode) == dim
  assert train(split, 1, combine=mode)[0]["video"].shape[-1] == dim


@pytest.mark.parametrize(
  "options, sentence",
  [
    ({"batch_size": 11}, "^a batch of 11 .* only 10"),
    ({"shard_count": 3}, "4 does not divide among 3"),
    ({"combine": "mean"}, "'mean' is unknown"),
  ],
)
def test_mistakes_are_told_before_the_first_batch(split, options, sentence):
  with pytest.raises(UserError, match=sentence):
    pipeline.train_batches(split, **{**OPTIONS, **options})


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_spoilt_video_is_named_by_the_iterator(tmp_path, num_workers):
  examples = tiny.clips(10)
  examples[6]["aware"] = np.full_like(examples[6]["aware"], np.inf)
  tiny.build(tmp_path, {"train": examples})
  split = RetrievalSplit("tiny", "train", tmp_path)
  with pytest.raises(UserError, match="video_6"):
    train(split, 1, batch_size=10, num_workers=num_workers)


def test_fake_batches_look_like_real_ones(split):
  (real,) = train(split, 1)
  fake = pipeline.fake_batch(4, 5, tiny.DIM, 8, seed=0)
  assert {k: (v.shape, v.dtype) for k, v in fake.items()} == {
    k: (v.shape, v.dtype) for k, v in real.items()
  }
  assert fake["video_valid"].any(1).all()
  assert not fake["video"][~fake["video_valid"]].any()
  for ids in [*fake["text"], *fake["text_aug"]]:
    end = int(np.argmax(ids))
    assert end >= 2 and ids[0] == START and ids[end] == END and not ids[end + 1 :].any()
    assert ids[1:end].min() > 0 and ids[1:end].max() < START
  assert not np.array_equal(fake["video"], pipeline.fake_batch(4, 5, tiny.DIM, 8, seed=1)["video"])
