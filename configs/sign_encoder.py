"""The domain-aware sign encoder: an I3D fine-tuned on pseudo-labels (CiCo, CVPR 2023; UPRet eq. 6).

    python -m sign_jax.pseudo_labels --videos VIDEOS --csv clips.csv \
      --weights bsl5k.pth.tar --out labels.csv
    python -m sign_jax.main --config configs/sign_encoder.py:how2sign --workdir runs/aware \
      --config.init.i3d=bsl5k.pth.tar --config.data.labels=labels.csv --config.data.videos=VIDEOS

Data sets: how2sign (default), phoenix14t and csl_daily fine-tune as CiCo's released trainer does
(SGD with momentum 0.9, a constant rate of 0.01, batch 4, 15 epochs, flipped batches); video_folder
fine-tunes with our settings (warm-up and cosine, batch 32, 10 epochs, no flip), on whatever videos
and labels it is given; signing_sim trains a small I3D from random weights on simulated videos
(docs/sign_encoder.md). With labels of other classes than the file's, add
--config.init.classifier=fresh.
"""

from sign_jax.systems.i3d import settings


def get_config(dataset=None):
  """dataset: see the top of this file."""
  return settings.config(dataset)
