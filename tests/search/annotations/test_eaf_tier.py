"""Our tier in documents of ELAN: put, put again, and taken out, and all else as it was."""

import re
from xml.etree import ElementTree

import pytest

from sign_jax.data.annotations import eaf, eaf_times
from sign_jax.errors import UserError
from sign_jax.search.annotations import eaf_tier
from sign_jax.search.annotations.eaf_tier import Span
from tests.search.annotations import rich, structure

SPANS = [
    Span(1500, 2500, "Regen & <Süd> (1, 0.431)"), Span(0, 900, "two\nlines\x01"),
    Span(2000, 4000, "overlaps"), Span(2500, 2600, "touches"), Span(9000, 9001, "𝄞 late"),
]  # fmt: skip
ALL = {"3.0": rich.TEXT, "2.8": rich.TEXT_28, "odd": rich.TEXT_ODD, "bare": rich.BARE}


def again(content):
  return eaf.parse(rich.parsed(rich.BARE).path, content)


def text_of(content, tier):
  document = again(content)
  (found,) = [x for x in document.tiers if x.name == tier]
  times = eaf_times.slot_times(document)
  return [(*(times[y] for y in x.slots), x.text) for x in found.annotations]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ALL)
def test_put_is_stable_and_taken_out_is_what_was_there(name, ends, encoding):
  text = ALL[name].replace("\n", ends)
  if encoding == "latin-1":
    text = text.replace("UTF-8", "ISO-8859-1").replace("Ž", "&#381;")
    if name == "bare":
      text = f"<?xml version='1.0' encoding='ISO-8859-1'?>{text}"
  elif encoding == "utf-16":
    text = text.replace("UTF-8", "UTF-16")
  document = rich.parsed(text, encoding)
  once = eaf_tier.put(document, SPANS)
  assert eaf_tier.put(again(once), SPANS) == once
  assert eaf_tier.put(again(once), SPANS[:1]) == eaf_tier.put(document, SPANS[:1])
  bare = eaf_tier.taken_out(again(once))
  expected = document.document.content
  if name == "bare":
    expected = text.replace("<TIME_ORDER/>", "<TIME_ORDER>\n</TIME_ORDER>").encode(encoding)
  assert bare == expected == eaf_tier.put(again(once), [])
  assert ("\r\n" in once.decode(encoding)) == (ends == "\r\n" and name != "bare")
  assert text_of(once, "SEARCH") == [
      (0, 900, "two lines"), (1500, 2500, "Regen & <Süd> (1, 0.431)"), (2500, 2600, "touches"),
      (9000, 9001, "𝄞 late"),
  ]  # fmt: skip
  assert text_of(once, "SEARCH-2") == [(2000, 4000, "overlaps")]
  if name != "odd":
    assert structure.faults(once) == structure.faults(expected) == []


def test_what_was_there_stays_byte_for_byte():
  """But for what is put in between, which is whole elements."""
  once = eaf_tier.put(rich.parsed(rich.TEXT), SPANS).decode()
  own = (
      r'\n *<TIME_SLOT TIME_SLOT_ID="search_ts_\d+" TIME_VALUE="\d+"/>',
      r'\n    <TIER ANNOTATOR="sign_jax" .*?</TIER>',
      r'\n    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="sign_jax-sea[^>]*>',
  )
  left = once
  for pattern in own:
    left, count = re.subn(pattern, "", left, flags=re.DOTALL)
    assert count == {own[0]: 10, own[1]: 2, own[2]: 1}[pattern]
  assert left == rich.TEXT


def test_slots_are_put_into_the_order_of_time():
  spans = [Span(1000, 2500, "x"), Span(3000, 3001, "y"), Span(7000, 8000, "z")]
  once = eaf_tier.put(rich.parsed(rich.TEXT), spans)
  slots = [(x.id, x.time) for x in again(once).slots]
  assert [x for x in slots if not x[0].startswith("search")] == [
      (x.id, x.time) for x in rich.parsed(rich.TEXT).slots
  ]
  order = [x for x, _ in slots]
  # ts2 and ts3 lie at 1000 and 2000.
  assert order[:8] == [
      "ts1", "ts2", "search_ts_1", "ts3", "search_ts_2", "ts4", "ts5", "search_ts_3",
  ]  # fmt: skip
  assert order[-2:] == ["search_ts_5", "search_ts_6"]


def test_a_document_that_elan_has_saved_anew_is_still_ours():
  """ELAN numbers the slots anew, and writes attributes in another order."""
  once = eaf_tier.put(rich.parsed(rich.TEXT), SPANS)
  root = ElementTree.fromstring(once)
  names = {}
  for number, slot in enumerate(root.iter("TIME_SLOT"), 1):
    names[slot.get("TIME_SLOT_ID")] = f"ts{number}"
    slot.set("TIME_SLOT_ID", f"ts{number}")
  for x in root.iter("ALIGNABLE_ANNOTATION"):
    for key in ("TIME_SLOT_REF1", "TIME_SLOT_REF2"):
      x.set(key, names[x.get(key)])
  saved = ElementTree.tostring(root)
  slots = lambda content: [(x.id, x.time) for x in again(content).slots]
  bare = eaf_tier.taken_out(again(saved))
  assert len(slots(bare)) == len(rich.parsed(rich.TEXT).slots) and b"search" not in bare
  assert set(slots(bare)) <= set(slots(saved))
  renewed = eaf_tier.put(again(saved), SPANS)
  assert eaf_tier.put(again(renewed), SPANS) == renewed and structure.faults(renewed) == []
  assert eaf_tier.taken_out(again(renewed)) == bare


def test_tiers_of_two_names_do_not_meet():
  one = eaf_tier.put(rich.parsed(rich.TEXT), SPANS)
  both = eaf_tier.put(again(one), SPANS[:2], "LATER")
  assert structure.faults(both) == [] and len(text_of(both, "LATER")) == 2
  assert text_of(both, "SEARCH") == text_of(one, "SEARCH")
  assert eaf_tier.taken_out(again(both), "LATER") == one
  assert b"sign_jax-search" in eaf_tier.taken_out(again(both), "SEARCH")


CHILD = (
    '<TIER LINGUISTIC_TYPE_REF="same" PARENT_REF="SEARCH" TIER_ID="is right"><ANNOTATION>'
    '<REF_ANNOTATION ANNOTATION_ID="b1" ANNOTATION_REF="search_1"><ANNOTATION_VALUE>yes'
    "</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>"
)


@pytest.mark.parametrize(("change", "words"), [
    (('<TIER LINGUISTIC_TYPE_REF="words"', CHILD + '<TIER LINGUISTIC_TYPE_REF="words"'),
     "the tier 'is right' depends on 'SEARCH'"),
    (('REF2="a7"', 'REF2="search_2"'), "something refers to the annotation 'search_2'"),
    (('ANNOTATOR="sign_jax"', 'ANNOTATOR="Zoë"'), "it has a tier 'SEARCH' of its own"),
    (('TIME_ALIGNABLE="true"/>\n    <LOCALE',
      'TIME_ALIGNABLE="true" CONSTRAINTS="Included_In"/>\n    <LOCALE'),
     "the linguistic type sign_jax-search is another one here"),
])  # fmt: skip
def test_work_of_others_is_not_lost(change, words):
  once = eaf_tier.put(rich.parsed(rich.TEXT), SPANS).decode()
  assert change[0] in once
  with pytest.raises(UserError) as error:
    eaf_tier.put(again(once.replace(*change).encode()), SPANS)
  assert words in str(error.value) and re.match(r"rich.eaf, line \d+: ", str(error.value))


def test_a_document_that_would_change_otherwise_is_refused(monkeypatch):
  put = eaf_tier._put
  monkeypatch.setattr(eaf_tier, "_put", lambda *x: put(*x).replace(b"stroke", b"strike"))
  with pytest.raises(UserError, match="without other changes"):
    eaf_tier.put(rich.parsed(rich.TEXT), SPANS)


def test_ids_that_are_taken_are_left_alone():
  text = rich.TEXT.replace('"a10"', '"search_1"').replace('"unused"', '"search_ts_2"')
  once = eaf_tier.put(rich.parsed(text), SPANS)
  assert structure.faults(once) == [] and eaf_tier.put(again(once), SPANS) == once
  assert eaf_tier.taken_out(again(once)) == text.encode()


def test_the_checks_of_these_tests_see_faults():
  once = eaf_tier.put(rich.parsed(rich.TEXT), SPANS).decode()
  for old, new in (
      ('"search_ts_1"/>', '"search_ts_1" TIME_VALUE="x"/>'), ('"search_2"', '"search_1"'),
      ('TIME_SLOT_REF2="search_ts_2"', 'TIME_SLOT_REF2="gone"'),
      ('LINGUISTIC_TYPE_ID="sign_jax-search"', 'LINGUISTIC_TYPE_ID="other"'),
      ("<HEADER", "<TIER/><HEADER"), ('"search_ts_3" TIME_VALUE="', '"3" TIME_VALUE="-'),
      ('TIER_ID="SEARCH-2"', 'TIER_ID="SEARCH"'), ("<ANNOTATION_VALUE>overlaps", "<VALUE/>"),
  ):  # fmt: skip
    changed = once.replace(old, new, 1).replace("<VALUE/></ANNOTATION_VALUE>", "<VALUE/>")
    assert changed == once or structure.faults(changed.encode()), old
