"""Tokens of the sentences that are known of an index's clips, to which its codes are to be fit."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from sign_jax.api.retrieval import RetrievalModel
from sign_jax.data.tokenizer import clean

_MOST = 128  # sentences


def of(model: RetrievalModel | None, texts: Sequence[str]) -> Float[np.ndarray, "m D"] | None:
  """Tokens of some of the sentences; None where there are none, or no model.

  Padding is among them where it has a part in the score.

  Args:
    model: `RetrievalModel` of a late interaction.
    texts: of clips, "" or without a word where none is known.
  """
  known = sorted(text for text in set(texts) if clean(text))
  if model is None or not known:
    return None
  some = [known[i] for i in np.linspace(0, len(known) - 1, min(len(known), _MOST)).astype(int)]
  encoded = model.encode_texts(some).tokens
  tokens = np.asarray(encoded.features, np.float32)
  tokens = tokens[np.asarray(encoded.mask)] if model.trained.model.mask_padding else tokens
  tokens = tokens.reshape(-1, tokens.shape[-1])
  return tokens[np.isfinite(tokens).all(1)]
