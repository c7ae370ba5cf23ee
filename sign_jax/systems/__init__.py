"""The systems: a folder each, and the registry that knows their names."""

from sign_jax.systems.base import Classifier, Limits, System
from sign_jax.systems.registry import get, names, register

__all__ = ["Classifier", "Limits", "System", "get", "names", "register"]
