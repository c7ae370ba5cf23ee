"""What was made lately, while there is room."""

import collections
import threading
from collections.abc import Hashable

_MOST_BYTES = 64 << 20


class Kept:
  """{key: bytes}, of which those that were asked for longest ago make room for others."""

  def __init__(self, most: int = _MOST_BYTES) -> None:
    self._most, self._bytes = most, 0
    self._found, self._lock = collections.OrderedDict(), threading.Lock()

  def get(self, key: Hashable) -> bytes | None:
    with self._lock:
      if key in self._found:
        self._found.move_to_end(key)
      return self._found.get(key)

  def put(self, key: Hashable, content: bytes) -> None:
    with self._lock:
      self._bytes += len(content) - len(self._found.pop(key, b""))
      self._found[key] = content
      while self._bytes > self._most:
        self._bytes -= len(self._found.popitem(last=False)[1])
