"""Modules that training leaves as they are, down to how they normalise."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import flax.linen as nn

from sign_jax.modules.batch_norm import BatchNorm, BatchNormRelu


@contextlib.contextmanager
def modules(patterns: Sequence[str]) -> Iterator[None]:
  """Inside, BatchNorm of these modules uses its running statistics, which do not move.

  Args:
    patterns: regular expressions, found in a module's path of names, each with a slash behind it.
  """

  def intercept(call, args, kwargs, context) -> Any:
    module = context.module
    path = "".join(f"{name}/" for name in module.path)
    is_norm = isinstance(module, BatchNorm | BatchNormRelu) and context.method_name == "__call__"
    if is_norm and any(re.search(pattern, path) for pattern in patterns):
      x, _, *rest = args  # (what is normalised, whether in training, ...)
      args = (x, False, *rest)
    return call(*args, **kwargs)

  with nn.intercept_methods(intercept) if patterns else contextlib.nullcontext():
    yield
