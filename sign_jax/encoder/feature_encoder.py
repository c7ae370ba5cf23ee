"""An encoder on features, ready to read those of many windows."""

import functools
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Float32

from sign_jax.errors import UserError
from sign_jax.files import sha256
from sign_jax.run import trained
from sign_jax.tasks import isolated

_BATCH = 64  # windows at once, about those of a sentence


class Encoded(NamedTuple):
  """What an encoder says of n windows.

  Attributes:
    embedding: (n, D) float32.
    probabilities: (n, N) float32, of the classes.
  """

  embedding: Float32[np.ndarray, "n D"]
  probabilities: Float32[np.ndarray, "n N"]


class FeatureEncoder:
  """A trained `systems.feature_encoder`.

  Attributes:
    dim: columns of the features that it reads.
    fingerprint: of its weights.
  """

  def __init__(self, run: trained.Trained) -> None:
    """Compiles nothing yet.

    Args:
      run: of such a system.

    Raises:
      UserError: it is of another system.
    """
    if run.system.task != "recognition" or isolated.recognizer_of(run.system).reads != "features":
      raise UserError(
          f"{run.workdir} is no encoder on features: pass the --workdir of a run of "
          "configs/feature_encoder.py"
      )
    ((self.dim,), _) = run.inputs["video"]
    digest = run.record.get("digest")
    self.fingerprint = f"run:{digest}" if digest else f"sha256:{sha256(run.workdir)}"
    self._apply = jax.jit(functools.partial(_encode, run.model, run.variables))

  def __call__(self, features: Float[np.ndarray, "n D"]) -> Encoded:
    """Reads the features of n windows.

    Args:
      features: (n, D) float.

    Raises:
      UserError: another number of columns.
    """
    if features.ndim != 2 or features.shape[1] != self.dim:
      raise UserError(f"features of shape {features.shape} are not (n, {self.dim})")
    parts = [self._part(features[i : i + _BATCH]) for i in range(0, max(len(features), 1), _BATCH)]
    return Encoded(*map(np.concatenate, zip(*parts, strict=True)))

  def _part(self, features):
    filled = np.zeros((_BATCH, self.dim), np.float32)  # one shape, one program
    filled[: len(features)] = features
    return [np.asarray(x)[: len(features)] for x in self._apply(filled)]


def _encode(model, variables, features):
  out = model.apply(variables, features)
  return out["embedding"], jax.nn.softmax(out["logits"])
