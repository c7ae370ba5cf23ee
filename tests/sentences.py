"""Signed sentences without a data set: every frame shows its own number."""

import numpy as np

from sign_jax.data.sign_records import Clip


class Videos:
  """As `data.gloss_videos.GlossVideos`; the video n's frame t holds n in red and t in green."""

  label = "made_up:1.0.0"

  def __init__(self, sentences, counts, fields=("keypoints",), split="train", size=8, spans=None):
    self.sentences = [tuple(text.split()) for text in sentences]
    self.counts, self.split, self.fields = np.array(counts, np.int64), split, fields
    self.size, self.spans = size, spans
    self.clips = [
        Clip(f"video {n} of {split}", n, 0, "", 0, int(count)) for n, count in enumerate(counts)
    ]

  def __len__(self):
    return len(self.clips)

  def read(self, index, places):
    places = np.asarray(places)
    assert places.min() >= 0 and places.max() < self.counts[index]
    picture = np.zeros((len(places), self.size, self.size, 3), np.uint8)
    picture[..., 0], picture[..., 1] = index, places[:, None, None]
    points = np.random.default_rng(index).uniform(0.2, 0.8, (int(self.counts[index]), 133, 3))
    found = {"video": picture, "flow": picture[..., ::-1]}
    found["keypoints"] = points.astype(np.float32)[places]
    return {name: found[name] for name in self.fields}
