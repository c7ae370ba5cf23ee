import pytest

from sign_jax.data import csv_table
from sign_jax.errors import UserError


def write(tmp_path, content):
  path = tmp_path / "a.csv"
  path.write_bytes(content)
  return path


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_reads_quotes_commas_and_line_breaks(tmp_path, bom, newline):
  umlauts = "Grüße".encode()
  lines = [b"video, sentence", b'a.mp4,"One, ""two"""', b'b.mp4,"' + umlauts, b'ende"', b""]
  rows = csv_table.read(write(tmp_path, bom + newline.join(lines)), ["video", "sentence"])
  assert [line for line, _ in rows] == [2, 4]
  assert rows[0][1] == {"video": "a.mp4", "sentence": 'One, "two"'}
  assert rows[1][1]["sentence"].split() == ["Grüße", "ende"]


@pytest.mark.parametrize(
  ("content", "words"),
  [
    (b"name,text\na,b\n", "no column video, sentence among name, text"),
    (b"", "no column video, sentence"),
    (b"video,sentence\na.mp4,one, two\n", "line 2: the row has not 2 values"),
    (b"video,sentence\na.mp4\n", "line 2: the row has not 2 values"),
    (b"video,sentence\na.mp4,Gr\xfc\xdfe\n", "not encoded in UTF-8"),
    (b'video,sentence\na.mp4,"one" two\n', "no valid CSV"),
  ],
)
def test_mistakes_are_named(tmp_path, content, words):
  with pytest.raises(UserError, match=words):
    csv_table.read(write(tmp_path, content), ["video", "sentence"])


def test_a_missing_file_is_named(tmp_path):
  with pytest.raises(UserError, match="there is no file"):
    csv_table.read(tmp_path / "none.csv", ["video"])


@pytest.mark.parametrize(
  "name",
  ["a.mp4", "folder/a.mp4", "a..b.mp4", "übung (1).mp4", "./a.mp4", "x" * 247 + ".mp4"],
)
def test_names_inside_the_folder_are_fine(name):
  csv_table.check_inside(name, "line 2")


@pytest.mark.parametrize(
  "name",
  ["", "/a.mp4", "../a.mp4", "a/../../b.mp4", "..", "C:\\a.mp4", "\\\\host\\a", "a\0b"]
  + [".", "a/", "a/.", "/", "é" * 124 + ".mp4", "x" * 300 + "/a.mp4"],
)
def test_names_that_leave_the_folder_are_refused(name):
  with pytest.raises(UserError, match="line 2"):
    csv_table.check_inside(name, "line 2")
