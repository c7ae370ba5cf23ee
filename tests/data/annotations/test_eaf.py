"""Documents of ELAN are read as sentences; hostile ones and broken ones are refused by line."""

import tracemalloc

import numpy as np
import pytest

from sign_jax.data.annotations import eaf, eaf_times, markup, sentences
from sign_jax.errors import UserError
from tests.search.annotations import rich


@pytest.fixture
def document(tmp_path):
  path = tmp_path / "rich.eaf"
  path.write_text(rich.TEXT, encoding="utf-8-sig")
  return path


def rows(found):
  return [(x.start, x.end, x.text) for x in found.sentences]


def test_a_tier_of_sentences(document):
  found = sentences.read(document)
  assert rows(found) == [(0.0, 3.0, "Het regent in 't zuiden. ä"), (3.0, 5.0, "Wind < 3 & meer")]
  (line, what), = found.left_out
  assert what == "the annotation a3 is not aligned"
  assert '"a3"' in rich.TEXT.splitlines()[line - 1]


def test_slots_without_a_time_lie_between_the_others(document):
  found = sentences.read(document, "GLOSS")
  assert rows(found) == [(0.0, 1.0, "RAIN"), (1.0, 2.0, "SOUTH")]
  assert [what for _, what in found.left_out] == ["there is no text"]


@pytest.mark.parametrize(("tier", "expected"), [
    ("WORD", [(0.0, 1.5, "it"), (1.5, 3.0, "rains")]), ("Übersetzung", [(1.5, 3.0, "regnet")]),
    ("PHASE", [(3.5, 4.0, "stroke")]), ("empty", []),
])  # fmt: skip
def test_annotations_that_refer_have_the_time_of_others(document, tier, expected):
  assert rows(sentences.read(document, tier)) == expected


def test_times_count_from_where_the_video_begins(document):
  assert rows(sentences.read(document, "PHASE", "cam/side.mp4")) == [(5.0, 5.5, "stroke")]
  assert rows(sentences.read(document, "PHASE", "Gespräch 1.mp4")) == [(3.5, 4.0, "stroke")]


def test_a_tier_that_is_not_there_is_told(document):
  with pytest.raises(UserError, match="no tier 'SENTENCES' .did you mean 'SENTENCE'.. among 'SEN"):
    sentences.read(document, "SENTENCES")


def test_nested_parts_and_circles():
  """Parts of parts; tiers and annotations that hang on each other in a circle end."""
  nested = rich.TEXT.replace('TIME_SLOT_REF1="ts8" TIME_SLOT_REF2="ts9"',
                             'TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts7"')  # fmt: skip
  nested = nested.replace('PARENT_REF="SENTENCE" TIER_ID="PHASE"', 'PARENT_REF="GLOSS" TIER_ID="P"')
  nested = nested.replace(
      '<ANNOTATION_VALUE>stroke</ANNOTATION_VALUE>\n            </ALIGNABLE_ANNOTATION>',
      '<ANNOTATION_VALUE>stroke</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION><ANNOTATION>'
      '<ALIGNABLE_ANNOTATION ANNOTATION_ID="c" TIME_SLOT_REF1="ts7" TIME_SLOT_REF2="ts3">'
      "<ANNOTATION_VALUE>hold</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>",
  )
  found = [times for _, times in eaf_times.of_tier(rich.parsed(nested), "P")]
  assert found == [(1000.0, 1500.0), (1500.0, 2000.0)]
  circle = rich.TEXT.replace('ANNOTATION_REF="a1" LANG_REF="eng"', 'ANNOTATION_REF="a9"')
  circle = circle.replace('ANNOTATION_REF="a1" PREV', 'ANNOTATION_REF="a8" PREV')
  circle = circle.replace('PREVIOUS_ANNOTATION="a7"', 'PREVIOUS_ANNOTATION="a8"')
  circle = circle.replace('TIER_ID="SENTENCE"', 'TIER_ID="SENTENCE" PARENT_REF="GLOSS"')
  for tier in ("WORD", "Übersetzung"):
    assert {x for _, x in eaf_times.of_tier(rich.parsed(circle), tier)} == {None}
  loop = rich.TEXT.replace('TIME_SLOT_REF1="ts6" TIME_SLOT_REF2="ts7"',
                           'TIME_SLOT_REF1="ts7" TIME_SLOT_REF2="ts7"')  # fmt: skip
  assert [x for _, x in eaf_times.of_tier(rich.parsed(loop), "SENTENCE")][2] is None


def test_long_chains_take_no_long_time():
  """Chains without a time, and tiers that depend on each other, once each."""
  count = 4000
  slots = "".join(f'<TIME_SLOT TIME_SLOT_ID="t{n}"/>' for n in range(count + 1))
  chain = "".join(
      f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="x{n}" TIME_SLOT_REF1="t{n}" '
      f'TIME_SLOT_REF2="t{n + 1}"><ANNOTATION_VALUE>x</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>'
      "</ANNOTATION>" for n in range(count)
  )
  tiers = "".join(
      f'<TIER TIER_ID="{n}" PARENT_REF="{n + 1}" LINGUISTIC_TYPE_REF="x"/>' for n in range(count)
  )
  text = rich.BARE.replace(
      "<TIME_ORDER/>", f'<TIME_ORDER>{slots}</TIME_ORDER><TIER TIER_ID="S">{chain}</TIER>{tiers}'
  )
  document = rich.parsed(text)
  assert {x for _, x in eaf_times.of_tier(document, "S")} == {None}
  timed = text.replace('"t0"/', '"t0" TIME_VALUE="0"/').replace(
      f'"t{count}"/', f'"t{count}" TIME_VALUE="{count}"/'
  )
  found = [x for _, x in eaf_times.of_tier(rich.parsed(timed), "S")]
  np.testing.assert_allclose(found, [(n, n + 1) for n in range(count)])


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
HOSTILE = {
    "laughs": (f'<!DOCTYPE A [<!ENTITY l0 "ha">{LAUGHS}]><A>&l9;</A>', "line 1: it has a doc"),
    "file": ('<!DOCTYPE A [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<A>&x;</A>', "line 1: it"),
    "dtd": ('\n<!DOCTYPE A SYSTEM "http://example.org/x.dtd"><A/>', "line 2: it has a document"),
    "entity": ("<ANNOTATION_DOCUMENT>&x;</ANNOTATION_DOCUMENT>", "line 1: this is no XML"),
    "deep": ("<A>" * 100_000, "line 1: elements lie in one another more than 64 times"),
    "long": (f"<{'A' * 1_000_000}><B/></{'A' * 1_000_000}>", "whose root is"),
    "open": ("<ANNOTATION_DOCUMENT>\n<TIER>", "line 2: this is no XML"),
    "empty": ("", "this is no XML"),
    "text": ("WEBVTT", "line 1: this is no XML"),
    "html": ("<html><body/></html>", "whose root is ANNOTATION_DOCUMENT and not 'html'"),
    "nothing": ("<ANNOTATION_DOCUMENT/>", "has no TIME_ORDER"),
    "encoding": ('<?xml version="1.0" encoding="big5"?><A/>', "the encoding 'big5' is not read"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_are_refused(tmp_path, name):
  text, words = HOSTILE[name]
  path = tmp_path / "x.eaf"
  path.write_text(text)
  tracemalloc.start()
  try:
    with pytest.raises(UserError) as error:
      sentences.read(path)
    assert tracemalloc.get_traced_memory()[1] < 30 << 20
  finally:
    tracemalloc.stop()
  assert words in str(error.value) and str(path) in str(error.value)
  assert len(str(error.value)) < 400


@pytest.mark.parametrize(("old", "new", "words"), [
    ('TIME_VALUE="3500"', 'TIME_VALUE="-3500"', "TIME_VALUE is '-3500'"),
    ('TIME_VALUE="3500"', 'TIME_VALUE="3.5"', "TIME_VALUE is '3.5'"),
    ('TIME_VALUE="3500"', 'TIME_VALUE="4294967296"', "TIME_VALUE is '4294967296'"),
    ('"ts9" TIME_VALUE', '"ts8" TIME_VALUE', "another slot 'ts8'"),
    ('REF2="ts9"', 'REF2="ts99"', "no slot 'ts99'"),
    ('TIER_ID="WORD"', 'TIER_ID="GLOSS"', "another tier 'GLOSS'"),
    ('ANNOTATION_ID="a9"', 'ANNOTATION_ID="a1"', "another annotation 'a1'"),
    ('ANNOTATION_ID="a9" ', "", "REF_ANNOTATION has no ANNOTATION_ID"),
    ('"milliseconds"', '"PAL-frames"', "its times are 'PAL-frames'"),
    ("</ANNOTATION_DOCUMENT>", "", "this is no XML"),
])  # fmt: skip
def test_broken_documents_are_named_by_line(old, new, words):
  assert rich.TEXT.count(old) == 1
  with pytest.raises(UserError, match=r"rich.eaf, line \d+: ") as error:
    rich.parsed(rich.TEXT.replace(old, new))
  assert words in str(error.value)


def test_sizes_are_limited(document, monkeypatch):
  monkeypatch.setattr(markup, "MAX_BYTES", 1000)
  with pytest.raises(UserError, match="MiB"):
    eaf.read(document)


def test_elements_are_where_they_are_said_to_be():
  content = b"\xef\xbb\xbf<A>\r\n<B x='1'/><!-- c --><C>\xc3\xa4&lt;<D></D></C ></A>\n"
  seen = {}
  markup.walk("x", content, lambda x: seen.update({x.path: x}))
  part = {k: (content[x.start : x.end], content[x.inner : x.close]) for k, x in seen.items()}
  assert part["A/B"] == (b"<B x='1'/>", b"") and seen["A/B"].close == seen["A/B"].end
  assert part["A/C"] == (b"<C>\xc3\xa4&lt;<D></D></C >", b"\xc3\xa4&lt;<D></D>")
  assert part["A/C/D"] == (b"<D></D>", b"") and seen["A/C/D"].close < seen["A/C/D"].end
  assert seen["A/C"].text == "ä<" and seen["A/C"].line == 2 and seen["A"].start == 3
