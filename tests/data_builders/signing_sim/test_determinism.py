"""Same seed and version: the same bits on every machine."""

import hashlib

import numpy as np

from data_builders.signing_sim import corpus, filmed

# A change of these examples needs a new VERSION of the builder, and then new digests here.
_DIGEST = "3741e5053ae6eaeb05af467b0463d6cec3112b0e8d24c3a9f1da54d03e4f7212"
_FILMED = "db451da729d7ef651a3b48cbfdb095c329ed0301bdec9168b4746b213376e730"
_FEW = 2  # videos of every split that are filmed


def _digest(settings, example, count=None):
  digest = hashlib.sha256()
  for split in corpus.SPLITS:
    for video in corpus.videos(settings)[split][:count]:
      for name, value in sorted(example(video, settings).items()):
        if not isinstance(value, str):
          value = np.asarray(value)
          name = f"{name} {value.shape} {value.dtype.kind}"
          value = value.astype(value.dtype.newbyteorder("<")).tobytes().hex()
        digest.update(f"{split} {name} {value}\n".encode())
  return digest.hexdigest()


def test_tiny_has_the_recorded_digest():
  assert _digest(corpus.TINY, corpus.example) == _DIGEST


def test_frames_tiny_has_the_recorded_digest():
  assert _digest(filmed.TINY, filmed.example, _FEW) == _FILMED
