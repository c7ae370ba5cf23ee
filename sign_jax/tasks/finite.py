"""Why numbers are not finite, as far as a task knows it."""

from typing import Any

import jax
import jax.numpy as jnp

from sign_jax.protocols import Variables


def bad_weights(variables: Variables) -> str | None:
  """A sentence about the first weights that are not finite, or None."""
  for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
    if jnp.issubdtype(leaf.dtype, jnp.floating) and not bool(jnp.isfinite(leaf).all()):
      name = jax.tree_util.keystr(path, simple=True, separator="/")
      return (
          f"the weights {name} are not finite themselves, so training ruined them: lower "
          "--config.optim.lr, or look into the file that it began with"
      )
  return None


def advice(finding: Any) -> str | None:
  """What is known about the first tensor of a step that is not finite; None where nothing is.

  Args:
    finding: `train.nonfinite.Finding`.
  """
  if finding.kind == "input":
    return (
        "these data are bad: look at them with `python -m data_builders.check`, and build the data "
        "set again"
    )
  if finding.name.endswith("logit_scale"):
    return "the logit scale is beyond what float32's exp holds: lower --config.optim.lr"
  return None
