"""A user's own video as a query: through the sign encoder, and not kept."""

import asyncio
import collections
import contextlib
import hashlib
import pathlib
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from sign_jax.encoder import windows
from sign_jax.encoder.clips import Clip
from sign_jax.errors import UserError
from sign_jax.search.page.refusal import Refusal
from sign_jax.video import frames

MOST_BYTES = 64 << 20
MOST_FRAMES = 3600  # a minute of most cameras
_MOST_SECONDS = 120.0  # that the encoder works on one
_AT_ONCE = 3  # videos that come in
_COMING_SECONDS = 300.0  # that one may take to come in
_PATIENCE = 60.0  # seconds that one waits for those before it
_KEPT = 16  # videos' features
_BUSY = "another video is being read: send this one again in a while"
NO_UPLOADS = (
    "this page was started without a sign encoder: start it with --weights FILE, the encoder that "
    "the features of the archive come from, to search with videos of your own"
)


class Uploads:
  """Reads videos, one at a time, and keeps the features of the last ones."""

  def __init__(self, load: Callable[[], windows.Encoder], stride: int) -> None:
    """Waits with the encoder until a video comes.

    Args:
      load: makes the `windows.Encoder`.
      stride: frames from one window to the next, as in the archive.
    """
    self._load, self._stride = load, stride
    self._encoder = None
    self._coming = 0
    self._features, self._lock = collections.OrderedDict(), threading.Lock()

  async def receive(self, parts: AsyncIterator[bytes], read: Callable) -> dict[str, Any]:
    """Takes a video in; returns {"video": its name here, "seconds": its length}.

    Args:
      parts: of the file.
      read: runs a function and its arguments in another thread.

    Raises:
      Refusal: it is too large or too long, or comes too slowly, or others are before it.
      VideoError: it is no video, or a damaged one.
    """
    if self._lock.locked() or self._coming >= _AT_ONCE:
      raise Refusal(_BUSY, 503)
    self._coming += 1  # in the server's one loop: no other thread does
    try:
      with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "video"
        digest = await _in_time(_save(parts, path))
        return await read(self._in_turn, path, digest)
    finally:
      self._coming -= 1

  def _in_turn(self, path, digest):
    if not self._lock.acquire(timeout=_PATIENCE):
      raise Refusal(_BUSY, 503)
    try:
      return self._read(path, digest)
    finally:
      self._lock.release()

  def _read(self, path, digest):
    features, seconds = self._encoded(path)
    self._features[digest] = features
    while len(self._features) > _KEPT:
      self._features.popitem(last=False)
    return {"video": digest, "seconds": seconds}

  def features(self, video: str) -> Float[np.ndarray, "windows D"]:
    """Of a video that was taken in; raises Refusal where it is no longer there."""
    found = self._features.get(video)
    if found is None:
      raise Refusal("the video that you searched with is no longer here: choose it again", 404)
    return found

  def _encoded(self, path):
    """(features, seconds)."""
    if self._encoder is None:
      self._encoder = self._load()
    begun = None  # not before the encoder is compiled
    most = MOST_FRAMES // self._stride
    reading = windows.encode_videos([Clip("video", "video", path)], self._encoder, self._stride)
    with contextlib.closing(reading):  # ends its threads where the video is refused
      for count, result in reading:
        begun = begun or time.monotonic()
        if count > most:
          raise Refusal(f"a video to search with has at most {MOST_FRAMES} frames: cut it", 413)
        if result is None:
          if time.monotonic() - begun > _MOST_SECONDS:
            raise Refusal(
                f"the video takes more than {_MOST_SECONDS:g} seconds to read: cut it", 413
            )
          continue
        if result.error:
          reason = str(result.error).replace(str(path), "the video")
          raise frames.VideoError(reason) from result.error
        return np.asarray(result.outputs), float(result.seconds[-1])
    raise UserError("the video has no windows")


async def _in_time(coming):
  try:
    async with asyncio.timeout(_COMING_SECONDS):
      return await coming
  except TimeoutError as error:
    raise Refusal(
        f"the video takes more than {_COMING_SECONDS:g} seconds to come in: cut it", 408
    ) from error


async def _save(parts, path):
  """Writes a file; returns a name for its content."""
  digest, size = hashlib.blake2b(digest_size=8), 0
  with path.open("wb") as file:
    async for part in parts:
      size += len(part)
      if size > MOST_BYTES:
        raise Refusal(f"a video to search with has at most {MOST_BYTES >> 20} MiB: cut it", 413)
      digest.update(part)
      file.write(part)
  return digest.hexdigest()
