"""Entropic optimal transport between the samples or tokens of a video and a text.

Solvers return transport plans that carry no gradient (UPRet, eq. 22: "we fix the OT plan").
"""

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Float32
from ott.geometry import geometry
from ott.problems.linear import linear_problem
from ott.solvers.linear import sinkhorn

from sign_jax.ops.maximum import max_over

EPSILON = 0.1  # entropic regularisation of the released code
LARGEST_COST = 2.0  # costs are 1 - cosine
SMALLEST_EPSILON = LARGEST_COST / 60.0  # below, float32 does not hold the kernel
TINY = 1e-30  # in place of a kernel's product with nothing
# Accelerators round float32 products to fewer bits by default; a cosine's error is multiplied by
# 1 / epsilon in the kernel.
EXACT = jax.lax.Precision.HIGHEST


def _ott_plan(
    cost: Float[ArrayLike, "m n"], a: Float[ArrayLike, " m"], b: Float[ArrayLike, " n"],
    epsilon: float, iterations: int,
) -> Float[Array, "m n"]:
  """Plan of one problem: cost (m, n), marginals a (m,) and b (n,)."""
  # Under vmap early stopping runs every problem to the slowest one's end, with a check at each
  # step: a fixed number of iterations is several times faster. Products with the kernel are
  # several times faster than log-sum-exps, and exact enough while float32 can hold the kernel.
  solver = sinkhorn.Sinkhorn(
      lse_mode=epsilon < SMALLEST_EPSILON,
      min_iterations=iterations, max_iterations=iterations, inner_iterations=iterations,
      threshold=1e-6,
  )
  geom = geometry.Geometry(cost_matrix=cost, epsilon=epsilon)
  with jax.numpy_rank_promotion("allow"):  # ott-jax promotes ranks in its own code
    return solver(linear_problem.LinearProblem(geom, a=a, b=b)).matrix


def ott_plans(
    cost: Float[ArrayLike, "P m n"], a: Float[ArrayLike, "P m"], b: Float[ArrayLike, "P n"],
    epsilon: float = EPSILON, iterations: int = 50,
) -> Float[Array, "P m n"]:
  """Sinkhorn plans by ott-jax; UPRet, eq. 18 to 20.

  Args:
    cost: (P, m, n) float32, P problems, entries in [0, 2].
    a: (P, m) and b: (P, n) float32 marginals; zeros leave a point out.
    epsilon: entropic regularisation.
    iterations: fixed number of Sinkhorn iterations.

  Returns:
    (P, m, n) float32 plans without gradient.
  """
  cost, a, b = jax.lax.stop_gradient((cost, a, b))
  solve = functools.partial(_ott_plan, epsilon=epsilon, iterations=iterations)
  return jax.lax.stop_gradient(jax.vmap(solve)(cost, a, b))


def scaling_plans(
    cost: Float[ArrayLike, "m n P"], a: Float[ArrayLike, " m #P"], b: Float[ArrayLike, " n #P"],
    epsilon: float = EPSILON, iterations: int = 50,
) -> Float[Array, "m n P"]:
  """The plans of `ott_plans` by a loop of our own; the problems are on the last axis.

  So a round is two products and sums over other axes, which fuse into vector instructions; with
  the problems first, as in `ott_plans`, they are many small matrix products.

  Args:
    cost: (m, n, P) float32.
    a: (m, P) or (m, 1), b: (n, P) or (n, 1) float32 marginals.
    epsilon, iterations: as for `ott_plans`.

  Returns:
    (m, n, P) float32 plans without gradient.

  Raises:
    ValueError: for an epsilon whose kernel float32 does not hold.
  """
  if epsilon < SMALLEST_EPSILON:
    raise ValueError(f"scaling needs an epsilon of {SMALLEST_EPSILON:.4f} or more, not {epsilon}")
  kernel = jax.lax.stop_gradient(jnp.exp(-cost / epsilon))

  def round_(_, scalings):
    r, _ = scalings
    c = b / jnp.maximum((kernel * r[:, None]).sum(0), TINY)
    return a / jnp.maximum((kernel * c[None]).sum(1), TINY), c

  # As ott-jax: from ones for r, which is also scaled last.
  start = tuple(jnp.ones((size, kernel.shape[2])) for size in kernel.shape[:2])
  r, c = jax.lax.fori_loop(0, iterations, round_, start)
  return jax.lax.stop_gradient(r[:, None] * kernel * c[None])


def released_plans(
    cost: Float[ArrayLike, "P m n"], epsilon: float = EPSILON, threshold: float = 1e-2,
    max_iterations: int = 100,
) -> Float[Array, "P m n"]:
  """The released loop: it stops for the whole batch when the mean change of r is small.

  Args:
    cost: (P, m, n) float32; marginals are uniform.

  Returns:
    (P, m, n) float32 plans without gradient; they depend on the batch's composition.
  """
  kernel = jax.lax.stop_gradient(jnp.exp(-cost / epsilon))
  problems, m, n = kernel.shape

  def change_is_large(carry):
    step, error, _, _ = carry
    return (step < max_iterations) & (error >= threshold)

  def round_(carry):
    step, _, r, c = carry
    new_r = (1.0 / m) / jnp.einsum("pmn,pn->pm", kernel, c, precision=EXACT)
    new_c = (1.0 / n) / jnp.einsum("pmn,pm->pn", kernel, new_r, precision=EXACT)
    return step + 1, jnp.abs(new_r - r).mean(), new_r, new_c

  start = (0, jnp.float32(jnp.inf), jnp.ones((problems, m)), jnp.ones((problems, n)))
  _, _, r, c = jax.lax.while_loop(change_is_large, round_, start)
  return jax.lax.stop_gradient(r[:, :, None] * kernel * c[:, None, :])


def closed_form_plans(
    cost: Float[ArrayLike, "P m n"], epsilon: float = EPSILON
) -> Float[Array, "P m n"]:
  """The exact fixed point for 2 x 2 problems with uniform marginals.

  The plan is [[p, 1/2 - p], [1/2 - p, p]] with
  p = sigmoid((c12 + c21 - c11 - c22) / (2 epsilon)) / 2.

  Args:
    cost: (P, 2, 2) float32.

  Raises:
    ValueError: for another shape.
  """
  if cost.shape[1:] != (2, 2):
    raise ValueError(f"the closed form is for 2 x 2 problems, not {cost.shape[1:]}")
  gain = cost[:, 0, 1] + cost[:, 1, 0] - cost[:, 0, 0] - cost[:, 1, 1]
  p = jax.nn.sigmoid(gain / (2 * epsilon)) / 2
  rows = jnp.stack([jnp.stack([p, 0.5 - p], -1), jnp.stack([0.5 - p, p], -1)], -2)
  return jax.lax.stop_gradient(rows)


def uniform_plans(
    similarity: Float[ArrayLike, "P m n"], solver: str, epsilon: float, iterations: int
) -> Float[Array, "P m n"]:
  """Plans for cost 1 - similarity (P, m, n) and uniform marginals by the named solver.

  `solver`: "ott" or "scaling" (any shape), "closed_form" (2 x 2) or "released" (the released
  stopping rule).
  """
  cost = 1.0 - similarity
  if solver == "released":
    return released_plans(cost, epsilon)
  if solver == "closed_form":
    return closed_form_plans(cost, epsilon)
  problems, m, n = cost.shape
  if solver == "scaling":
    a, b = jnp.full((m, 1), 1.0 / m), jnp.full((n, 1), 1.0 / n)
    last = scaling_plans(jnp.moveaxis(cost, 0, -1), a, b, epsilon, iterations)
    return jnp.moveaxis(last, -1, 0)
  if solver != "ott":
    raise ValueError(f"unknown transport solver {solver!r}")
  a, b = jnp.full((problems, m), 1.0 / m), jnp.full((problems, n), 1.0 / n)
  return ott_plans(cost, a, b, epsilon, iterations)


def sample_similarity(
    video: Float[ArrayLike, "K_v A D"], text: Float[ArrayLike, "K_t B D"], *, solver: str = "ott",
    epsilon: float = EPSILON, iterations: int = 50,
) -> tuple[Float32[Array, "A B"], Float32[Array, "A*B K_v K_t"], Float32[Array, "A*B K_v K_t"]]:
  """Transport similarity between pooled samples of all pairs (UPRet, released code).

  P = T * s for the plan T and the cosine similarities s of a pair's samples; the score is the
  mean of max over video samples and max over text samples, each averaged over the other axis.

  Args:
    video: (K_v, A, D) float32, L2-normalised pooled samples.
    text: (K_t, B, D) float32, likewise.
    solver, epsilon, iterations: see `uniform_plans`.

  Returns:
    similarity: (A, B) float32.
    plans: (A * B, K_v, K_t) float32, row a * B + b.
    cosines: of the samples, (A * B, K_v, K_t) float32.
  """
  s = jnp.einsum("kad,lbd->abkl", video, text, precision=EXACT)
  pairs = s.reshape(-1, *s.shape[2:])
  plans = uniform_plans(pairs, solver, epsilon, iterations)
  moved = plans * pairs
  score = 0.5 * (max_over(moved, 1).mean(-1) + max_over(moved, 2).mean(-1))
  return score.reshape(s.shape[:2]), plans, pairs


def _token_plans(
    cost: Float[ArrayLike, "m n P"], a: Float[ArrayLike, " m"], b: Float[ArrayLike, "n P"],
    solver: str, epsilon: float, iterations: int,
) -> Float[Array, "m n P"]:
  """(m, n, P) plans of one video's P texts: cost (m, n, P), a (m,), b (n, P)."""
  if solver == "scaling":
    return scaling_plans(cost, a[:, None], b, epsilon, iterations)
  if solver != "ott":
    raise ValueError(f"transport between tokens has no solver {solver!r}")
  a = jnp.broadcast_to(a, (b.shape[1], a.shape[0]))
  return jnp.moveaxis(ott_plans(jnp.moveaxis(cost, -1, 0), a, b.T, epsilon, iterations), 0, -1)


def token_similarity(
    video: Float[ArrayLike, "A N_v D"],
    text: Float[ArrayLike, "B N_t D"],
    video_mask: Bool[ArrayLike, "A N_v"],
    text_mask: Bool[ArrayLike, "B N_t"],
    *,
    solver: str = "ott",
    epsilon: float = EPSILON,
    iterations: int = 50,
    max_elements: int = 2**22,
) -> Float32[Array, "A B"]:
  """Transport similarity between the tokens of all pairs; UPRet, eq. 15 to 21.

  D[a,b] = sum_ij T*_ij S_ij with cost 1 - S and uniform marginals over valid tokens. Computed for
  a few videos at a time: the plans of all pairs would be A x B x N_v x N_t.

  Args:
    video: (A, N_v, D), text: (B, N_t, D) float32, L2-normalised tokens.
    video_mask, text_mask: (A, N_v), (B, N_t) bool, True = valid.
    solver: "ott" or "scaling".
    epsilon, iterations: see `ott_plans`.
    max_elements: bound on the elements of one tile of plans.

  Returns:
    (A, B) float32.
  """
  marginal = lambda mask: mask / jnp.maximum(mask.sum(-1, keepdims=True), 1)
  b = marginal(text_mask).T

  def row(one):
    tokens, a = one
    s = jnp.einsum("id,bjd->ijb", tokens, text, precision=EXACT)
    plans = _token_plans(1.0 - s, a, b, solver, epsilon, iterations)
    # Points without mass may have potentials of -inf; their plan must not reach the sum.
    mass = (a[:, None, None] > 0) & (b[None] > 0)
    return jnp.sum(jnp.where(mass, plans * s, 0.0), axis=(0, 1))

  rows = (video, marginal(video_mask))
  batch = max_elements // (text.shape[0] * video.shape[1] * text.shape[1])
  batch = {"batch_size": min(batch, video.shape[0])} if batch > 1 else {}
  return jax.lax.map(jax.checkpoint(row), rows, **batch)
