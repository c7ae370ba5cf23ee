import pytest

from sign_jax.errors import UserError
from sign_jax.untrusted import csv_table


def write(tmp_path, content):
  path = tmp_path / "a.csv"
  path.write_bytes(content)
  return path


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_reads_quotes_commas_and_line_breaks(tmp_path, bom, newline):
  umlauts = "Grüße".encode()
  lines = [b"video, sentence", b'a.mp4,"One, ""two"""', b'b.mp4,"' + umlauts, b'ende"', b""]
  rows = csv_table.read(write(tmp_path, bom + newline.join(lines)), ["video", "sentence"])
  assert [line for line, _ in rows] == [2, 3]
  assert rows[0][1] == {"video": "a.mp4", "sentence": 'One, "two"'}
  assert rows[1][1]["sentence"].split() == ["Grüße", "ende"]


@pytest.mark.parametrize(
  ("content", "words"),
  [
    (b"name,text\na,b\n", "line 1: no column video, sentence among 'name', 'text', add it"),
    (b"", "line 1: no column video, sentence among none"),
    (b"\n\nname\n", "line 3: no column video, sentence among 'name'"),
    (b"video,sentence\na.mp4,one, two\n", "line 2: the row has 3 values for 2 columns: quote sent"),
    (b"video,sentence\na.mp4\n", "line 2: the row has 1 value for 2 columns: write one for each"),
    (b"video,sentence\na.mp4;one\n", "line 2: .* found 'a.mp4;one' with semicolons in it"),
    ("video,sentence\na,“b, c”\n".encode(), "line 2: the row has 3 .*: “ is no quotation mark"),
    ("video,sentence\na,„b, c“\n".encode(), "line 2: the row has 3 .*: „ is no quotation mark"),
    # Columns.
    (b"Video,Sentence\na,b\n", "line 1: there is a column 'Video' .did you mean 'video'"),
    (b"VIDEO,SENTENCE\na,b\n", "line 1: there is a column 'VIDEO' .did you mean 'video'"),
    (b"video,sentense\na,b\n", "line 1: there is a column 'sentense' .did you mean 'sentence'"),
    (b"video,sentence,Split\na,b,c\n", "line 1: .* 'Split' .did you mean 'split'"),
    (b"video,sentence,starts\na,b,c\n", "line 1: .* 'starts' .did you mean 'start'"),
    (b"video,sentence,video\na,b,c\n", "line 1: the column 'video' is there twice, remove one"),
    (b"video,,sentence\na,b,c\n", "line 2: 'b' is in a column without a name"),
    (b"vid\x1beo,text\na,b\n", r"line 1: .*'vid\\x1beo'"),
    # Separators.
    (b"video;sentence\na;b\n", "line 1: the columns are separated by semicolons .';'. in 'video;s"),
    (b"Video;Sentence\na;b\n", "line 1: the columns are separated by semicolons"),
    (b'"video";"sentence"\na;b\n', "line 1: the quotation marks|line 1: the columns are sep"),
    (b"video\tsentence\na\tb\n", "line 1: the columns are separated by tabs"),
    (b"video|sentence\na|b\n", "line 1: the columns are separated by bars"),
    (b"sep=;\nvideo;sentence\na;b\n", "line 1: the columns are separated by semicolons"),
    # Encodings.
    (b"video,sentence\na.mp4,Gr\xfc\xdfe\n", "line 2: the byte 0xfc after 'a.mp4,Gr' is"),
    (b'video,sentence\r\n"a","b\r\nc"\r\nd,\xe9\r\n', "line 4: the byte 0xe9 after 'd,'"),
    ("video,sentence\na,b\n".encode("utf-16"), "line 1: the file is encoded in UTF-16"),
    ("video,sentence\na,b\n".encode("utf-16-le"), "line 1: there is a byte 0"),
    (b"video,sentence\na,b\nc,d\0\n", "line 3: there is a byte 0"),
    # Quotation marks.
    (b'video,sentence\na,b\nc,"one" two\n', "line 3: the quotation marks do not fit"),
    (b'video,sentence\na,b\nc,"one\nd,e\nf,g\n', "line 3 .the row goes on to line 5"),
    (b'video,sentence\na,"one\nd,"e"\nf,g\n', "line 2 .the row goes on to line 3"),
  ],
)
def test_mistakes_name_the_line_and_what_was_found(tmp_path, content, words):
  with pytest.raises(UserError, match=words) as error:
    csv_table.read(write(tmp_path, content), ["video", "sentence"], ["start", "split"])
  assert "a.csv, line " in str(error.value) and str(error.value).isprintable()


@pytest.mark.parametrize(
  "content",
  [
    b"video,sentence,,\na,b,,\n,,,\n",
    b"\n,,\nvideo,sentence\n\na,b,,\n \n",
    b"video , sentence\r\n a ,b",
    b"\xef\xbb\xbfvideo,sentence\ra,b\r",
    b'"video","sentence"\n"a","b"\n',
    b"sep=,\r\nvideo,sentence\r\na,b\r\n",
    b"video,,sentence\na,,b\n",
  ],
)
def test_what_spreadsheets_leave_behind_is_read(tmp_path, content):
  rows = csv_table.read(write(tmp_path, content), ["video", "sentence"], ["start"])
  assert [row for _, row in rows] == [{"video": "a", "sentence": "b"}]


def test_columns_that_only_resemble_others_are_read(tmp_path):
  path = write(tmp_path, b"video,signer_id,start_frame,video_path\na,b,c,d\n")
  assert len(csv_table.read(path, ["video"], ["signer", "start", "name"])) == 1


def test_what_is_written_is_read(tmp_path):
  rows = [("a.mp4", 'One, "two"\nthree'), ("ü", "")]
  csv_table.write(tmp_path / "new/a.csv", ("video", "sentence"), rows)
  found = csv_table.read(tmp_path / "new/a.csv", ["video"])
  assert [tuple(row.values()) for _, row in found] == rows


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


@pytest.mark.parametrize(
  ("content", "words"),
  [
    (b"video" + b"," * 500_000 + b"x\n", "line 1: there are 500001 columns"),
    (b"video" + b",a" * 500_000 + b"\n", "line 1: there are 500001 columns"),
    (b"video\n" + b"a\n" * 500_000, "line 4[0-9]*: the file has too many short rows"),
    (b'video\n"' + b"a," * 500_000 + b'"\n', "line 2: .*field larger than"),
  ],
)
def test_small_files_take_little(tmp_path, content, words):
  with pytest.raises(UserError, match=words):
    csv_table.read(write(tmp_path, content), ["video"], ["start"])


def test_large_files_are_not_read(tmp_path, monkeypatch):
  monkeypatch.setattr(csv_table, "MAX_BYTES", 2 << 20)
  with pytest.raises(UserError, match="a.csv has more than 2 MiB"):
    csv_table.read(write(tmp_path, b"video\n" + bytes(2 << 20)), ["video"])
