"""How the learning rate changes from step to step: those of released programs, and a constant."""

import jax.numpy as jnp
import optax
from ml_collections import ConfigDict


def warmup_cosine(
    lr: float, total_steps: int, warmup: float, stairs: int = 0
) -> optax.Schedule:
  """lr * f(step / total): f(x) = x / warmup below it, else 0.5 (1 + cos(pi x)).

  The first update has rate 0, and the rate jumps at the end of the warm-up: both as released.
  """
  del stairs

  def schedule(step):
    x = step / total_steps
    return lr * jnp.where(x < warmup, x / warmup, 0.5 * (1 + jnp.cos(jnp.pi * x)))

  return schedule


def constant(lr: float, total_steps: int, warmup: float, stairs: int = 0) -> optax.Schedule:
  """`lr` at every step, the first one too."""
  del total_steps, warmup, stairs
  return optax.constant_schedule(lr)


def cosine(lr: float, total_steps: int, warmup: float, stairs: int = 0) -> optax.Schedule:
  """lr * 0.5 (1 + cos(pi step / total)), without warm-up.

  With `stairs` above 0 the rate changes only so many times, at the same distance: once an epoch
  where they are as many as the epochs, as PyTorch's CosineAnnealingLR is mostly used.
  """
  del warmup

  def schedule(step):
    share = step * stairs // total_steps / stairs if stairs else step / total_steps
    return lr * 0.5 * (1 + jnp.cos(jnp.pi * share))

  return schedule


def cosine_ahead(
    lr: float, total_steps: int, warmup: float, stairs: int = 0
) -> optax.Schedule:
  """`cosine` with every stair one further down, so that the rate of the last one is 0.

  Without `stairs` every step is one.

  So it is where a program takes the schedule's step before an epoch and not behind it.
  """
  schedule = cosine(lr, total_steps, warmup, stairs)
  return lambda step: schedule(step + (total_steps // stairs if stairs else 1))


def exponential(
    lr: float, total_steps: int, warmup: float, stairs: int = 0, *, epoch: int, gamma: float
) -> optax.Schedule:
  """`lr`, times `gamma` after every `epoch` steps, however many there are in all."""
  del total_steps, warmup, stairs
  return lambda step: lr * gamma ** jnp.asarray(step // epoch, jnp.float32)


SCHEDULES = {
    "warmup_cosine": warmup_cosine, "constant": constant, "cosine": cosine,
    "cosine_ahead": cosine_ahead, "exponential": exponential,
}
BY_EPOCHS = ("exponential",)  # those that need to know how many steps an epoch has
GAMMA = 0.95  # of a section that does not say it


def schedule_of(optim: ConfigDict) -> str:
  """The name of a section's schedule; a section made before there was a choice has the first."""
  return optim.get("schedule", "warmup_cosine")
