"""sign_jax: sign-language retrieval and recognition in JAX.

    import sign_jax
    model = sign_jax.load("runs/upret")
    model.similarity(videos, ["a sentence", "another one"])

What a name needs is imported when it is first used, so that importing the package costs nothing.
"""

import importlib

__version__ = "0.1.0"

_MODULE_OF = {
    "load": "sign_jax.api.loading",
    "evaluate": "sign_jax.api.evaluation",
    "list_systems": "sign_jax.api.catalogue",
    "Index": "sign_jax.search.index",
    "Query": "sign_jax.search.queries",
    "UserError": "sign_jax.errors",
}
__all__ = ["__version__", *_MODULE_OF]


def __getattr__(name):
  if name not in _MODULE_OF:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
  found = globals()[name] = getattr(importlib.import_module(_MODULE_OF[name]), name)
  return found


def __dir__():
  return sorted({*globals(), *_MODULE_OF})
