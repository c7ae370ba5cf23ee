"""The domain-aware sign encoder: an I3D fine-tuned on pseudo-labels (CiCo, CVPR 2023; UPRet eq. 6).

    python -m sign_jax.pseudo_labels --videos VIDEOS --csv clips.csv \
      --weights bsl5k.pth.tar --out labels.csv
    python -m sign_jax.main --config configs/sign_encoder.py:how2sign --workdir runs/aware \
      --config.init.i3d=bsl5k.pth.tar --config.data.labels=labels.csv --config.data.videos=VIDEOS

Data sets: how2sign (default), phoenix14t, csl_daily and video_folder, all of which fine-tune on
one's own labels, and signing_sim, which trains a small I3D from random weights on simulated videos
(docs/sign_encoder.md). The papers give SGD with momentum 0.9 and cross-entropy; learning rate,
batch and epochs are ours. With labels of other classes than the file's, add
--config.init.classifier=fresh.
"""

from sign_jax.systems.i3d import settings


def get_config(dataset=None):
  """dataset: see the top of this file."""
  return settings.config(dataset)
