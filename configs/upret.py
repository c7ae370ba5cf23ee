"""UPRet: uncertainty-aware sign language video retrieval (Wu et al., ECCV 2024).

    python -m sign_jax.main --config configs/upret.py --workdir runs/upret
    python -m sign_jax.main --config configs/upret.py:how2sign --workdir runs/how2sign

Data sets: signing_sim (default, a simulator), how2sign, phoenix14t, csl_daily (published
settings: batch 512, 200 epochs, lr 1e-5) and video_folder (one's own videos).

Published T2V / V2T R@1 in percent: How2Sign 59.1 / 53.4, PHOENIX-2014T 72.0 / 72.0,
CSL-Daily 78.4 / 77.0 (tables 1 to 3).

Every row of the paper's ablations is a set of overrides, --config.model.KEY=VALUE, here without
"--config.model." in front:

    table 4 (DM, RS, OT)
      - - -         configs/cico.py
      DM RS -       ot.weight=0 distribution.refine=True
      - - OT        distribution.modelling=False distribution.sampling=False ot.level=token
      - RS OT       distribution.modelling=False
      DM RS OT      (default)
    table 6 (distribution of text, video)
      - -           configs/cico.py
      text          distribution.video=False
      video         distribution.text=False
      text video    (default)
    table 7 (structure of the distribution modules)
      baseline      configs/cico.py
      MLP           distribution.structure=mlp
      attention     distribution.structure=attention
      both          (default)
    figure 3 (a)    distribution.samples=1, 2, 4, 6, 8
    figure 3 (b)    ot.weight=0.2, 0.4, 0.6, 0.8, 1.0

The paper does not say what the partial rows of table 4 compute. We read them so:
- without OT, the late interaction reads the refined features of eq. 11 and 12;
- without DM, a token's distribution has the token as mean and unit variance. Tokens are not
  normalised, and the noise has a length of about sqrt(D);
- without DM and RS, the tokens themselves are transported, because one pooled sample on each side
  leaves nothing to transport. So this row differs from the others in ot.level too.
ot.solver=scaling finds plans between tokens several times faster, at least on a CPU.

variant="paper" follows the paper where the released code differs from it: hard max over tokens
(eq. 24); padding masked; tokens split before the attention of the distribution modules (eq. 7-10),
whose scores are scaled by (D / heads)^-0.5 (eq. 8); transport between tokens (eq. 15-22), inside
the similarity that is scaled; K draws without the mean (eq. 11-12); one loss of the mean similarity
(eq. 24-26). Each of these is also a switch of its own, see docs/fidelity.md.
"""

from sign_jax.systems.upret import settings


def get_config(dataset=None):
  """dataset: see the top of this file."""
  return settings.config(dataset)
