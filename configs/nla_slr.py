"""NLA-SLR: isolated signs, assisted by the words of their glosses (Zuo et al., CVPR 2023).

    python -m sign_jax.main --config configs/nla_slr.py --workdir runs/nla_slr
    python -m sign_jax.main --config configs/nla_slr.py:wlasl_2000 --workdir runs/wlasl \
      --config.data.videos=VIDEOS --config.data.gloss_embeddings=crawl-300d-2M.vec

Data sets: signing_sim (default, a simulator), and with the published settings wlasl_2000 (or
wlasl), wlasl_1000, wlasl_300, wlasl_100, msasl_1000 (or msasl), msasl_500, msasl_200, msasl_100 and
nmfs_csl, whose glosses are not published, so that labels are smoothed uniformly and features are
mixed with no glosses.

Published top-1 per instance / per class in percent, one crop: WLASL-2000 61.05 / 58.05, MS-ASL-1000
72.56 / 69.86, NMFs-CSL 83.4 (tables 1 to 3). --config.data.crops=3 averages three crops.

Every row of the paper's ablations is a set of overrides, --config.model.KEY=VALUE, here without
"--config.model." in front, to the published settings; on signing_sim, whose settings are without
intra-modality mixup, rows that do not set intra_mixup need intra_mixup=0.75 too:

    table 4 (streams; all without the parts of table 5)
      Video-32      modalities=video lengths=short
      Keypoint-32   modalities=keypoint lengths=short
      VKNet-32      lengths=short
      Video-64      modalities=video lengths=long
      Keypoint-64   modalities=keypoint lengths=long
      VKNet-64      lengths=long
      VKNet         (default)
    table 5 (components)
      VKNet         smoothing=none intra_mixup=0 inter_mixup=False
      + Lang-LS     intra_mixup=0 inter_mixup=False
      + Sign Mixup  smoothing=none
      both          (default)
    table 6 (mixup)
      none          intra_mixup=0 inter_mixup=False
      intra         inter_mixup=False
      inter         intra_mixup=0
      both          (default)
    table 7 (inter-modality mixup)
      none          inter_mixup=False
      + FC2         integration=False inter_mixup_decay=False
      + integration inter_mixup_decay=False
      + decay       (default)
    table 8 (label smoothing)
      vanilla       smoothing=uniform smoothing_eps=0.1, 0.2, 0.3
      language      smoothing_eps=0.1, 0.2, 0.3

variant="paper" draws heatmaps as the paper says, in their own size with sigma 4 at 112 x 112, and
not on 256 x 256 with sigma 8 (heatmap).
"""

from sign_jax.systems.nla_slr import settings


def get_config(dataset=None):
  """dataset: see the top of this file."""
  return settings.config(dataset)
