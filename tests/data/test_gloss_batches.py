"""Batches of signed sentences: who is in them, which frames, and how they are padded."""

import contextlib
import itertools

import numpy as np
import pytest

from sign_jax.data import frame_sampling, gloss_batches
from sign_jax.errors import UserError
from tests.sentences import Videos

COUNTS = [9, 30, 12, 41, 22, 17, 36, 5, 28, 14, 33]
BUCKETS = 24, 40


def made(counts=COUNTS, fields=("video",)):
  return Videos(["A B"] * len(counts), counts, fields)


def layout(batch_size=2, **changes):
  return gloss_batches.Layout(batch_size, BUCKETS, reader_timeout=0, **changes)


def texts(chosen):
  return {"glosses": np.asarray(chosen)[:, None]}


def taken(count, videos=None, start=0, seed=3, **changes):
  batches = gloss_batches.train_batches(
      videos or made(), layout(**changes), seed, texts, start_step=start
  )
  with contextlib.closing(batches):
    return list(itertools.islice(batches, count))


def assert_equal(one, other):
  assert one.keys() == other.keys()
  for name in one:
    np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("pool", [1, 3])
def test_an_epoch_reads_every_video_once_and_another_one_in_another_order(pool):
  batches = [batch["glosses"][:, 0].tolist() for batch in taken(10, pool=pool)]
  first, second = sum(batches[:5], []), sum(batches[5:], [])
  for epoch in (first, second):
    assert len(set(epoch)) == 10 and set(epoch) < set(range(11))  # one is left over
  assert first != second


def test_a_row_shows_ascending_frames_of_its_video_and_then_the_last_one_again():
  for batch in taken(10):
    assert batch["video"].shape[1] in BUCKETS
    for index, frames, video in zip(batch["glosses"][:, 0], batch["frames"], batch["video"],
                                    strict=True):  # fmt: skip
      assert frames % 4 == 0 and (video[:, 0, 0, 0] == index).all()
      places = video[:, 0, 0, 1].astype(int)
      assert (np.diff(places) >= 0).all() and (places[frames:] == places[frames - 1]).all()
      count = COUNTS[index]
      assert min(count, int(0.5 * count)) <= frames <= min(int(1.5 * count) + 3, BUCKETS[-1])
      kept = places[:frames]
      if frames <= count:
        assert len(set(kept.tolist())) == frames  # none twice
      else:
        assert set(kept.tolist()) == set(range(count))  # none left out


def test_the_bucket_is_the_least_that_holds_the_longest_row():
  found = {(batch["video"].shape[1], int(batch["frames"].max())) for batch in taken(20)}
  assert {bucket for bucket, _ in found} == set(BUCKETS)
  for bucket, longest in found:
    assert bucket == next(size for size in BUCKETS if size >= longest)


def test_a_pool_pads_less():
  padded = lambda pool: sum(
      (batch["video"].shape[1] - batch["frames"]).sum() for batch in taken(20, pool=pool)
  )
  assert padded(5) < padded(1)


def test_batches_are_functions_of_seed_and_step():
  whole = taken(8, pool=2)
  for number, batch in enumerate(taken(3, start=5, pool=2), 5):
    assert_equal(batch, whole[number])
  with pytest.raises(AssertionError):
    assert_equal(taken(1, seed=4, pool=2)[0], whole[0])
  examples = gloss_batches.train_examples(made(), layout(pool=2), 3, 6)
  assert examples == whole[6]["glosses"][:, 0].tolist()


def test_shards_have_the_rows_of_the_whole_batch_and_its_bucket():
  whole = taken(4, batch_size=4)
  parts = [taken(4, batch_size=4, shard_index=n, shard_count=2) for n in range(2)]
  for number, batch in enumerate(whole):
    for shard, part in enumerate(parts):
      rows = {name: x[2 * shard : 2 * shard + 2] for name, x in batch.items()}
      assert_equal(part[number], rows)


def test_evaluation_reads_all_videos_once_and_the_middle_of_long_ones():
  videos = made(fields=("keypoints", "video"))
  with contextlib.closing(gloss_batches.eval_batches(videos, layout(3), texts)) as batches:
    found = list(batches)
  index = np.concatenate([batch["index"][batch["mask"]] for batch in found])
  assert sorted(index.tolist()) == list(range(11)) and len(found) == 4
  for batch in found:
    assert batch["keypoints"].shape[:3] == (3, batch["video"].shape[1], 133)
    np.testing.assert_array_equal(batch["glosses"][:, 0], batch["index"])
    for row, frames, video in zip(batch["index"], batch["frames"], batch["video"], strict=True):
      expected = frame_sampling.evaluation_frames(COUNTS[row], BUCKETS[-1])
      np.testing.assert_array_equal(video[:frames, 0, 0, 1], expected)


@pytest.mark.parametrize("buckets", [(), (10,), (40, 24), (24, 24), (0, 8), tuple(range(4, 32, 4))])
def test_wrong_buckets_are_named(buckets):
  with pytest.raises(UserError, match="data.buckets"):
    gloss_batches.check_buckets(buckets)
