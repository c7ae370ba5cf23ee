"""Tables of mouthings and lexicons, and what they are refused for."""

import math

import pytest

from sign_jax.data import lexicon_table, mouthings
from sign_jax.data.lexicon_table import Exemplar
from sign_jax.data.mouthings import Mouthing
from sign_jax.errors import UserError


def write(folder, text):
  path = folder / "table.csv"
  path.write_text(text)
  return path


def test_mouthings(tmp_path):
  path = write(tmp_path, "video,word,time,confidence\na.mp4,Sun,1.5,0.75\na.mp4,rain,2e1,1\n")
  assert mouthings.read(path) == [
    Mouthing("a.mp4", "sun", 1.5, 0.75), Mouthing("a.mp4", "rain", 20, 1)
  ]


@pytest.mark.parametrize(
  "rows, message",
  [
    ("a.mp4,,1,0.5\n", "line 2: the word is empty"),
    ("a.mp4,sun,-1,0.5\n", "line 2: the time is '-1'"),
    ("a.mp4,sun,nan,0.5\n", "the time is 'nan'"),
    ("a.mp4,sun,1,high\n", "the confidence is 'high'"),
    ("a.mp4,sun,1,1.5\n", "confidence 1.5 is not between 0 and 1"),
    ("", "has no rows"),
  ],
)
def test_mouthings_that_are_none(tmp_path, rows, message):
  with pytest.raises(UserError, match=message):
    mouthings.read(write(tmp_path, f"video,word,time,confidence\n{rows}"))


def test_lexicons(tmp_path):
  path = write(tmp_path, "exemplar,word,start,end\nsun_1,Sun,0.5,1.5\nday/x,Ice  Cream,,\n")
  assert lexicon_table.read(path) == [
    Exemplar("sun_1", "sun", 0.5, 1.5), Exemplar("day/x", "ice cream", 0, math.inf)
  ]
  assert lexicon_table.read(write(tmp_path, "exemplar,word\na,b\n"))[0].end == math.inf


@pytest.mark.parametrize(
  "rows, message",
  [
    ("a,sun,0,1\na,rain,0,1\n", "line 3: an earlier line names the exemplar 'a'"),
    ("a,  ,0,1\n", "line 2: the exemplar 'a' has no word"),
    ("../a,sun,0,1\n", "line 2"),
    ("a,sun,2,1\n", "lasts from 2.0 to 1.0"),
    ("", "has no rows"),
  ],
)
def test_lexicons_that_are_none(tmp_path, rows, message):
  with pytest.raises(UserError, match=message):
    lexicon_table.read(write(tmp_path, f"exemplar,word,start,end\n{rows}"))
