"""Windows of many videos when the encoder fails: nothing is left that waits for ever."""

import threading
from typing import NamedTuple

import numpy as np

from sign_jax.encoder import preparation, windows


class Job(NamedTuple):
  path: str = "a.mp4"
  start: float = 0.0
  end: float = 1.0
  box: None = None


def test_no_thread_is_left_when_the_encoder_fails(monkeypatch):
  def endless(path, start, end, crop, notes, box):
    while True:
      yield 0.0, np.zeros((crop, crop, 3), np.uint8)

  def encode(batch):
    raise RuntimeError("no memory")

  monkeypatch.setattr(windows, "_MOST_BYTES", 1)
  before = set(threading.enumerate())
  encoder = windows.Encoder(encode, 8, 8, preparation.EXACT._replace(read=endless))
  try:
    list(windows.encode_videos([Job()] * 3, encoder, 8))
  except RuntimeError:  # whose traceback lives until the end of this block
    left = set(threading.enumerate()) - before
  assert not left
