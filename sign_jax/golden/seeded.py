"""Weights and inputs of golden cases: functions of their names and shapes alone.

Numbers come from numpy's PCG64 generator seeded with the CRC-32 of the name.
"""

import zlib

import numpy as np

LOGIT_SCALE = 2.6592600


def _generator(name):
  return np.random.default_rng(zlib.crc32(name.encode()))


def normal(name, shape, scale=1.0):
  """float32 array of standard normal numbers times `scale`."""
  return (_generator(name).standard_normal(tuple(shape)) * scale).astype(np.float32)


def integers(name, low, high, shape):
  """int64 array, uniform in [low, high)."""
  return _generator(name).integers(low, high, size=tuple(shape))


def parameter(name, shape, gain=1.0, prefix=""):
  """One entry of a PyTorch state dict.

  Args:
    name: its PyTorch name.
    shape: tuple.
    gain: scales weights of two and more axes.
    prefix: stands before the name where numbers are drawn.
  """
  drawn = lambda scale: normal(prefix + name, shape, scale)
  if name.endswith("logit_scale"):
    return np.full(shape, LOGIT_SCALE, np.float32)
  if name.endswith("num_batches_tracked"):
    return np.zeros(shape, np.int64)
  if name.endswith("running_var"):
    return 1.0 + 0.2 * np.abs(drawn(1.0))
  if name.endswith("running_mean"):
    return drawn(0.1)
  if len(shape) >= 2:
    return drawn(gain * int(np.prod(shape[1:])) ** -0.5)
  if name.endswith(("weight", "gamma")):  # scales of normalisation layers
    return (1.0 + drawn(0.1)).astype(np.float32)
  return drawn(0.1)


def state_dict(facts):
  """{PyTorch name: array} of a case's `params`, with its `gain` and `seed_prefix`.

  `gain` is a number, or {part of names: number} where only some parameters have one.
  """
  gain, prefix = facts.get("gain", 1.0), facts.get("seed_prefix", "")
  return {
      name: parameter(name, tuple(shape), _gain_of(name, gain), prefix)
      for name, shape in facts["params"]
  }


def _gain_of(name, gain):
  if not isinstance(gain, dict):
    return gain
  return next((value for part, value in gain.items() if part in name), 1.0)


def fingerprint(state):
  """Sum of absolute values of all entries in float64."""
  return float(sum(np.abs(np.asarray(x, np.float64)).sum() for x in state.values()))
