"""Rows of golden cases whose quantities are not all compared in one way."""

import dataclasses
from typing import Any

import numpy as np

from sign_jax.golden.compare import Row


@dataclasses.dataclass(frozen=True)
class Judge:
  """Makes rows; `rtol` stands in place of all relative tolerances."""

  rtol: float | None = None

  def near(self, name: str, got: Any, expected: Any, tolerance: float) -> Row:
    """Entries may differ by the tolerance times the largest one."""
    tolerance = tolerance if self.rtol is None else self.rtol
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    if got.shape != expected.shape:
      return _failed(name, tolerance, f"shape {got.shape}, not {expected.shape}")
    error, largest = np.abs(got - expected).max(), np.abs(expected).max()
    relative = error / largest if largest else error
    return Row(name, error, relative, tolerance, _verdict(relative <= tolerance))

  def within(self, name: str, got: Any, expected: Any, bound: float) -> Row:
    """Entries may differ by `bound`."""
    error = np.abs(np.asarray(got, np.float64) - np.asarray(expected, np.float64)).max()
    return Row(name, error, np.nan, bound, _verdict(error <= bound))

  def equal(self, name: str, got: Any, expected: Any) -> Row:
    """The same float16 numbers, signs of 0 too."""
    got, expected = (np.asarray(x, np.float32) for x in (got, expected))
    if got.shape != expected.shape:
      return _failed(name, 0.0, f"shape {got.shape}, not {expected.shape}")
    fine = np.array_equal(got.view(np.int32), expected.view(np.int32))
    return Row(name, np.abs(got - expected).max(), np.nan, 0.0, _verdict(fine))

  def float16(self, name: str, got: Any) -> Row:
    """Numbers that float16 holds."""
    got = np.asarray(got, np.float32)
    error = np.abs(got - got.astype(np.float16)).max()
    return Row(f"{name} are float16 values", error, np.nan, 0.0, _verdict(error == 0))


def _verdict(fine):
  return "ok" if fine else "DISAGREES"


def _failed(name, tolerance, verdict):
  return Row(name, np.nan, np.nan, tolerance, verdict)
