"""A retrieval split without a data set on disk."""

import numpy as np

from sign_jax.data import pose
from sign_jax.data.sampling import sample_indices
from sign_jax.data.source import RetrievalSplit

WORDS = "rain snow wind sun cloud storm north south morning evening friend family".split()


class FakeSplit(RetrievalSplit):
  """Stands in for `RetrievalSplit`: random features around a direction per sentence."""

  poses = None
  num_sentences = num_videos = 0  # of a real one they are properties

  def __init__(self, sentences=16, videos=24, windows=40, dims=None, seed=0):
    rng = np.random.default_rng(seed)
    self.dims = dims or {"agnostic": 1024, "aware": 1024}
    self.streams = tuple(self.dims)
    self.dtypes = dict.fromkeys(self.dims, np.dtype(np.float16))
    self.num_sentences, self.num_videos = sentences, videos
    self.sentence_texts = [
        " ".join(rng.choice(WORDS, 5)) + f" {WORDS[i % len(WORDS)]} {i}" for i in range(sentences)
    ]
    self._token_ids = {}
    self.sentence_ids = [f"s{i}" for i in range(sentences)]
    self.video_ids = [f"v{i}" for i in range(videos)]
    self.sentence_of_video = np.arange(videos) % sentences
    self.videos_of_sentence = [
        np.flatnonzero(self.sentence_of_video == i) for i in range(sentences)
    ]
    centres = {name: rng.standard_normal((sentences, dim)) for name, dim in self.dims.items()}
    lengths = rng.integers(windows // 2, windows + 1, videos)
    self.windows = lengths
    self._features = [
        {
            name: (centre[s] + 0.3 * rng.standard_normal((n, centre.shape[1]))).astype(np.float16)
            for name, centre in centres.items()
        }
        for s, n in zip(self.sentence_of_video, lengths, strict=True)
    ]

  def stored_features(self, video_indices, length):
    for index in video_indices:
      kept = sample_indices(self.windows[index], length)
      yield {name: rows[kept] for name, rows in self._features[index].items()}


class FakePosedSplit(FakeSplit):
  """The same with poses of random hands, of 8 to 24 frames, whose windows the features are of."""

  left_out = {}

  def __init__(self, poses, **kwargs):
    super().__init__(**kwargs)
    self.poses, rng = poses, np.random.default_rng(1)
    frames = rng.integers(8, 25, self.num_videos)
    self._poses = [
        pose.prepare(
            np.concatenate([rng.uniform(0, 256, (n, 133, 2)), np.ones((n, 133, 1))], axis=-1),
            poses.image_size, "fake", poses.windows, poses.max_frames,
        )
        for n in frames
    ]

  def stored_features(self, video_indices, length):
    for index in video_indices:
      found = self._poses[index]
      rows = pose.feature_rows(found, 24, self.windows[index])
      features = {name: array[rows] for name, array in self._features[index].items()}
      yield {**found._asdict(), **features}


def splits(poses=None, **kwargs):
  """All three splits; validation and test hold the training pairs."""
  split = FakePosedSplit(poses, **kwargs) if poses else FakeSplit(**kwargs)
  return {"train": split, "validation": split, "test": split}
