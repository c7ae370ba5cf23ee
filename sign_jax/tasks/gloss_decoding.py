"""The glosses of a recogniser's scores, as a configuration says that they are looked for."""

import ml_collections
from jax.typing import ArrayLike
from jaxtyping import Float, Int

from sign_jax.ops import ctc_decode


def decode(
    scores: Float[ArrayLike, "B T V"], steps: Int[ArrayLike, " B"], how: ml_collections.ConfigDict
) -> ctc_decode.Decoded:
  """The likeliest sequences; a function to be compiled.

  Args:
    scores: (B, T, V) float, logarithms of probabilities.
    steps: (B,) int, how many of the T there are.
    how: the section `decode` of a configuration: `width`, `search`, `merge_repeated`.
  """
  found = ctc_decode.beam_search(scores, steps, how.width, how.search)
  if how.merge_repeated:
    return found._replace(glosses=ctc_decode.merge_repeated(found.glosses))
  return found
