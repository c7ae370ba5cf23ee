"""When the annotations of a document of ELAN are, also those that are not aligned themselves."""

import itertools
import urllib.parse
from collections.abc import Iterator

from sign_jax.data.annotations.eaf import Annotation, Eaf

Times = tuple[float, float]  # milliseconds


def of_tier(document: Eaf, name: str) -> Iterator[tuple[Annotation, Times | None]]:
  """The annotations of a tier with their times, None where nothing says.

  Slots without a time lie at equal distances between those of the same tier that have one, as ELAN
  shows them. Annotations that refer to another one have its time; several that follow each other
  share it equally.

  Args:
    document: `Eaf`.
    name: of a tier that it has.
  """
  slots = slot_times(document)
  owners = {x.id: x for tier in document.tiers for x in tier.annotations}
  sharing = _sharing(document)
  found = {}
  for annotation in next(tier for tier in document.tiers if tier.name == name).annotations:
    yield annotation, _times(annotation, slots, owners, sharing, found)


def slot_times(document: Eaf) -> dict[str, float]:
  """{slot: milliseconds} of all slots that have a time or lie between two in a chain of a tier."""
  found = {slot.id: slot.time for slot in document.slots if slot.time is not None}
  for tier in _parents_first(document.tiers):
    after = {x.slots[0]: x.slots[1] for x in tier.annotations if x.slots}
    before = {x.slots[1]: x.slots[0] for x in tier.annotations if x.slots}
    lost = set()
    for slot in before:
      if slot not in found and slot not in lost:
        _fill(slot, before, after, found, lost)
  return found


def _fill(slot, before, after, found, lost):
  """Gives times to a run of slots that has one on both sides, or puts them among the lost."""
  seen = {slot}
  left, earlier = _run(before.get(slot), before, found, seen)
  right, later = _run(after.get(slot), after, found, seen)
  run = [*reversed(earlier), slot, *later]
  if left in found and right in found:
    step = (found[right] - found[left]) / (len(run) + 1)
    found.update({x: found[left] + step * n for n, x in enumerate(run, 1)})
  else:
    lost.update(run)


def _run(slot, following, found, seen):
  """(the first slot with a time, or what ends the way there, the slots on the way)."""
  run = []
  while slot is not None and slot not in found and slot not in seen:
    seen.add(slot)
    run.append(slot)
    slot = following.get(slot)
  return slot, run


def _parents_first(tiers):
  """The tiers, each behind the one that it depends on; those of circles come last."""
  children, names = {}, {tier.name for tier in tiers}
  for tier in tiers:
    children.setdefault(tier.parent if tier.parent in names else "", []).append(tier)
  waiting, seen = list(children.get("", [])), set()
  while waiting:
    tier = waiting.pop()
    seen.add(tier.name)
    yield tier
    waiting += children.get(tier.name, []) if tier.name else []
  yield from (tier for tier in tiers if tier.name not in seen)


def _sharing(document):
  """{annotation: (its place, how many)} of those that share the time of what they refer to."""
  places = {}
  for tier in document.tiers:
    following = {x.previous: x.id for x in tier.annotations if x.previous}
    for first in (x for x in tier.annotations if not x.slots and not x.previous):
      chain, seen = [first.id], {first.id}
      while (new := following.get(chain[-1])) and new not in seen:
        chain.append(new)
        seen.add(new)
      places.update({name: (n, len(chain)) for n, name in enumerate(chain)})
  return places


def _times(annotation, slots, owners, sharing, found):
  """Of one annotation; `found` keeps what is known, and None for what a circle comes back to."""
  chain = []
  while annotation.id not in found and not annotation.slots:
    found[annotation.id] = None
    chain.append(annotation)
    if annotation.parent not in owners:
      break
    annotation = owners[annotation.parent]
  if annotation.slots:
    times = tuple(map(slots.get, annotation.slots))
    found[annotation.id] = None if None in times else times
  times = found[annotation.id]
  for child in reversed(chain):
    if times is not None and child is not annotation:
      place, count = sharing.get(child.id, (0, 1))
      step = (times[1] - times[0]) / count
      times = times[0] + place * step, times[0] + (place + 1) * step
    found[child.id] = times
  return times


def origin(document: Eaf, video: str) -> int:
  """Milliseconds of a linked video at which the annotations' time begins.

  Args:
    document: `Eaf`.
    video: its path or name; of several links the one that agrees with most of the path is meant,
      and where the document does not link it, its only video.
  """
  agreeing = [(max((agreement(link, video) for link in links(x)), default=0), x)
              for x in document.media]  # fmt: skip
  length, linked = max(agreeing, key=lambda x: x[0], default=(0, None))
  if linked is None or not length and len(document.media) > 1:
    return 0
  text = linked.get("TIME_ORIGIN", "0")
  digits = text.removeprefix("-")
  return int(text) if digits.isascii() and digits.isdecimal() and len(digits) <= 10 else 0


def links(media: dict[str, str]) -> set[str]:
  """Where a linked video is said to lie; ELAN writes it as it is, and other tools with escapes."""
  urls = [media[key] for key in ("MEDIA_URL", "RELATIVE_MEDIA_URL") if media.get(key)]
  found = {x.replace("\\", "/") for x in urls}
  return found | {urllib.parse.unquote(x) for x in found}


def agreement(link: str, video: str) -> int:
  """How many names at the end of two paths are the same."""
  pairs = zip(reversed(link.split("/")), reversed(video.split("/")), strict=False)
  return sum(1 for _ in itertools.takewhile(lambda x: x[0] == x[1], pairs))
