"""Subtitles that a player takes."""

from sign_jax.api import webvtt


def test_cues():
  cues = [(0.04, 0.5, "SNOW"), (3661.9996, 3662.0001, "A & <b>B</b>"), (1, 1, "C\n\nD")]
  found = webvtt.text(cues)
  assert found == (
      "WEBVTT\n\n00:00:00.040 --> 00:00:00.500\nSNOW\n\n"
      "01:01:02.000 --> 01:01:02.001\nA &amp; &lt;b&gt;B&lt;/b&gt;\n\n"
      "00:00:01.000 --> 00:00:01.001\nC D\n"
  )
  assert webvtt.text([]) == "WEBVTT\n"


def test_a_text_cannot_begin_a_cue_of_its_own():
  found = webvtt.text([(0, 1, "X\n\n00:00:05.000 --> 00:00:06.000\nY\x00\u2028Z")])
  assert found.count("-->") == 1 and found.count("\n\n") == 1 and "\x00" not in found
