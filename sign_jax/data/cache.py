"""Features kept in memory."""

import threading


def new_key():
  """A part of keys that nobody else has or will have; a copy by pickle is another one.

  Not the `id` of what is read: a cache outlives it, and the next object may get the same number.
  The cache holds this object, so that nothing else can take its place.
  """
  return object()


class FeatureCache:
  """Keeps what it is given until it is full; shared between threads, empty in worker processes."""

  def __init__(self, limit_bytes):
    self._room, self._held, self._lock = limit_bytes, {}, threading.Lock()

  @property
  def nbytes(self):
    """Bytes that are held."""
    return sum(array.nbytes for arrays in self._held.values() for array in arrays.values())

  def get(self, key):
    """{name: array}, or None."""
    return self._held.get(key)

  def put(self, key, arrays):
    """Keeps copies of {name: array} if there is room for all of them."""
    size = sum(array.nbytes for array in arrays.values())
    with self._lock:
      if key in self._held or size > self._room:
        return
      self._room -= size
      self._held[key] = {name: array.copy() for name, array in arrays.items()}

  def __getstate__(self):
    return {"limit_bytes": 0}

  def __setstate__(self, state):
    self.__init__(**state)
