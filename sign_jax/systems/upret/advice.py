"""What is known about numbers of UPRet that are not finite."""

from typing import Any

import ml_collections

from sign_jax.ops.transport import SMALLEST_EPSILON


def epsilon_too_small(model: ml_collections.ConfigDict) -> str | None:
  """A sentence where the solver's kernel is too much for float32, or None.

  Args:
    model: the configuration's `model`.
  """
  ot = model.get("ot")
  if not ot or not ot.weight or ot.solver != "released" or ot.epsilon >= SMALLEST_EPSILON:
    return None
  return (
      f"model.ot.epsilon={ot.epsilon} is too small for model.ot.solver=released, whose kernel "
      f"exp(-cost / epsilon) float32 does not hold: use {SMALLEST_EPSILON:.3f} or more, or "
      "--config.model.ot.solver=ott"
  )


def advice(finding: Any, model: ml_collections.ConfigDict) -> str | None:
  """What is known about the first tensor of a step that is not finite; None where nothing is.

  Args:
    finding: `train.nonfinite.Finding`.
    model: the configuration's `model`.
  """
  name = finding.name
  if finding.kind == "input":
    return None
  if finding.kind != "weight" and ("transport" in name or finding.kind in ("loss", "gradient")):
    if reason := epsilon_too_small(model):
      return reason
  if name.split(":")[0].endswith("samples"):
    return (
        "the distributions' log sigma is beyond 88, where float32's exp ends: lower "
        "--config.optim.lr, or look into the file that training began with"
    )
  return None
