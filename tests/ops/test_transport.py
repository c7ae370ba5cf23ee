import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops import transport
from sign_jax.ops.late_interaction import normalize

# One program each: step by step, most of the time would go into compiling the steps.
uniform_plans = jax.jit(transport.uniform_plans, static_argnums=(1, 2, 3))
token_similarity = jax.jit(
    transport.token_similarity, static_argnames=("solver", "iterations", "max_elements")
)


def similarities(m, n, problems=40, seed=0):
  rng = np.random.default_rng(seed)
  return jnp.asarray(rng.uniform(0.0, 0.5, (problems, m, n)), jnp.float32)


def exact_plan(cost, a, b, epsilon, rounds=3000):
  """Sinkhorn in float64, far beyond convergence."""
  kernel = np.exp(-np.asarray(cost, np.float64) / epsilon)
  r, c = np.ones(len(a)), np.ones(len(b))
  for _ in range(rounds):
    r = np.divide(a, kernel @ c, out=np.zeros_like(r), where=a > 0)
    c = np.divide(b, kernel.T @ r, out=np.zeros_like(c), where=b > 0)
  return r[:, None] * kernel * c


def test_solvers_agree_on_two_by_two():
  s = similarities(2, 2)
  exact = np.stack([exact_plan(1 - x, np.full(2, 0.5), np.full(2, 0.5), 0.1) for x in s])
  closed = uniform_plans(s, "closed_form", 0.1, 0)
  np.testing.assert_allclose(closed, exact, atol=1e-6)
  # The released loop stops early on purpose.
  np.testing.assert_allclose(uniform_plans(s, "released", 0.1, 0), exact, atol=0.05)


def test_the_closed_form_is_the_limit_of_ott(quick_compile):
  with jax.enable_x64(True):
    s = jnp.asarray(similarities(2, 2, problems=20), jnp.float64)
    ott = uniform_plans(s, "ott", 0.1, 3000)
    closed = uniform_plans(s, "closed_form", 0.1, 0)
    assert ott.dtype == closed.dtype == jnp.float64
    np.testing.assert_allclose(closed, ott, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 4), (3, 2), (8, 8)])
def test_ott_plans_of_any_shape(shape):
  m, n = shape
  s = similarities(m, n, problems=5)
  plans = uniform_plans(s, "ott", 0.1, 500)
  np.testing.assert_allclose(plans.sum(1), 1 / n, atol=1e-4)
  np.testing.assert_allclose(plans.sum(2), 1 / m, atol=1e-3)


def test_closed_form_refuses_other_shapes():
  with pytest.raises(ValueError, match="2 x 2"):
    transport.closed_form_plans(similarities(3, 2))


@pytest.mark.parametrize(("shape", "iterations"), [
    ((1, 1), 1), ((2, 2), 50), ((3, 5), 1), ((3, 5), 3), ((3, 5), 50),
])
def test_scaling_is_ott_after_any_number_of_iterations(shape, iterations):
  s = 4 * similarities(*shape) - 1  # cosines from -1 to 1
  plans = [
      uniform_plans(s, solver, 0.1, iterations) for solver in ("ott", "scaling")
  ]
  np.testing.assert_allclose(*plans, atol=3e-6)


def test_scaling_refuses_an_epsilon_that_float32_cannot_hold():
  with pytest.raises(ValueError, match="epsilon of 0.0333 or more"):
    uniform_plans(similarities(2, 2), "scaling", 0.01, 50)


@jax.jit
@jax.grad
def gradient_with_fixed_plans(video, text, plans):
  s = jnp.einsum("kad,lbd->abkl", normalize(video), normalize(text)).reshape(-1, 2, 2)
  moved = plans * s
  return (0.5 * (moved.max(1).mean(-1) + moved.max(2).mean(-1))).sum()


@pytest.mark.parametrize("solver", ["ott", "scaling", "closed_form", "released"])
def test_plans_carry_no_gradient(solver):
  video, text = (jax.random.normal(jax.random.key(i), (2, 3, 4)) for i in (0, 1))

  def total(video):
    score, plans, _ = transport.sample_similarity(
        normalize(video), normalize(text), solver=solver
    )
    return score.sum(), plans

  got, plans = jax.jit(jax.grad(total, has_aux=True))(video)
  assert np.abs(got).max() > 1e-3
  np.testing.assert_allclose(got, gradient_with_fixed_plans(video, text, plans), atol=1e-6)


@pytest.mark.parametrize("solver", ["ott", "scaling"])
def test_token_similarity_is_transport_between_valid_tokens(solver):
  rng = np.random.default_rng(1)
  video = normalize(jnp.asarray(rng.standard_normal((3, 4, 8)), jnp.float32))
  text = normalize(jnp.asarray(rng.standard_normal((2, 5, 8)), jnp.float32))
  video_mask = jnp.asarray([[0, 1, 1, 1], [0, 1, 1, 0], [0, 1, 0, 0]], bool)
  text_mask = jnp.asarray([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], bool)
  for max_elements in (2**20, 1):
    got = token_similarity(
        video, text, video_mask, text_mask,
        solver=solver, iterations=1000, max_elements=max_elements,
    )
    for a in range(3):
      for b in range(2):
        s = np.asarray(video[a] @ text[b].T, np.float64)
        va, tb = np.asarray(video_mask[a]), np.asarray(text_mask[b])
        plan = exact_plan(1 - s, va / va.sum(), tb / tb.sum(), 0.1)
        np.testing.assert_allclose(got[a, b], (plan * s).sum(), atol=1e-3)


@pytest.mark.parametrize("solver", ["ott", "scaling"])
def test_token_plans_of_full_length(quick_compile, solver):
  rng = np.random.default_rng(2)
  video, text = (
      normalize(jnp.asarray(rng.standard_normal((2, n, 16)), jnp.float32)) for n in (64, 32)
  )
  video_mask, text_mask = (jnp.arange(n)[None] < jnp.asarray([[n], [n // 3]]) for n in (64, 32))
  got = token_similarity(
      video, text, video_mask, text_mask, solver=solver, iterations=200
  )
  for a, b in np.ndindex(2, 2):
    s = np.asarray(video[a], np.float64) @ np.asarray(text[b], np.float64).T
    va, tb = np.asarray(video_mask[a]), np.asarray(text_mask[b])
    plan = exact_plan(1 - s, va / va.sum(), tb / tb.sum(), 0.1, rounds=1000)
    np.testing.assert_allclose(got[a, b], (plan * s).sum(), atol=1e-4)


@pytest.mark.parametrize("solver", ["ott", "scaling"])
def test_token_similarity_has_finite_gradients(solver):
  video, text = (normalize(jax.random.normal(jax.random.key(i), (2, 4, 8))) for i in (0, 1))
  mask = jnp.asarray([[0, 1, 1, 1], [0, 1, 0, 0]], bool)
  loss = lambda v, t: token_similarity(v, t, mask, mask, solver=solver).sum()
  for grad in jax.jit(jax.grad(loss, argnums=(0, 1)))(video, text):
    assert np.isfinite(grad).all() and np.abs(grad).max() > 0


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_every_iteration_counts(iterations):
  s = similarities(3, 4, problems=5)
  plans = uniform_plans(s, "ott", 0.1, iterations)
  # The marginal that was scaled last is exact, after however few iterations.
  errors = [np.abs(plans.sum(axis) - 1 / plans.shape[3 - axis]).max() for axis in (1, 2)]
  assert min(errors) < 1e-5
  more = uniform_plans(s, "ott", 0.1, iterations + 1)
  assert np.abs(plans - more).max() > 0
