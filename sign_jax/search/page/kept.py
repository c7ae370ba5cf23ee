"""What was made lately, while there is room."""

import collections
import threading
from collections.abc import Callable, Hashable

from sign_jax.search.page.refusal import Refusal

_MOST_BYTES, _MOST_OF_FAULTS = 64 << 20, 64 << 10
_PATIENCE = 10.0  # seconds that a request waits for those before it


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


class Maker:
  """Makes what is not kept, few things at a time; what cannot be made is not tried again."""

  def __init__(self, at_once: int, patience: float = _PATIENCE) -> None:
    """Makes nothing yet.

    Args:
      at_once: how many are made at a time.
      patience: seconds that a request waits for its turn. All requests share some tens of threads:
        those that wait for ever would stop the page.
    """
    self._made, self._faults = Kept(), Kept(_MOST_OF_FAULTS)
    self._turns, self._patience = threading.Semaphore(at_once), patience

  def of(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
    """What is kept under a key, or made.

    Raises:
      Refusal: `make` raised one, now or before; too many others wait.
    """
    found = self._kept(key)
    if found is None:
      if not self._turns.acquire(timeout=self._patience):
        raise Refusal("other pictures and films take all the time: ask again later", 503)
      try:
        found = self._kept(key)  # made while this request waited
        if found is None:
          found = self._new(key, make)
      finally:
        self._turns.release()
    return found

  def _kept(self, key):
    fault = self._faults.get(key)
    if fault is not None:
      raise Refusal(fault.decode(), 404)
    return self._made.get(key)

  def _new(self, key, make):
    try:
      found = make()
    except Refusal as fault:
      self._faults.put(key, str(fault).encode("utf-8", "replace"))
      raise
    self._made.put(key, found)
    return found
