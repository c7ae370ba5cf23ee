"""The people who sign: body, speed, amplitude, handedness, tremor, choice of words."""

import dataclasses

from data_builders.signing_sim import lexicon
from data_builders.signing_sim.rng import Random

_LEFT_HANDED = 8  # one signer in so many


@dataclasses.dataclass(frozen=True)
class Signer:
  """One signer.

  Attributes:
    name: "signer_00" and so on.
    shoulder: shoulder width, pixels on the canvas.
    arm, hand, head: sizes relative to the average.
    centre: (x, y) of the neck on the canvas, pixels.
    speed: 1 is average; durations are divided by it.
    amplitude: factor on the extent of movements and the distance of places from the chest.
    habit: (3,) tuple, constant displacement of the hands (out, up, forward), shoulder widths.
    tremor: size of the hands' involuntary movement, pixels.
    left_handed: the left hand is the dominant one.
    second: the concepts (of `lexicon.TWO_SIGNS`) for which this signer uses the second sign.
  """

  name: str
  shoulder: float
  arm: float
  hand: float
  head: float
  centre: tuple[float, float]
  speed: float
  amplitude: float
  habit: tuple[float, float, float]
  tremor: float
  left_handed: bool
  second: frozenset

  def glosses(self, concepts):
    """The signs that this signer uses for a sequence of concepts, as a tuple."""
    return tuple(lexicon.gloss(concept, concept in self.second) for concept in concepts)


def signer(seed, index):
  """Signer number `index` of the corpus with this seed."""
  name = f"signer_{index:02d}"
  random = Random(seed, "signer", name)
  return Signer(
    name=name,
    shoulder=random.uniform(54, 66),
    arm=random.uniform(0.93, 1.07),
    hand=random.uniform(0.9, 1.12),
    head=random.uniform(0.92, 1.08),
    centre=(random.uniform(120, 136), random.uniform(95, 105)),
    speed=random.uniform(0.88, 1.15),
    amplitude=random.uniform(0.85, 1.15),
    habit=tuple(random.uniform(-0.06, 0.06) for _ in range(3)),
    tremor=random.uniform(0.2, 0.8),
    left_handed=index % _LEFT_HANDED == 3,
    # Every second signer, another half for every word: both signs of a word are common.
    second=frozenset(name for k, name in enumerate(lexicon.TWO_SIGNS)
                     if (index >> (k % 2)) % 2 == (k // 2) % 2),
  )
