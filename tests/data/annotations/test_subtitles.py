"""Subtitles that a player takes."""

from sign_jax.data.annotations import subtitles

CUES = [(0.04, 0.5, "SNOW"), (3661.9996, 3662.0001, "A & <b>B</b>"), (1, 1, "C\n\nD")]


def test_webvtt():
  assert subtitles.vtt(CUES) == (
      "WEBVTT\n\n00:00:00.040 --> 00:00:00.500\nSNOW\n\n"
      "01:01:02.000 --> 01:01:02.001\nA &amp; &lt;b&gt;B&lt;/b&gt;\n\n"
      "00:00:01.000 --> 00:00:01.001\nC D\n"
  )
  assert subtitles.vtt([]) == "WEBVTT\n"


def test_subrip():
  assert subtitles.srt(CUES) == (
      "1\n00:00:00,040 --> 00:00:00,500\nSNOW\n\n"
      "2\n01:01:02,000 --> 01:01:02,001\nA & <b>B</b>\n\n"
      "3\n00:00:01,000 --> 00:00:01,001\nC D\n"
  )
  assert subtitles.srt([]) == ""


def test_a_text_cannot_begin_a_cue_of_its_own():
  cues = [(0, 1, "X\n\n00:00:05.000 --> 00:00:06.000\nY\x00\u2028Z")]
  for text in (subtitles.vtt(cues), subtitles.srt(cues)):
    assert text.count("-->") == 1 and text.count("\n\n") <= 1 and "\x00" not in text
