"""Tables of translations."""

import pytest

from sign_jax.data import translations
from sign_jax.errors import UserError


def written(path, text):
  path.write_text(text, encoding="utf-8")
  return str(path)


def test_translations_in_the_order_of_the_videos(tmp_path):
  path = written(tmp_path / "a.csv", 'translation,video,score\n"Regen, viel Regen",b/2,1\n,a,2\n'
                                     "Über Nacht,c,3\n")  # fmt: skip
  assert translations.read(path) == {"b/2": "Regen, viel Regen", "a": "", "c": "Über Nacht"}
  assert translations.of_videos(path, ["c", "a", "c"]) == ["Über Nacht", "", "Über Nacht"]
  assert translations.of_videos(path, []) == []


@pytest.mark.parametrize(("text", "message"), [
  ("video,translation\na,x\na,x\n", "line 3: the video 'a' is in line 2 already, remove one"),
  ("video,translation\n,x\n", "line 2: the video is missing, write its video_id"),
  ("video,translations\na,x\n", "did you mean 'translation'?"),
  ("video\na\n", "no column translation among 'video'"),
  ("video,translation\na,x,y\n", "line 2: the row has 3 values for 2 columns"),
])
def test_tables_that_are_none(tmp_path, text, message):
  path = written(tmp_path / "a.csv", text)
  with pytest.raises(UserError) as caught:
    translations.read(path)
  assert message in str(caught.value) and path in str(caught.value)


def test_a_video_without_a_translation(tmp_path):
  path = written(tmp_path / "a.csv", "video,translation\na,x\n")
  with pytest.raises(UserError, match="no translation of 2 of 3 videos, the first is 'b': add"):
    translations.of_videos(path, ["a", "b", "c"])
  with pytest.raises(UserError, match="there is no file .*none.csv"):
    translations.read(str(tmp_path / "none.csv"))
