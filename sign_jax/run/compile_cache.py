"""XLA's persistent compilation cache."""

import os

import jax
import jaxlib

from sign_jax.files import user_path

_VARIABLE = "JAX_COMPILATION_CACHE_DIR"
_LEAST = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"  # what compiles in less is not kept


def enable():
  """Keeps compiled programs in ~/.cache/sign_jax, or in $JAX_COMPILATION_CACHE_DIR where set.

  `~` and variables in it are filled in, which JAX itself would take as they are. The folder is
  keyed by jaxlib's version and the backend: entries of another jaxlib can crash. It asks JAX for
  its backend, so nothing that JAX must know before that may come later.

  Raises:
    UserError: a variable in $JAX_COMPILATION_CACHE_DIR is not set.
  """
  root = user_path(os.environ.get(_VARIABLE) or "~/.cache/sign_jax")
  folder = root / f"jaxlib-{jaxlib.__version__}-{jax.default_backend()}"
  jax.config.update("jax_compilation_cache_dir", str(folder))
  if _LEAST not in os.environ:
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)
