"""XLA's persistent compilation cache."""

import os

import jax
import jaxlib

from sign_jax.files import user_path

_VARIABLE = "JAX_COMPILATION_CACHE_DIR"


def fill_in():
  """Fills in `~` and variables of $JAX_COMPILATION_CACHE_DIR, which JAX itself takes as they are.

  Raises:
    UserError: a variable is not set.
  """
  if os.environ.get(_VARIABLE):
    jax.config.update("jax_compilation_cache_dir", str(user_path(os.environ[_VARIABLE])))


def enable():
  """Keeps compiled programs in ~/.cache/sign_jax, or in $JAX_COMPILATION_CACHE_DIR where set.

  The folder is keyed by jaxlib's version and the backend: entries of another jaxlib can crash.
  """
  root = user_path(os.environ.get(_VARIABLE) or "~/.cache/sign_jax")
  folder = root / f"jaxlib-{jaxlib.__version__}-{jax.default_backend()}"
  jax.config.update("jax_compilation_cache_dir", str(folder))
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)
