"""Documents of ELAN (.eaf, formats 2.x and 3.0): their slots of time, tiers and annotations."""

import pathlib
from typing import NamedTuple

from sign_jax.data.annotations import markup
from sign_jax.data.annotations.markup import Document, Element
from sign_jax.errors import UserError, shown

ROOT = "ANNOTATION_DOCUMENT"
MILLISECONDS = "milliseconds"
LAST = 2**32 - 1  # of a time, by the schema


class Slot(NamedTuple):
  """A slot of time; `time` is in milliseconds, None where annotators have not said."""

  id: str
  time: int | None
  element: Element


class Annotation(NamedTuple):
  """An annotation, between two slots, or of another annotation.

  Attributes:
    slots: ids of begin and end; None for one that refers.
    parent: id of the annotation that it is of; "" for one with slots.
    previous: id of the one before it of the same parent, "" for the first.
  """

  id: str
  text: str
  line: int
  slots: tuple[str, str] | None
  parent: str = ""
  previous: str = ""


class Tier(NamedTuple):
  """A tier and its annotations, in the order of the document."""

  name: str
  annotations: list[Annotation]
  element: Element

  @property
  def parent(self) -> str:
    """The name of the tier that it depends on, or ""."""
    return self.element.attributes.get("PARENT_REF", "")


class Eaf(NamedTuple):
  """What a document holds, as far as it is looked at here.

  Attributes:
    document: the file.
    time_order: its element.
    slots: in their order.
    tiers: in their order.
    types: elements of the linguistic types.
    media: attributes of the videos that it links.
    mentions: values of attributes, and words in them, of all elements but slots.
  """

  document: Document
  time_order: Element
  slots: list[Slot]
  tiers: list[Tier]
  types: list[Element]
  media: list[dict[str, str]]
  mentions: dict[str, int]

  @property
  def path(self) -> pathlib.Path:
    return self.document.path


def read(path: pathlib.Path) -> Eaf:
  """Reads a file; raises UserError as `parse`."""
  return parse(path, markup.read(path))


def parse(path: pathlib.Path, content: bytes) -> Eaf:
  """Reads a document.

  Args:
    path: for messages.
    content: the whole file.

  Raises:
    UserError: names the line: as `markup.walk`; no document of ELAN, one whose times are no
      milliseconds, two slots or annotations or tiers of one name.
  """
  reader = _Reader(path)
  document = markup.walk(path, content, reader.visit)
  if reader.time_order is None:
    raise UserError(f"{path} has no TIME_ORDER, as every document of ELAN has")
  return Eaf(
      document, reader.time_order, reader.slots, reader.tiers, reader.types, reader.media,
      reader.mentions,
  )


class _Reader:
  def __init__(self, path):
    self._path = path
    self.time_order = None
    self.slots, self.tiers, self.types, self.media = [], [], [], []
    self.mentions = {}
    self._waiting = []  # annotations of the tier that has not ended
    self._value = ""
    self._seen = {"slot": set(), "annotation": set(), "tier": set()}
    self._visits = {
        f"{ROOT}/TIME_ORDER/TIME_SLOT": self._slot,
        f"{ROOT}/TIME_ORDER": self._time_order,
        f"{ROOT}/TIER/ANNOTATION/ALIGNABLE_ANNOTATION/ANNOTATION_VALUE": self._text,
        f"{ROOT}/TIER/ANNOTATION/REF_ANNOTATION/ANNOTATION_VALUE": self._text,
        f"{ROOT}/TIER/ANNOTATION/ALIGNABLE_ANNOTATION": self._alignable,
        f"{ROOT}/TIER/ANNOTATION/REF_ANNOTATION": self._referring,
        f"{ROOT}/TIER": self._tier,
        f"{ROOT}/LINGUISTIC_TYPE": self.types.append,
        f"{ROOT}/HEADER/MEDIA_DESCRIPTOR": lambda element: self.media.append(element.attributes),
        f"{ROOT}/HEADER": self._header,
    }

  def visit(self, element):
    if element.path.partition("/")[0] != ROOT:
      raise UserError(
          f"{self._path}, line {element.line}: it is no document of ELAN, whose root is {ROOT} and "
          f"not {shown(element.path.partition('/')[0])}"
      )
    if not element.path.endswith("/TIME_SLOT"):
      for value in element.attributes.values():
        for word in {value, *value.split()}:
          self.mentions[word] = self.mentions.get(word, 0) + 1
    if visit := self._visits.get(element.path):
      visit(element)

  def _get(self, element, name):
    if name not in element.attributes:
      tag = element.path.rpartition("/")[2]
      raise UserError(f"{self._path}, line {element.line}: {tag} has no {name}, add it")
    return element.attributes[name]

  def _new(self, kind, name, element):
    if name in self._seen[kind]:
      raise UserError(
          f"{self._path}, line {element.line}: there is another {kind} {shown(name)}, rename one"
      )
    self._seen[kind].add(name)
    return name

  def _header(self, element):
    unit = element.attributes.get("TIME_UNITS", MILLISECONDS)
    if unit != MILLISECONDS:
      raise UserError(
          f"{self._path}, line {element.line}: its times are {shown(unit)} and no milliseconds, "
          "open it in ELAN and save it"
      )

  def _slot(self, element):
    name = self._new("slot", self._get(element, "TIME_SLOT_ID"), element)
    text = element.attributes.get("TIME_VALUE")
    self.slots.append(Slot(name, None if text is None else self._time(text, element), element))

  def _time(self, text, element):
    # isdecimal alone is true of other scripts' digits too.
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= LAST):
      raise UserError(
          f"{self._path}, line {element.line}: TIME_VALUE is {shown(text)}, write milliseconds "
          f"from 0 to {LAST}"
      )
    return int(text)

  def _time_order(self, element):
    self.time_order = element

  def _text(self, element):
    self._value = element.text

  def _alignable(self, element):
    slots = self._get(element, "TIME_SLOT_REF1"), self._get(element, "TIME_SLOT_REF2")
    for name in slots:
      if name not in self._seen["slot"]:
        raise UserError(
            f"{self._path}, line {element.line}: there is no slot {shown(name)}, correct the "
            "reference"
        )
    self._add(element, slots, "", "")

  def _referring(self, element):
    parent = self._get(element, "ANNOTATION_REF")
    self._add(element, None, parent, element.attributes.get("PREVIOUS_ANNOTATION", ""))

  def _add(self, element, slots, parent, previous):
    name = self._new("annotation", self._get(element, "ANNOTATION_ID"), element)
    self._waiting.append(Annotation(name, self._value, element.line, slots, parent, previous))
    self._value = ""

  def _tier(self, element):
    name = self._new("tier", self._get(element, "TIER_ID"), element)
    self.tiers.append(Tier(name, self._waiting, element))
    self._waiting = []
