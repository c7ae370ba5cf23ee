"""A slice of the small corpus, simulated once for all tests."""

import pytest

from data_builders.signing_sim import corpus

_TRAIN, _TEST = 450, 120  # videos


@pytest.fixture(scope="session")
def videos():
  """Dict from split to all videos of the small corpus."""
  return corpus.videos(corpus.SMALL)


@pytest.fixture(scope="session")
def examples(videos):
  """Dict from split to (video, record) of the first videos of train and test."""
  return {split: [(video, corpus.example(video, corpus.SMALL)) for video in videos[split][:n]]
          for split, n in (("train", _TRAIN), ("test", _TEST))}
