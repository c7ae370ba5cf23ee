"""The cosine whose last stair is at a rate of 0, as TwoStream-SLR's program has it."""

import numpy as np
import pytest

from sign_jax.train.schedules import cosine_ahead


def test_an_epoch_has_the_rate_that_follows_it():
  schedule = cosine_ahead(1e-3, 40, 0.0, stairs=10)
  found = [float(schedule(step)) for step in range(40)]
  for epoch in range(10):
    expected = 0.5e-3 * (1 + np.cos(np.pi * (epoch + 1) / 10))
    assert found[4 * epoch : 4 * epoch + 4] == pytest.approx([expected] * 4, abs=1e-9)


def test_without_stairs_it_falls_from_step_to_step():
  schedule = cosine_ahead(1e-3, 20, 0.0)
  found = [float(schedule(step)) for step in range(20)]
  assert all(a > b for a, b in zip(found, found[1:], strict=False))
  assert found[-1] == pytest.approx(0, abs=1e-9) and found[0] > 9e-4
