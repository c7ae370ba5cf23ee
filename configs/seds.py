"""SEDS: semantically enhanced dual-stream encoder (Jiang et al., ACM MM 2024).

    python -m sign_jax.main --config configs/seds.py --workdir runs/seds
    python -m sign_jax.main --config configs/seds.py:how2sign --workdir runs/seds_how2sign

Data sets: signing_sim (default, a simulator), and how2sign, phoenix14t, csl_daily, built as
NAME/features_pose (published settings: batch 128, 200 epochs, lr 1e-4 of the pose encoder and the
fusion, 1e-5 of the rest).

Published T2V / V2T R@1 in percent: How2Sign 62.5 / 57.9, PHOENIX-2014T 76.8 / 78.7,
CSL-Daily 85.8 / 85.4 (tables 1 to 3).

Every row of the paper's ablations is a set of overrides, --config.model.KEY=VALUE, here without
"--config.model." in front:

    table 4 (streams)
      pose          streams=pose
      RGB           streams=rgb
      both          (default)
    table 5 (fusion)
      Add-MLP       fusion.kind=add_mlp
      Concate-MLP   fusion.kind=concat_mlp
      Concate-Trans fusion.kind=concat_transformer
      Cross-Atten   fusion.kind=cross_attention
      CGAF          (default)
    table 6 (matching of pose and RGB)
      no            beta=0
      yes           (default)
    figure 5 (a)    alpha=0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0
    figure 5 (b)    beta=0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0 and alpha=0.8

The paper does not print the numbers of figure 5, and does not say how the other fusions of table 5
are built; our reading is at the top of each class in sign_jax/modules/cgaf.py. A single stream
reads the same windows of the same videos as both do, and its loss is CiCo's.

variant="paper" follows the paper where the released code differs from it: queries come from a
stream itself, keys and values from the other one (eq. 2, fusion.roles); interpolation between
tokens is exact (fusion.sampling); no norm and no outer residual follow the merge (eq. 3,
fusion.merge); alpha is 0.8 and not 1. Each of these is also a switch of its own, see docs/seds.md.
"""

from sign_jax.systems.seds import settings


def get_config(dataset=None):
  """dataset: see the top of this file."""
  return settings.config(dataset)
