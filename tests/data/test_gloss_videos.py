"""What is read of a sentence's video, and what is kept."""

import numpy as np
import pytest

from sign_jax.data import frame_sampling
from sign_jax.data.cache import FeatureCache, new_key
from sign_jax.data.gloss_videos import GlossVideos
from sign_jax.data.sign_records import Clip


class Reader:
  """Frames that hold their number; notes what is asked for."""

  def __init__(self):
    self.asked = []

  def read(self, clip, start, stop):
    self.asked.append((start, stop))
    return {"keypoints": np.arange(start, stop)}


@pytest.fixture
def videos():
  """Function of a number of frames -> a split of one video."""

  def make(count):
    found = object.__new__(GlossVideos)
    found.clips = [Clip("video", 0, 0, "", 0, count)]
    found._reader, found._cache, found._key = Reader(), FeatureCache(2**20), new_key()
    return found

  return make


@pytest.mark.parametrize("count", [3, 8, 37, 38, 39, 400])
def test_evaluation_reads_a_video_once(videos, count):
  found, places = videos(count), frame_sampling.evaluation_frames(count)
  for _ in range(2):
    np.testing.assert_array_equal(found.read(0, places)["keypoints"], places)
  assert found._reader.asked == [(0, count)]


def test_of_a_long_video_few_frames_are_in_memory(videos):
  found = videos(20_000)
  places = np.sort(np.random.default_rng(0).choice(20_000, 400, replace=False))
  places = np.concatenate([places[:1], places, np.full(8, 19_999)])
  np.testing.assert_array_equal(found.read(0, places)["keypoints"], places)
  sizes = [stop - start for start, stop in found._reader.asked]
  assert 256 <= min(sizes) and max(sizes) <= 512 and sum(sizes) <= 20_000
  assert found._cache.nbytes == 0
