"""Checks what ELAN's schema asks of a document: order, attributes, names and references."""

import re
from xml.etree import ElementTree

ORDER = (
    "LICENSE", "HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "LOCALE", "LANGUAGE",
    "CONSTRAINT", "CONTROLLED_VOCABULARY", "LEXICON_REF", "REF_LINK_SET", "EXTERNAL_REF",
)  # fmt: skip
NEEDED = {
    "ANNOTATION_DOCUMENT": {"DATE", "AUTHOR", "VERSION"},
    "MEDIA_DESCRIPTOR": {"MEDIA_URL", "MIME_TYPE"},
    "TIME_SLOT": {"TIME_SLOT_ID"},
    "TIER": {"TIER_ID", "LINGUISTIC_TYPE_REF"},
    "ALIGNABLE_ANNOTATION": {"ANNOTATION_ID", "TIME_SLOT_REF1", "TIME_SLOT_REF2"},
    "REF_ANNOTATION": {"ANNOTATION_ID", "ANNOTATION_REF"},
    "LINGUISTIC_TYPE": {"LINGUISTIC_TYPE_ID"},
}
ALLOWED = {  # beside those, of the elements that are written here
    "MEDIA_DESCRIPTOR": {"RELATIVE_MEDIA_URL", "TIME_ORIGIN", "EXTRACTED_FROM"},
    "TIME_SLOT": {"TIME_VALUE"},
    "TIER": {"PARTICIPANT", "ANNOTATOR", "DEFAULT_LOCALE", "PARENT_REF", "EXT_REF", "LANG_REF"},
    "ALIGNABLE_ANNOTATION": {"EXT_REF", "LANG_REF", "CVE_REF", "SVG_REF"},
    "LINGUISTIC_TYPE": {
        "TIME_ALIGNABLE", "CONSTRAINTS", "GRAPHIC_REFERENCES", "CONTROLLED_VOCABULARY_REF",
        "EXT_REF", "LEXICON_REF",
    },
}  # fmt: skip
IDS = (
    "TIME_SLOT_ID", "ANNOTATION_ID", "LANGUAGE_CODE", "STEREOTYPE", "EXT_REF_ID", "LEX_REF_ID",
    "LANG_ID", "LINK_SET_ID", "REF_LINK_ID",
)  # fmt: skip
_NAME = re.compile(r"[^\W\d][\w.\-]*")


def faults(content: bytes) -> list[str]:
  """What is against the schema, in sentences."""
  root = ElementTree.fromstring(content)
  found = [f"the root is {root.tag}"] * (root.tag != "ANNOTATION_DOCUMENT")
  tags = [x.tag for x in root]
  found += [f"{x} is unknown" for x in tags if x not in ORDER]
  if tags != sorted(tags, key=ORDER.index) or tags.count("HEADER") != 1 != tags.count("TIME_ORDER"):
    found.append("the elements are not in their order")
  for element in root.iter():
    given = set(element.attrib)
    needed = NEEDED.get(element.tag, set())
    found += [f"{element.tag} has no {x}" for x in needed - given]
    if element.tag in ALLOWED:
      found += [f"{element.tag} has {x}" for x in given - needed - ALLOWED[element.tag]]
  found += [f"{x} is no name" for x in _ids(root) if not _NAME.fullmatch(x)]
  found += _twice("id", _ids(root))
  return found + _of_tiers(root) + _of_slots(root)


def _ids(root):
  return [x.get(name) for x in root.iter() for name in IDS if name in x.attrib]


def _twice(what, names):
  return [f"the {what} {x} is there twice" for x in set(names) if names.count(x) > 1]


def _of_tiers(root):
  tiers = [x.get("TIER_ID") for x in root.iter("TIER")]
  types = [x.get("LINGUISTIC_TYPE_ID") for x in root.iter("LINGUISTIC_TYPE")]
  used = [x.get("LINGUISTIC_TYPE_REF") for x in root.iter("TIER")]
  parents = [x.get("PARENT_REF") for x in root.iter("TIER") if x.get("PARENT_REF")]
  found = _twice("tier", tiers) + _twice("type", types)
  found += [f"there is no type {x}" for x in used if x not in types]
  found += [f"there is no tier {x}" for x in parents if x not in tiers]
  for annotation in root.iter("ANNOTATION"):
    kinds = [x.tag for x in annotation]
    inner = [x.tag for kind in annotation for x in kind]
    if inner != ["ANNOTATION_VALUE"] or kinds[0] not in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
      found.append(f"an annotation holds {kinds} {inner}")
  return found


def _of_slots(root):
  slots = {x.get("TIME_SLOT_ID"): x.get("TIME_VALUE") for x in root.iter("TIME_SLOT")}
  values = [x for x in slots.values() if x is not None]
  found = [f"{x} is no time" for x in values if not x.isdecimal() or int(x) >= 2**32]
  for x in root.iter("ALIGNABLE_ANNOTATION"):
    ends = x.get("TIME_SLOT_REF1"), x.get("TIME_SLOT_REF2")
    found += [f"there is no slot {y}" for y in ends if y not in slots]
  return found
