import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.golden import seeded
from sign_jax.ops import ctc
from tests.cases import GOLDEN, read_facts

SHAPE = 6, 10, 6


def padded(rows):
  width = max(1, *map(len, rows))
  return np.array([[*row, *[0] * (width - len(row))] for row in rows], np.int32)


@pytest.fixture(scope="module")
def case():
  """(golden arrays, logits, steps, glosses)."""
  inputs = read_facts("signvtcl")["inputs"]
  logits = seeded.normal("ctc/logits", SHAPE, 2)
  steps, glosses = np.array(inputs["ctc_input_lengths"], np.int32), padded(inputs["ctc_targets"])
  return dict(np.load(GOLDEN / "signvtcl.npz")), logits, steps, glosses


def mean_loss(logits, steps, glosses):
  return ctc.ctc_loss(logits, steps, glosses).sum() / len(logits)


value_and_grad = jax.jit(jax.value_and_grad(mean_loss))


def close(found, expected, tolerance):
  assert np.abs(np.asarray(found) - expected).max() <= tolerance * np.abs(expected).max()


def test_golden_losses_and_gradient(case):
  golden, *given = case
  np.testing.assert_array_equal(ctc.feasible(*given[1:]), golden["ctc/feasible"])
  close(ctc.ctc_loss(*given), golden["ctc/losses"], 2e-6)
  loss, gradient = value_and_grad(*given)
  close(loss, golden["ctc/loss_sum_over_batch"], 2e-6)
  close(gradient, golden["ctc/gradient_of_logits"], 5e-6)


def test_an_infeasible_example_has_neither_loss_nor_gradient(case):
  golden, *given = case
  out = ~golden["ctc/feasible"].astype(bool)
  assert out.any()
  assert not np.asarray(ctc.ctc_loss(*given))[out].any()
  assert not np.asarray(value_and_grad(*given)[1])[out].any()


def test_no_glosses_are_the_path_of_blanks(case):
  logits = case[1][:1]
  log_probability = jax.nn.log_softmax(logits)[0, :7, 0].sum()
  for width in (1, 4):
    found = ctc.ctc_loss(logits, np.array([7]), np.zeros((1, width), np.int32))
    np.testing.assert_allclose(found, -log_probability[None], rtol=1e-6)


def test_padding_is_not_read_and_has_no_gradient(case):
  _, logits, steps, glosses = case
  wild = np.array(logits)
  wild[np.arange(SHAPE[1])[None] >= steps[:, None]] = np.inf
  np.testing.assert_array_equal(
      ctc.ctc_loss(wild, steps, glosses), ctc.ctc_loss(logits, steps, glosses)
  )
  gradient = np.asarray(value_and_grad(wild, steps, glosses)[1])
  assert not gradient[np.arange(SHAPE[1])[None] >= steps[:, None]].any()
  assert np.isfinite(gradient).all()


def test_more_padding_of_glosses_changes_nothing(case):
  _, logits, steps, glosses = case
  wider = np.pad(glosses, ((0, 0), (0, 3)))
  np.testing.assert_allclose(
      ctc.ctc_loss(logits, steps, wider), ctc.ctc_loss(logits, steps, glosses), rtol=1e-6
  )


def test_half_precision_is_summed_in_single(case):
  _, logits, steps, glosses = case
  half = jnp.asarray(logits, jnp.bfloat16)
  found = ctc.ctc_loss(half, steps, glosses)
  assert found.dtype == jnp.float32
  np.testing.assert_array_equal(found, ctc.ctc_loss(half.astype(jnp.float32), steps, glosses))


def test_against_pytorch():
  torch = pytest.importorskip("torch")
  draw = np.random.default_rng(0)
  logits = draw.standard_normal((24, 11, 5)).astype(np.float32) * 2
  steps, counts = draw.integers(1, 12, 24), draw.integers(0, 7, 24)
  glosses = draw.integers(1, 5, (24, 6)) * (np.arange(6)[None] < counts[:, None])
  given = torch.from_numpy(logits).requires_grad_()
  expected = torch.nn.functional.ctc_loss(
      given.log_softmax(2).transpose(0, 1), torch.from_numpy(glosses), torch.from_numpy(steps),
      torch.from_numpy(counts), reduction="none", zero_infinity=True,
  )
  (expected.sum() / len(logits)).backward()
  glosses = glosses.astype(np.int32)
  is_out = ~np.asarray(ctc.feasible(steps, glosses))
  assert 0 < is_out.sum() < len(steps)
  np.testing.assert_array_equal(is_out, ~(expected.detach().numpy() > 0))
  close(ctc.ctc_loss(logits, steps, glosses), expected.detach().numpy(), 2e-6)
  close(value_and_grad(logits, steps, glosses)[1], given.grad.numpy(), 1e-5)
