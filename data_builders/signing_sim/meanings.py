"""Vectors for the meanings of glosses, as word embeddings are for real ones.

They are made from the grammar. What fills the same role in a sentence has near vectors (a cosine
above 0.5), and so have related look-alikes; others are far, unrelated look-alikes among them.
Concepts that like to share a sentence are a little nearer. Two signs of one concept share a vector.
"""

import numpy as np

from data_builders.signing_sim import lexicon

_ROLE, _LIKED = 1.3, 0.3  # weights; that of the concept itself is 1
_DIGITS = 6


def vectors(glosses):
  """(glosses, dimensions) float64 of length about 1, of a list of names of `lexicon.GLOSSES`."""
  roles, concepts = list(lexicon.ROLES), list(lexicon.WORDS)
  rows = np.zeros((len(concepts), len(roles) + len(concepts)))
  for number, name in enumerate(concepts):
    role = next(k for k, role in enumerate(roles) if name in lexicon.ROLES[role])
    rows[number, role] = _ROLE
    rows[number, len(roles) + number] = 1.0
    liked = [concepts.index(other) for other in lexicon.PREFERS.get(name, "").split()]
    for other in liked:
      rows[number, len(roles) + other] = _LIKED / np.sqrt(len(liked))
  rows = np.round(rows / np.sqrt((rows * rows).sum(1, keepdims=True)), _DIGITS)
  return rows[[concepts.index(lexicon.concept(name)) for name in glosses]]
