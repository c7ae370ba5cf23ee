"""A small sign encoder on top of another one's features (SPOT-ALIGN's rounds on the simulator).

    python -m sign_jax.main --config configs/feature_encoder.py --workdir runs/encoder \
      --config.data.labels=labels.csv --config.data.videos=FEATURES --config.data.dim=256

It reads one row of a feature file where an I3D reads 16 frames: two layers (512 and 256 channels,
BatchNorm, ReLU) whose second output is the embedding, and a classifier. `labels.csv` is the table
of docs/sign_encoder.md, whose column `video` names feature files below FEATURES.
"""

from sign_jax.systems.feature_encoder import settings


def get_config(dataset=None):
  """dataset: see the top of this file."""
  return settings.config(dataset)
