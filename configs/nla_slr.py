"""NLA-SLR: isolated signs by video and keypoints (CVPR 2023).

    python -m sign_jax.main --config configs/nla_slr.py --workdir runs/nla_slr
"""

from sign_jax.systems.nla_slr import settings


def get_config(dataset=None):
  """dataset: see the top of this file."""
  return settings.config(dataset)
