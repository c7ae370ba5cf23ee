"""Product of tokens and a matrix of weights, with gradients that need no transposed copies."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Float


def rounding_once(
    function: Callable[..., Float[Array, "..."]], *arrays: Float[ArrayLike, "..."]
) -> Float[Array, "..."]:
  """function(*arrays), whose sums are float32 where the arrays are float16.

  GPUs sum so by themselves; programs for CPUs would round after each summand.
  """
  if arrays[0].dtype != jnp.float16 or jax.default_backend() != "cpu":
    return function(*arrays)
  return function(*(x.astype(jnp.float32) for x in arrays)).astype(jnp.float16)


def _contract(
    x: Float[ArrayLike, "..."], y: Float[ArrayLike, "..."], axis_x: int, axis_y: int
) -> Float[Array, "..."]:
  contract = lambda x, y: lax.dot_general(x, y, (((axis_x,), (axis_y,)), ((), ())))
  return rounding_once(contract, x, y)


@jax.custom_vjp
def product(x: Float[ArrayLike, "*B C"], kernel: Float[ArrayLike, "C F"]) -> Float[Array, "*B F"]:
  """x @ kernel.

  The gradient of the kernel is asked for as x^T g. What differentiating `x @ kernel` asks for is
  (g^T x)^T, for which XLA's CPU compiler copies g transposed and then takes a slower product: a
  tenth of UPRet's step. Has no forward-mode derivative.

  Args:
    x: (..., C) float; on a mesh its first axis is the divided one, since the others are flattened
      into it for the gradient of the kernel.
    kernel: (C, F) of the same dtype.

  Returns:
    (..., F) of that dtype.
  """
  return _contract(x, kernel, x.ndim - 1, 0)


def _product_forward(x, kernel):
  return product(x, kernel), (x, kernel)


def _product_backward(inputs, grad):
  x, kernel = inputs
  return _contract(grad, kernel, x.ndim - 1, 1), of_kernel(x, grad)


def of_kernel(
    x: Float[ArrayLike, "*B C"], grad: Float[ArrayLike, "*B F"]
) -> Float[Array, "C F"]:
  """The gradient of the kernel of x @ kernel, for that of the result; of their dtype."""
  rows = lambda array: array.reshape(-1, array.shape[-1])
  return _contract(rows(x), rows(grad), 0, 0)


product.defvjp(_product_forward, _product_backward)
