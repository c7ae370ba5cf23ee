"""NLA-SLR's settings."""

import ml_collections

from sign_jax.systems.recognition_settings import recognition_config


def config(dataset: str | None = None) -> ml_collections.ConfigDict:
  """The whole configuration for a data set."""
  del dataset
  found = recognition_config("nla_slr", "isolated signs", {
      "width": 1.0,
      "modalities": "both",  # or "video", "keypoint"
      "lengths": "both",  # or "long", "short"
      "embedding": 0,  # of the glosses; 0: that of the vectors, or of the file of weights
  })
  found.init = ml_collections.ConfigDict({
      "model": "",  # file of a whole model's weights
      # Where streams begin: a run's folder, or a file of weights.
      "video_long": "", "keypoint_long": "", "video_short": "", "keypoint_short": "",
      "long": "", "short": "",  # both streams of a length, with the connections between them
  })
  return found
