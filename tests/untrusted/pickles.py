"""Pickles for tests, and how they are read and refused."""

import re
import tracemalloc

import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.untrusted import safe_pickle

FEATURE = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)


class Call:
  """Pickled as a call of `function`, perhaps followed by a state."""

  def __init__(self, function, *arguments, state=None):
    self.reduced = function, arguments, *([] if state is None else [state])

  def __reduce__(self):
    return self.reduced


def read(tmp_path, data, **options):
  (tmp_path / "a.pkl").write_bytes(data)
  return safe_pickle.read(tmp_path / "a.pkl", **options)


def refused(tmp_path, data, reason="", **options):
  """Expects one sentence with the file's name, and that no memory is taken."""
  tracemalloc.start()
  with pytest.raises(UserError) as caught:
    read(tmp_path, data, **options)
  _, peak = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  text = str(caught.value)
  assert str(tmp_path / "a.pkl") in text and "\n" not in text and len(text) < 700
  assert re.search(reason, text), text
  assert peak < 40 * len(data) + 2**22
  return text
