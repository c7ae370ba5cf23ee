"""What a batch looks like, in JSON values: so a run notes what its model was built for."""

import numpy as np


def of_batch(batch):
  """The `protocols.Inputs` of a batch.

  Args:
    batch: nested dict of arrays (B, ...).

  Returns:
    the same of [shape without B, name of the dtype].
  """
  if isinstance(batch, dict):
    return {name: of_batch(value) for name, value in batch.items()}
  return [list(batch.shape[1:]), np.dtype(batch.dtype).name]


def zeros(inputs, size):
  """A batch of zeros.

  Args:
    inputs: `protocols.Inputs`; its whole numbers are left out.
    size: B.

  Returns:
    nested dict of numpy arrays (B, ...).
  """
  if isinstance(inputs, dict):
    named = inputs.items()
    return {name: zeros(value, size) for name, value in named if not isinstance(value, int)}
  shape, dtype = inputs
  return np.zeros((size, *shape), dtype)
