"""How programs are compiled where a run is short."""

import functools

import jax
from ml_collections import ConfigDict

# Fewer passes of LLVM, and loops that XLA writes itself, without MLIR: together they halve the time
# that a network of a thousand small operations takes to be compiled, and its steps are as fast.
_QUICK = {
    "xla_backend_optimization_level": 1,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
}


def options(config: ConfigDict) -> dict[str, int | bool] | None:
  """`compiler_options` of `jax.jit` for a run's large programs; None where they are XLA's own.

  With `config.quick_compile`, and on CPU alone, those of `_QUICK` that this XLA knows.
  """
  if not config.get("quick_compile", False) or jax.default_backend() != "cpu":
    return None
  return {name: value for name, value in _QUICK.items() if _is_known(name, value)}


@functools.cache
def _is_known(name, value):
  try:
    jax.jit(lambda: 0, compiler_options={name: value}).lower().compile()
  except jax.errors.JaxRuntimeError:
    return False
  return True
