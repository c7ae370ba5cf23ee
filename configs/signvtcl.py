"""SignVTCL: continuous sign language recognition from three streams and text (Chen et al., 2024).

    python -m sign_jax.main --config configs/signvtcl.py --workdir runs/signvtcl
    python -m launch.signvtcl --config configs/signvtcl.py --workdir runs/signvtcl_stages
    python -m launch.signvtcl --config configs/signvtcl.py:phoenix14 --workdir runs/phoenix14 \
      --config.text.weights=mbart/pytorch_model.bin --config.init.video=S3D \
      --config.text.vocabulary=mbart/sentencepiece.bpe.model --config.init.keypoint=S3D \
      --config.init.flow=S3D

The first command trains all streams at once and follows the model's own paths through the glosses.
The others go the paper's way (docs/signvtcl.md): each stream alone, all of them from these, and
again with alignment, which follows the path of those. S3D is a file of an S3D that was trained on
Kinetics-400.

Data sets: signing_sim (default, a simulator), and with the published settings phoenix14, phoenix14t
and csl_daily. model.variant=base is TwoStream-SLR, on which SignVTCL builds.

Published word error rates in percent, validation / test:

               phoenix14    phoenix14t   csl_daily
    SignVTCL   17.1 / 17.4  16.7 / 17.7  24.2 / 24.0
    base       18.4 / 18.8  17.7 / 19.3  25.4 / 25.3

Every row of the paper's table 2 is a set of overrides, --config.model.KEY=VALUE, here without
"--config.model." in front; "unaligned" stands for align.gloss=0 align.sentence=0:

    group 1 (one stream)
      20.1 / 20.5   streams=video unaligned
      27.0 / 26.2   streams=keypoint unaligned
      38.9 / 38.1   streams=flow unaligned
    group 2 (several streams)
      19.0 / 19.2   fusion.stages=1 unaligned
      18.7 / 19.0   fusion.stages=2 unaligned
      18.3 / 18.6   unaligned
      18.6 / 19.0   fusion.kind=attention unaligned
      18.4 / 18.8   fusion.kind=convolution unaligned
      19.0 / 19.3   streams=video+keypoint unaligned
      19.6 / 19.9   streams=video+flow unaligned
      25.5 / 25.2   streams=keypoint+flow unaligned
    group 3 (alignment of glosses, of sentences, or both)
      17.5 / 17.8   align.sentence=0
      17.7 / 17.9   align.gloss=0
      17.1 / 17.4   (default)
      19.2 / 19.4   streams=video
      25.1 / 24.7   streams=keypoint
      36.0 / 35.8   streams=flow
      17.9 / 18.4   streams=video+keypoint
      18.3 / 18.8   streams=video+flow
      24.5 / 24.1   streams=keypoint+flow

Which numbers are those of attention and which of convolution is presumed. On the published data
sets alignment follows a teacher: --config.init.teacher names the folder of the run with the same
streams and without alignment; launch.signvtcl and launch.reproduce see to that themselves.
"""

from sign_jax.systems.signvtcl import settings


def get_config(dataset=None):
  """dataset: see the top of this file."""
  return settings.config(dataset)
