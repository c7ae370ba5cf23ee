"""Our own tier in a document of ELAN, beside everything that is there.

The document's bytes are cut at the places that the parser tells, and what is ours is put in between
or taken out again. All other bytes stay as they are, also those of elements that nobody knows here.
Tools that read a document into objects of their own and write these lose what they have no room
for: pympi-ling 1.71 loses links between annotations, what annotations refer to in vocabularies,
languages and elsewhere, comments, the order of slots and the document's format.
"""

import bisect
import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from sign_jax.data.annotations import eaf
from sign_jax.data.annotations.eaf import Eaf
from sign_jax.errors import UserError, shown

TIER = "SEARCH"
OWNER = "sign_jax"  # the annotator of our tiers, by which they are told from others' of that name
TYPE = "sign_jax-search"  # their linguistic type
_TYPE = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": TYPE, "TIME_ALIGNABLE": "true"}
_ANNOTATION, _SLOT = "search_{}", "search_ts_{}"  # ids; ELAN counts a1, a2 ... and ts1, ts2 ...
# XML has no other characters, not even as references.
_NO_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Span(NamedTuple):
  """An annotation to be written: begin and end in milliseconds, and its text."""

  start: int
  end: int
  text: str


def layers(spans: Sequence[Span]) -> list[list[Span]]:
  """Spans in tiers: annotations of one tier of ELAN cannot overlap.

  Each is in the first tier where it has room, in the order given; those of a tier are sorted.
  """
  found = []
  for span in spans:
    layer = next((x for x in found if _has_room(x, span)), None)
    if layer is None:
      layer = []
      found.append(layer)
    bisect.insort(layer, span)
  return found


def _has_room(layer, span):
  place = bisect.bisect(layer, span)
  near = layer[max(place - 1, 0) : place + 1]
  return all(x.end <= span.start or span.end <= x.start for x in near)


def put(document: Eaf, spans: Sequence[Span], tier: str = TIER) -> bytes:
  """The document with these annotations, in place of those that were put there before.

  Args:
    document: `Eaf`.
    spans: 0 <= start < end < 2 ** 32; overlapping ones go into further tiers, SEARCH-2 ...
    tier: their name.

  Returns:
    Its bytes: putting the same twice changes nothing more.

  Raises:
    UserError: the tier is somebody else's, or others hang on it.
  """
  bare = eaf.parse(document.path, taken_out(document, tier))
  _check_free(bare, tier)
  found = _put(bare, layers(spans), tier)
  # People's work of years is written over by this: it must be there, and whole.
  if taken_out(eaf.parse(document.path, found), tier) != bare.document.content:
    raise UserError(
        f"{document.path} cannot get a tier without other changes, save it anew in ELAN first"
    )
  return found


def taken_out(document: Eaf, tier: str = TIER) -> bytes:
  """The document without the tiers that `put` has put there, byte for byte as it was before.

  (But for an empty TIME_ORDER, which is written as two tags.)

  Raises:
    UserError: other tiers or references hang on them.
  """
  mine = [x for x in document.tiers if _is_mine(x, tier)]
  _check_alone(document, mine)
  cuts = [_with_space(document, x.element) for x in mine]
  slots = _own_slots(document, mine)
  cuts += [_with_space(document, x.element) for x in document.slots if x.id in slots]
  used = [x for x in document.tiers if x.element.attributes.get("LINGUISTIC_TYPE_REF") == TYPE]
  if len(mine) == len(used):
    cuts += [_with_space(document, x) for x in document.types if x.attributes == _TYPE]
  edits = [(start, end, "") for start, end in cuts]
  order = document.time_order
  if order.close == order.end:
    inside = f"<TIME_ORDER>{_line(document)}{_indent(document, order)}</TIME_ORDER>"
    edits.append((order.start, order.end, inside))
  return _edited(document, edits)


def _is_mine(tier, name):
  given = tier.element.attributes
  is_named = re.fullmatch(rf"{re.escape(name)}(-[2-9]|-[1-9]\d+)?", tier.name)
  return bool(
      is_named and given.get("ANNOTATOR") == OWNER and given.get("LINGUISTIC_TYPE_REF") == TYPE
  )


def _check_alone(document, mine):
  names = {x.name for x in mine}
  for tier in document.tiers:
    if tier.parent in names:
      raise UserError(
          f"{document.path}, line {tier.element.line}: the tier {shown(tier.name)} depends on "
          f"{shown(tier.parent)}, which would be written anew, rename that in ELAN, or pass "
          "another --tier"
      )
  for annotation in (x for tier in mine for x in tier.annotations):
    if document.mentions[annotation.id] > 1:
      raise UserError(
          f"{document.path}, line {annotation.line}: something refers to the annotation "
          f"{shown(annotation.id)}, which would be written anew, rename its tier in ELAN, or pass "
          "another --tier"
      )


def _check_free(document, tier):
  for other in document.tiers:
    if other.name == tier or re.fullmatch(rf"{re.escape(tier)}-\d+", other.name):
      raise UserError(
          f"{document.path}, line {other.element.line}: it has a tier {shown(other.name)} of its "
          "own, pass another --tier"
      )
  for element in document.types:
    if element.attributes.get("LINGUISTIC_TYPE_ID") == TYPE and not _is_simple(element.attributes):
      raise UserError(
          f"{document.path}, line {element.line}: the linguistic type {TYPE} is another one here, "
          "rename it in ELAN"
      )


def _is_simple(given):
  """Whether annotations of a type have times, and no parents."""
  return given.get("TIME_ALIGNABLE") == "true" and not given.get("CONSTRAINTS")


def _own_slots(document, mine):
  """Ids of the slots that nothing but these tiers uses."""
  uses = {}
  for annotation in (x for tier in mine for x in tier.annotations if x.slots):
    for slot in annotation.slots:
      uses[slot] = uses.get(slot, 0) + 1
  return {slot for slot, count in uses.items() if document.mentions[slot] == count}


def _put(document, found, tier):
  """Puts tiers where none are."""
  ids, slot_ids = _new_ids(document, _ANNOTATION), _new_ids(document, _SLOT)
  edits, slots, texts = [], [], []
  line, space = _line(document), _indent(document, document.time_order)
  step = space or "    "
  for number, spans in enumerate(found, 1):
    name = tier if number == 1 else f"{tier}-{number}"
    rows = []
    for span in spans:
      begin, end = next(slot_ids), next(slot_ids)
      slots += [(span.start, begin), (span.end, end)]
      given = {"ANNOTATION_ID": next(ids), "TIME_SLOT_REF1": begin, "TIME_SLOT_REF2": end}
      value = f"<ANNOTATION_VALUE>{escape(_plain(span.text))}</ANNOTATION_VALUE>"
      rows += [
          f"{step}<ANNOTATION>", f"{step * 2}{_tag('ALIGNABLE_ANNOTATION', given)}>",
          f"{step * 3}{value}", f"{step * 2}</ALIGNABLE_ANNOTATION>", f"{step}</ANNOTATION>",
      ]
    given = {"ANNOTATOR": OWNER, "LINGUISTIC_TYPE_REF": TYPE, "TIER_ID": name}
    rows = [f"{_tag('TIER', given)}>", *rows, "</TIER>"]
    texts += [f"{line}{space}{row}" for row in rows]
  place = max([document.time_order.end, *(x.element.end for x in document.tiers)])
  kind = f"{line}{space}{_tag('LINGUISTIC_TYPE', _TYPE)}/>"
  has_type = any(x.attributes.get("LINGUISTIC_TYPE_ID") == TYPE for x in document.types)
  if found and not has_type:
    behind = max((x.end for x in document.types), default=place)
    edits.append((behind, behind, kind))
  # Behind the type's: where there was none, both are put at one place, and the tier comes first.
  edits.insert(0, (place, place, "".join(texts)))
  return _edited(document, [*_slot_edits(document, sorted(slots, key=_by_time)), *edits])


def _by_time(slot):
  return slot[0]


def _new_ids(document, form):
  """Yields ids that the document does not have."""
  taken = {x.id for x in document.slots}
  names = (form.format(number) for number in itertools.count(1))
  return (x for x in names if x not in document.mentions and x not in taken)


def _slot_edits(document, slots):
  """Yields edits that put (milliseconds, id) into the order of time."""
  order = document.time_order
  places = [order.inner, *(x.element.end for x in document.slots)]
  times = list(itertools.accumulate(_between([x.time for x in document.slots]), max))
  model = document.slots[0].element if document.slots else None
  space = _indent(document, model) if model else 2 * (_indent(document, order) or "    ")
  for time, name in slots:
    place = places[bisect.bisect_right(times, time)]
    given = {"TIME_SLOT_ID": name, "TIME_VALUE": str(time)}
    yield place, place, f"{_line(document)}{space}{_tag('TIME_SLOT', given)}/>"


def _between(times):
  """Times with None in them filled at equal distances; at the ends by the nearest, 0 for none."""
  known = [n for n, x in enumerate(times) if x is not None]
  if not known:
    return [0] * len(times)
  found = [times[known[0]]] * known[0]
  for first, last in itertools.pairwise(known):
    step = (times[last] - times[first]) / (last - first)
    found += [times[first] + step * n for n in range(last - first)]
  return found + [times[known[-1]]] * (len(times) - known[-1])


def _tag(name, attributes):
  """A start tag without its end."""
  return f"<{name} {' '.join(f'{key}={quoteattr(x)}' for key, x in attributes.items())}"


def _plain(text):
  return " ".join(_NO_XML.sub(" ", text).split())


def _edited(document, edits):
  """The document's bytes with parts (start, end) replaced; texts of one place keep their order."""
  content, encoding = document.document.content, document.document.encoding
  pieces, place = [], 0
  for start, end, text in sorted(edits, key=lambda edit: edit[:2]):
    pieces += [content[place:start], text.encode(encoding, "xmlcharrefreplace")]
    place = end
  return b"".join([*pieces, content[place:]])


def _with_space(document, element):
  """(start, end) of an element with the white space before it."""
  before = _before(document, element)
  space = before[len(before.rstrip()) :]
  return element.start - len(space.encode(document.document.encoding)), element.end


def _indent(document, element):
  """The blanks before an element, "" where something else is on its line."""
  space = _before(document, element).rpartition("\n")[2]
  return space if not space.strip() else ""


def _before(document, element, count=400):
  """Some text before an element, which may begin with half a character."""
  content, encoding = document.document.content, document.document.encoding
  start = max(element.start - count, 0)
  return content[start : element.start].decode(encoding, "ignore")


def _line(document):
  """How the document's lines end."""
  first = document.document.content[: document.time_order.end]
  return "\r\n" if "\r\n".encode(document.document.encoding) in first else "\n"
