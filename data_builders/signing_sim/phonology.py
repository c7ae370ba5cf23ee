"""How each gloss looks: handshape, location, orientation, movement, hands, head.

Directions and places are (out, up, forward): out is towards the side of the hand that signs,
so that a form serves either hand. Lengths are in shoulder widths from the neck.
"""

import dataclasses
import functools
import math

from data_builders.signing_sim import lexicon
from data_builders.signing_sim.rng import Random

# Flexion in quarter turns (knuckle, middle joint) of index, middle, ring and little finger; then
# thumb (spread, flexion) and the fingers' spread. The end joint bends 0.7 times the middle one.
_OPEN, _BENT, _CLOSED, _HOOK, _ROUND = (0, 0), (1, 0), (1, 1.1), (0.2, 1), (0.5, 0.5)
_HALF = (0.25, 0.1)


def _shape(fingers, thumb, spread=0.0):
  return tuple(x for finger in fingers for x in finger) + tuple(thumb) + (spread,)


HANDSHAPES = {
  "fist": _shape([_CLOSED] * 4, (-0.3, 0.3)),
  "flat": _shape([_OPEN] * 4, (0.1, 0)),
  "five": _shape([_OPEN] * 4, (0.9, 0), 0.2),
  "round": _shape([_ROUND] * 4, (0.6, 0.4)),
  "o": _shape([(0.7, 0.7)] * 4, (0.4, 0.8)),
  "index": _shape([_OPEN, _CLOSED, _CLOSED, _CLOSED], (-0.3, 0.4)),
  "v": _shape([_OPEN, _OPEN, _CLOSED, _CLOSED], (-0.3, 0.4), 0.25),
  "u": _shape([_OPEN, _OPEN, _CLOSED, _CLOSED], (-0.3, 0.4)),
  "w": _shape([_OPEN, _OPEN, _OPEN, _CLOSED], (-0.3, 0.5), 0.2),
  "y": _shape([_CLOSED, _CLOSED, _CLOSED, _OPEN], (1.0, 0), 0.2),
  "l": _shape([_OPEN, _CLOSED, _CLOSED, _CLOSED], (1.0, 0)),
  "pinch": _shape([(0.6, 0.6), _OPEN, _OPEN, _OPEN], (0.4, 0.6), 0.15),
  "hook": _shape([_HOOK, _CLOSED, _CLOSED, _CLOSED], (-0.3, 0.4)),
  "bent": _shape([_BENT] * 4, (0.1, 0)),
  "little": _shape([_CLOSED, _CLOSED, _CLOSED, _OPEN], (-0.3, 0.4)),
  "claw": _shape([_HOOK] * 4, (0.8, 0.4), 0.2),
}
RELAXED = _shape([_HALF] * 4, (0.3, 0.2))

LOCATIONS = {
  "forehead": (0.15, 0.85, 0.4), "temple": (0.45, 0.75, 0.2), "cheek": (0.3, 0.5, 0.35),
  "chin": (0.05, 0.3, 0.45), "shoulder": (0.5, -0.1, 0.3), "far_shoulder": (-0.4, -0.15, 0.4),
  "chest": (0.1, -0.45, 0.4), "centre": (0.25, -0.8, 0.7), "high": (0.7, 0.35, 0.5),
  "side": (0.9, -0.5, 0.4), "low": (0.6, -1.1, 0.5), "waist": (0.05, -1.3, 0.4),
}
REST = (0.55, -1.9, 0.2)
BASE = (0.1, -1.05, 0.6)  # where the other hand waits to be touched

# (where the fingers point, where the palm faces)
ORIENTATIONS = {
  "up_away": ((0, 1, 0.3), (0, 0, 1)), "up_across": ((0, 1, 0.3), (-1, 0, 0)),
  "up_back": ((-0.1, 1, 0.3), (0, 0, -1)), "across_down": ((-1, 0, 0.3), (0, -1, 0)),
  "across_back": ((-1, 0.1, 0), (0, 0, -1)), "ahead_down": ((-0.2, 0.3, 1), (0, -1, 0)),
  "ahead_up": ((-0.3, 0.4, 1), (0, 1, 0)), "slant_away": ((-0.7, 0.7, 0.2), (0, 0, 1)),
}
HANGING = ((-0.2, -1, 0.6), (-1, 0, 0))

PATHS = ("hold", "straight", "arc", "circle", "zigzag")
_SLANT = math.sqrt(0.5)
DIRECTIONS = {
  "up": (0, 1), "down": (0, -1), "out": (1, 0), "in": (-1, 0),
  "up_out": (_SLANT, _SLANT), "down_in": (-_SLANT, -_SLANT),
}
AMPLITUDES = (0.35, 0.6)
HANDS = ("one", "one", "one", "both", "both", "alternating", "base")  # repeated: more frequent
HEADS = ("none",) * 7 + ("nod", "shake", "tilt")

_LEXICON_SEED = 20260  # the signs are part of the corpus version, not of its seed
_CONTRASTS = 3  # parameters in which any two signs that are no look-alikes differ at least


@dataclasses.dataclass(frozen=True)
class Form:
  """The parameters of one sign; names are keys of this module's tables.

  `strokes` is the number of times a path is run through, back and forth.
  """

  handshape: str
  location: str
  orientation: str
  path: str
  direction: str
  amplitude: float
  strokes: int
  hands: str
  head: str

  def contrasts(self, other):
    """Number of main parameters (out of 5) in which two forms differ."""
    movement = (self.path, self.direction) != (other.path, other.direction)
    names = ("handshape", "location", "orientation", "hands")
    return movement + sum(getattr(self, name) != getattr(other, name) for name in names)


def _sample(random):
  return Form(
    handshape=random.choice(list(HANDSHAPES)),
    location=random.choice(list(LOCATIONS)),
    orientation=random.choice(list(ORIENTATIONS)),
    path=(path := random.choice(PATHS)),
    direction="up" if path == "hold" else random.choice(list(DIRECTIONS)),
    amplitude=random.choice(AMPLITUDES),
    strokes=1 if path == "hold" else random.choice((1, 1, 3)),
    hands=random.choice(HANDS),
    head=random.choice(HEADS),
  )


@functools.cache
def forms(share=0.12):
  """Dict from gloss to `Form`; look-alikes (see `lexicon.lookalikes`) share theirs."""
  same = lexicon.lookalikes(share)
  found = {}
  for name in lexicon.GLOSSES:
    random, form = Random(_LEXICON_SEED, name), None
    if same.get(name) in found:
      form = found[same[name]]
    while form is None or (same.get(name) not in found and any(
        form.contrasts(other) < _CONTRASTS for other in found.values())):
      form = _sample(random)
    found[name] = dataclasses.replace(form, head="shake") if name == "NOT" else form
  return found
