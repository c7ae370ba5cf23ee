"""Sentences: English word order for the text, another order for the signs.

A template is an English pattern with named slots and the order in which the slots are signed: time
first, then topic (place, object), then the rest, verb and negation last. What is not a slot is a
function word and is not signed.
"""

import dataclasses
import re

import numpy as np

from data_builders.signing_sim import lexicon
from data_builders.signing_sim.rng import Random

_MIN_DIFFERENCE = 2  # concepts in which any two sentences of a corpus differ at least
_CANDIDATES = 6  # the least used of so many random concepts fills a slot: keeps the counts even
_PREFERENCE = 0.75  # probability that a slot follows a look-alike's preferences where it has some

# Slots: the role (see `lexicon.ROLES`), and a digit where a role occurs twice. `object` is what
# the verb of the same digit takes. Order in the sign string; weight in the domain.
_WEATHER = (
  ("{degree} {phenomenon} will {change} {region} {time}.",
   "time region phenomenon degree change", 3),
  ("{time} there will be {degree} {phenomenon} and {phenomenon2} {region}.",
   "time region phenomenon degree phenomenon2", 3),
  ("{time} the {phenomenon} {region} will {change}, but {degree} {phenomenon2} will {change2} "
   "{region2}.", "time region phenomenon change region2 phenomenon2 degree change2", 2),
  ("Expect {phenomenon} {region} and {degree} {phenomenon2} {region2} {time}.",
   "time region phenomenon region2 phenomenon2 degree", 3),
  ("The {phenomenon} will not {change} {region} {time}.",
   "time region phenomenon change NOT", 2),
  ("{MAYBE} {degree} {phenomenon} will {change} {region}.",
   "region phenomenon degree change MAYBE", 1),
  ("{degree} {phenomenon} {region}.", "region phenomenon degree", 1),
)
_DAILY = (
  ("{time} the {person} will {verb} the {quality} {object} {place}.",
   "time place object quality person verb", 5),
  ("The {mood} {person} will {activity} {place} {time}.",
   "time place person mood activity", 2),
  ("The {mood} {person} will not {verb} the {quality} {object} {time}.",
   "time object quality person mood verb NOT", 2),
  ("My {mood} {person} and the {person2} will {activity} {place}.",
   "place person mood person2 activity", 2),
  ("My {person} will {verb} the {quality} {object} while the {person2} will {activity} {place}.",
   "object quality person verb place person2 activity", 2),
  ("{time} the {person} will {verb} the {object} and {verb2} the {quality} {object2}.",
   "time person object verb object2 quality verb2", 4),
  ("{MAYBE} your {person} will {verb} the {quality} {object}.",
   "object quality person verb MAYBE", 1),
  ("The {mood} {person} must {verb} the {object}.", "object person mood verb", 1),
  ("Will the {person} {activity} {place}?", "place person activity", 1),
)
_DOMAINS = {"weather": (_WEATHER, 2), "daily life": (_DAILY, 2)}
_SCHEDULE = tuple((domain, template) for domain, (templates, share) in _DOMAINS.items()
                  for template in templates for _ in range(template[2] * share))

# Slots are filled in this order: what has preferences comes before what can follow them, and a
# verb before its object.
_FILL = ("phenomenon", "person", "verb", "object", "region", "change", "degree", "activity",
         "place", "time", "quality", "mood")


@dataclasses.dataclass(frozen=True)
class Sentence:
  """One sentence: `concepts` in the order in which they are signed."""

  sentence_id: str
  text: str
  concepts: tuple[str, ...]
  domain: str


def _slots(pattern):
  return re.findall(r"{(\w+)}", pattern)


def _candidates(slot, filled):
  role = slot.rstrip("2")
  if role != "object":
    return lexicon.ROLES[role]
  return lexicon.TAKES.get(filled[slot.replace("object", "verb")], lexicon.OBJECTS)


def _likes(concept):
  return set(lexicon.PREFERS.get(concept, "").split())


def _preferred(candidates, filled):
  """The candidates that a look-alike in the sentence likes, or that like one; [] for none."""
  present = set(filled.values())
  wanted = set().union(*(_likes(concept) for concept in present))
  return [name for name in candidates if name in wanted or _likes(name) & present]


def _fill(slots, random, counts):
  """Dict from slot to concept, no concept twice, rare concepts first."""
  filled = {slot: slot for slot in slots if slot in lexicon.WORDS}
  for slot in sorted((s for s in slots if s not in filled),
                     key=lambda s: (_FILL.index(s.rstrip("2")), s)):
    candidates = [c for c in _candidates(slot, filled) if c not in filled.values()]
    preferred = _preferred(candidates, filled)
    if preferred and random.chance(_PREFERENCE):
      candidates = preferred
    drawn = [random.choice(candidates) for _ in range(_CANDIDATES)]
    filled[slot] = min(drawn, key=lambda c: counts[c])
  return filled


def _english(pattern, filled, random):
  words = {slot: random.choice(lexicon.WORDS[concept]) for slot, concept in filled.items()}
  text = pattern.format(**words)
  return text[0].upper() + text[1:]


class _Distinct:
  """Accepts a set of concepts only when it is far enough from all accepted before."""

  def __init__(self, capacity):
    self._columns = {name: column for column, name in enumerate(lexicon.WORDS)}
    self._rows = np.zeros((capacity, len(self._columns)), np.int16)
    self._sizes = np.zeros(capacity, np.int16)
    self._used = 0

  def accept(self, concepts):
    columns = [self._columns[name] for name in concepts]
    shared = self._rows[:self._used][:, columns].sum(1)
    largest = np.maximum(self._sizes[:self._used], len(columns))
    if np.any(largest - shared < _MIN_DIFFERENCE):
      return False
    self._rows[self._used, columns] = 1
    self._sizes[self._used] = len(columns)
    self._used += 1
    return True


def _split(random, split, size, distinct):
  counts = dict.fromkeys(lexicon.WORDS, 0)
  found = []
  while len(found) < size:
    domain, (pattern, order, _) = random.choice(_SCHEDULE)
    filled = _fill(_slots(pattern), random, counts)
    concepts = tuple(filled.get(slot, slot) for slot in order.split())  # NOT is no slot
    if not distinct.accept(concepts):
      continue
    for name in concepts:
      counts[name] += 1
    found.append(Sentence(f"{split}_{len(found):05d}", _english(pattern, filled, random),
                          concepts, domain))
  return found


def sentences(seed, sizes):
  """Samples all sentences of a corpus.

  Args:
    seed: int.
    sizes: dict from split to number of sentences.

  Returns:
    Dict from split to a list of `Sentence`. Any two sentences, of whatever splits, differ in at
    least two concepts, and concepts are used about equally often within their role.
  """
  distinct = _Distinct(sum(sizes.values()))
  return {split: _split(Random(seed, "sentences", split), split, size, distinct)
          for split, size in sizes.items()}
