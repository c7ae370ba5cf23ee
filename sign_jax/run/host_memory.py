"""What becomes of freed memory where the CPU computes."""

import ctypes
import importlib.metadata
import os
import sys

import jax

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # parameters of glibc's mallopt (malloc.h)
_OTHER_THREADS = (0, 11)  # JAX 0.12 computes in threads of its own, whatever is asked for


def keep_freed():
  """Lets glibc keep what a step frees for the next one, on one CPU device with JAX 0.10.

  A step's temporaries are one block of gigabytes. Given back to the system and mapped anew, all
  its pages are cleared in every step: a quarter of the time of UPRet's step, for which the program
  holds up to half as much memory again (docs/speed.md). Nothing changes elsewhere, nor where the
  environment says how the C library is to allocate (MALLOC_..., GLIBC_TUNABLES, LD_PRELOAD).
  For programs, which own their process, before JAX's first computation.

  Returns:
    Whether freed memory is kept.
  """
  if not sys.platform.startswith("linux") or jax.__version_info__ >= _OTHER_THREADS:
    return False
  if _accelerated() or _decided():
    return False
  mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
  if mallopt is None:
    return False
  # Only the main thread's heap can hold such a block: steps are to run, and allocate, there.
  jax.config.update("jax_cpu_enable_async_dispatch", False)
  # The heap, which does not shrink any more, in place of a mapping for each block.
  return bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, -1))


def _decided():
  names = "GLIBC_TUNABLES", "LD_PRELOAD"
  return any(name.startswith("MALLOC_") or name in names for name in os.environ)


def _accelerated():
  """Whether JAX can have an accelerator; asking JAX itself would start its threads."""
  platforms = jax.config.jax_platforms
  if platforms:
    return platforms.split(",")[0] != "cpu"
  return bool(importlib.metadata.entry_points(group="jax_plugins")) or _installed("libtpu")


def _installed(package):
  try:
    importlib.metadata.version(package)
  except importlib.metadata.PackageNotFoundError:
    return False
  return True
