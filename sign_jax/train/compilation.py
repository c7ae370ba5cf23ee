"""How programs are compiled on CPU; elsewhere as XLA itself has it."""

import functools

import jax
from ml_collections import ConfigDict

_CONVOLUTIONAL = ("recognition", "continuous")  # tasks
# Not YNNPACK's convolutions: on the shapes of S3D their gradients of kernels take 0.9 to 1.9 times
# the processor time of XLA's own, and 2 and 14 times over time alone (docs/speed.md).
_OF_CONVOLUTIONS = {
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_DOT,LIBRARY_FUSION_TYPE_REDUCE"
}
# Fewer passes of LLVM, and loops that XLA writes itself, without MLIR: together they halve the time
# that a network of a thousand small operations takes to be compiled, and its steps are as fast.
_QUICK = {
    "xla_backend_optimization_level": 1,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
}


def options(config: ConfigDict) -> dict[str, int | bool | str] | None:
  """`compiler_options` of `jax.jit` for a run's large programs; None where they are XLA's own.

  Networks that recognise signs are made of convolutions; `config.quick_compile` is for short runs.
  What this XLA does not know is left out.
  """
  if jax.default_backend() != "cpu":
    return None
  wanted = _OF_CONVOLUTIONS if config.get("task") in _CONVOLUTIONAL else {}
  wanted = wanted | (_QUICK if config.get("quick_compile", False) else {})
  return {name: value for name, value in wanted.items() if _is_known(name, value)} or None


@functools.cache
def _is_known(name, value):
  try:
    jax.jit(lambda: 0, compiler_options={name: value}).lower().compile()
  except jax.errors.JaxRuntimeError:
    return False
  return True
