"""CiCo: domain-aware sign language retrieval via cross-lingual contrastive learning (CVPR 2023).

    python -m sign_jax.main --config configs/cico.py --workdir runs/cico
    python -m sign_jax.main --config configs/cico.py:phoenix14t --workdir runs/phoenix14t

Data sets: signing_sim (default, a simulator), how2sign, phoenix14t, csl_daily (published
settings: batch 512, 200 epochs, lr 1e-5) and video_folder (one's own videos).

Published T2V / V2T R@1 in percent: How2Sign 56.6 / 51.6, PHOENIX-2014T 69.5 / 70.2,
CSL-Daily 75.3 / 74.7; as UPRet's authors ran it: 56.4 / 50.3, 70.4 / 70.9, 76.3 / 73.9.
"""

from sign_jax.systems.cico import settings


def get_config(dataset=None):
  """dataset: see the top of this file."""
  return settings.config(dataset)
