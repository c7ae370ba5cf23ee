"""Subtitles are read as sentences, whatever people write into such files."""

import sys

import pytest

from sign_jax.data.annotations import cues, sentences, subtitles
from sign_jax.errors import UserError

pytest.importorskip("webvtt")
VTT = """WEBVTT - Wetter

STYLE
::cue { color: red }

NOTE
00:00 of this is no cue

first words
00:01.000 --> 00:00:02.500 align:start position:0%
<v Ada>Schnee &amp; <i>Eis</i></v>
- im {leise} Süden

00:00:03.000 --> 00:00:04.000

00:00:05.000 --> 00:00:05.000
no length

-00:00:01.000 --> 00:00:02.000
before the beginning

00:00:09.000 --> 00:00:08.000
backwards

00:99:00.000 --> 00:99:01.000
no minute

00:00:0x --> 00:00:10.000
no time

00:00:02.000 --> 00:00:06.000
overlaps

00:00:02.000 --> 00:00:06.000
of a second signer
"""
SRT = """
1
00:00:01,000 --> 00:00:02,500
{\\an8}<b>Schnee</b> &
im Süden

2
00:00:03.000 --> 00:00:04.000
42

x
00:00:04,000 --> 00:00:05,000
without its number

3
00:00:0x,000 --> 00:00:09,000
no time
4
00:00:09,000 --> 00:00:10,000
right behind
"""


def write(path, text, encoding="utf-8"):
  path.write_bytes(text.encode(encoding))
  return path


def rows(found):
  return [(x.line, x.start, x.end, x.text) for x in found.sentences]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_webvtt(tmp_path, ends, encoding):
  found = sentences.read(write(tmp_path / "a.VTT", VTT.replace("\n", ends), encoding))
  assert rows(found) == [
      (10, 1.0, 2.5, "Schnee & Eis - im {leise} Süden"),
      (31, 2.0, 6.0, "overlaps of a second signer"),
  ]
  lines = [line for line, _ in found.left_out]
  assert lines == [14, 16, 19, 22, 25, 28]
  told = dict(found.left_out)
  assert told[14] == "there is no text" and told[16] == "it lasts from 5 to 5 seconds"
  assert told[22] == "it lasts from 9 to 8 seconds" and "correct its times" in told[19]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_subrip(tmp_path, ends):
  found = sentences.read(write(tmp_path / "a.srt", SRT.replace("\n", ends), "utf-8-sig"))
  assert rows(found) == [
      (3, 1.0, 2.5, "Schnee & im Süden"), (8, 3.0, 4.0, "42"),
      (12, 4.0, 5.0, "without its number"), (19, 9.0, 10.0, "right behind"),
  ]  # fmt: skip
  assert [line for line, _ in found.left_out] == [16]


def test_what_is_written_is_read(tmp_path):
  cues = [(0.04, 0.5, "A & <b>B</b>  {c}"), (0.3, 7201.25, "ü\u00a0--> x")]
  for kind, text in ((".vtt", subtitles.vtt(cues)), (".srt", subtitles.srt(cues))):
    found = sentences.read(write(tmp_path / f"a{kind}", text))
    assert [x[1:3] for x in rows(found)] == [(0.04, 0.5), (0.3, 7201.25)] and not found.left_out
    assert found.sentences[0].text == ("A & <b>B</b> {c}" if kind == ".vtt" else "A & B {c}")


@pytest.mark.parametrize(("name", "text", "encoding", "words"), [
    ("a.vtt", VTT, "latin-1", "the byte 0xfc after"),
    ("a.srt", SRT, "utf-16", "encoded in UTF-16"),
    ("a.vtt", SRT, "utf-8", "line 1: it does not begin as a file of .vtt does"),
    ("a.srt", "", "utf-8", "line 1: it does not begin"),
    ("a.ass", VTT, "utf-8", "none of .vtt, .srt, .eaf"),
])  # fmt: skip
def test_files_of_another_kind_are_refused(tmp_path, name, text, encoding, words):
  with pytest.raises(UserError) as error:
    sentences.read(write(tmp_path / name, text, encoding))
  assert words in str(error.value) and name in str(error.value)


def test_without_the_library_it_is_named(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "webvtt", None)
  with pytest.raises(UserError, match=r"webvtt-py: install it with .pip install -e '.\[search\]'"):
    sentences.read(write(tmp_path / "a.vtt", VTT))


def test_sizes_are_limited(tmp_path, monkeypatch):
  monkeypatch.setattr("sign_jax.data.annotations.cues._MOST", 3)
  with pytest.raises(UserError, match="has 9 cues"):
    sentences.read(write(tmp_path / "a.vtt", VTT))
  monkeypatch.setattr("sign_jax.data.annotations.cues.MAX_BYTES", 100)
  with pytest.raises(UserError, match="MiB"):
    sentences.read(write(tmp_path / "a.vtt", VTT))


def test_marks_that_never_end_take_no_long_time(tmp_path):
  """Steps of the regular expressions grow with the file, and not with its square."""
  for name, mark in (("a.srt", "{\\"), ("a.vtt", "<"), ("a.vtt", "&")):
    head = "1\n00:00:01,000" if name == "a.srt" else "WEBVTT\n\n00:00:01.000"
    text = f"{head} --> 00:00:02{head[-4:]}\nx {mark * 1_000_000}"
    found = sentences.read(write(tmp_path / name, text))
    count = len(text) - len(head) - 18
    assert [x for _, x in found.left_out] == [f"the text has {count} characters"]


@pytest.mark.parametrize("times", ["00:00:01,5 --> 00:00:02,000", "00:00:01,000 --> 00:00:02,75"])
def test_fractions_that_are_no_milliseconds_are_left_out(tmp_path, times):
  path = tmp_path / "a.srt"
  path.write_text(f"1\n{times}\nrain\n\n2\n00:00:03,000 --> 00:00:04,000\nsnow\n")
  left_out = []
  assert [x[1:] for x in cues.read(path, left_out)] == [(3.0, 4.0, "snow")]
  assert [line for line, _ in left_out] == [2]
