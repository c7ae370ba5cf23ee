"""A program whose files may not be larger: `python -m tests.limited BYTES MODULE ARGS`.

Nothing is added to the cache of compiled programs: JAX would leave damaged files, which stay.
"""

import resource
import runpy
import sys

import jax

if __name__ == "__main__":
  limit = int(sys.argv.pop(1))
  del sys.argv[0]
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 1e9)
  resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
  runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
