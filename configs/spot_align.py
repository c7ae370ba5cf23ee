"""SPOT-ALIGN: retrieval with free-form texts, by spotted signs (Duarte et al., CVPR 2022).

    python -m sign_jax.main --config configs/spot_align.py --workdir runs/spot_align
    python -m sign_jax.main --config configs/spot_align.py:how2sign --workdir runs/spot_how2sign \
      --config.model.text.file=crawl-300d-2M.vec

This trains the cross-modal embeddings (CM) on features of a sign encoder that stays as it is.

Data sets: signing_sim (default, a simulator), and with the settings nearest to the published ones
how2sign, phoenix14t and csl_daily (batch 128, 40 epochs, RAdam with lr 1e-3, which falls by 5 %
after each epoch). Word vectors (model.text.embedding) come from a file of yours, or are made from
the training captions (corpus), drawn for each lemma (hash) or learned.

Published T2V / V2T R@1 in percent: How2Sign 24.7 / 17.9 by these embeddings, 18.4 / 11.5 by
recognised signs (SR), 32.8 / 23.3 by both (COMB); PHOENIX-2014T 48.6 / 50.3, 30.2 / 28.8 by a
translation, 55.8 / 53.1 (tables 6 and 7).

Every row of the paper's tables is a set of overrides, --config.KEY=VALUE, here without "--config."
in front, and without "model." before video and text. Rows with spotting or data.alignment are for
launch.spot_align, which measures sr, cm and comb at once:

    table 1 (features; fusion.systems=sr for the left half, cm for the right one)
      Kinetics      data.combine=kinetics
      BOBSL         data.combine=bobsl
      M             spotting.iterations=0 spotting.vocabulary=mouthing
      M+D1 to M+D3  spotting.iterations=1, 2, 3 and spotting.vocabulary=mouthing, full
    table 2 (aggregation of windows)
      max pooling   video.aggregation=max
      avg. pooling  (default)
    table 3 (word vectors)
      GPT           text.embedding=file text.file=gpt.npz
      GPT-2-xl      text.embedding=file text.file=gpt2_xl.npz
      ALBERT-XL     text.embedding=file text.file=albert_xl.npz
      W2V           text.embedding=file text.file=word2vec.npz
      GrOVLE        text.embedding=file text.file=grovle.npz
    table 4 (probability of recognised signs)
      0 to 0.75     fusion.systems=sr sr.threshold=0.0, 0.1, 0.25, 0.5, 0.75
    table 5 (times of sentences; fusion.systems as in table 1)
      speech        data.alignment=speech
      signing       (default)
    table 6 (combination)
      SR            fusion.systems=sr
      CM            fusion.systems=cm
      SR + CM       fusion.systems=comb
    table 7 (configs/spot_align.py:phoenix14t)
      translation   sr.source=translation fusion.systems=sr
      cross-modal   sr.source=translation fusion.systems=cm
      combination   sr.source=translation fusion.systems=comb

The paper leaves open how wide the embeddings are, the loss's margin, NetVLAD's clusters and the
optimiser: those are the released components' in the settings nearest to the paper's, and the width
is ours.

variant="paper" follows the paper where the released code differs from it: padding stays out of
NetVLAD (text.mask_padding), the loss is divided by the batch and not by the number of its terms
(eq. 1, loss), and videos are projected linearly, without the gate (video.projection).
"""

from sign_jax.systems.spot_align import settings


def get_config(dataset=None):
  """dataset: see the top of this file."""
  return settings.config(dataset)
