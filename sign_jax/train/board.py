"""TensorBoard files, by a writer that does without PyTorch."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def _without_torch() -> Iterator[None]:
  # tensorboardX would import it where it is installed, which takes longer than all our imports.
  if "torch" in sys.modules:
    yield
    return
  sys.modules["torch"] = None  # as if it were missing
  try:
    yield
  finally:
    del sys.modules["torch"]


with _without_torch():
  from tensorboardX import SummaryWriter

__all__ = ["SummaryWriter"]
