"""The table of clips that all programs read and write."""

import math

import pytest

from sign_jax.data import clip_table
from sign_jax.errors import UserError
from sign_jax.video.boxes import Box


def table(tmp_path, *lines, needs=("video",)):
  path = tmp_path / "clips.csv"
  path.write_text("\n".join(lines) + "\n", encoding="utf-8")
  return clip_table.read(path, needs)


@pytest.mark.parametrize(
  ("video", "times", "name"),
  [
    ("a.mp4", (), "a"),
    ("monday/A.MP4", (), "monday/A"),
    ("a.mts", (), "a"),
    ("c-1.5.mkv", (), "c-1.5"),
    ("lesson_1.1", (), "lesson_1.1"),  # a folder of pictures
    ("lesson_1.2", (), "lesson_1.2"),
    ("v1.0/clip", (), "v1.0/clip"),
    ("a.tar.gz", (), "a.tar.gz"),
    ("a.mp4", (3, 7.25), "a_3-7.25"),
    ("a.mp4", (0, 3), "a_0-3"),
    ("a.mp4", (1 / 3, math.inf), "a_0.333333-end"),
    ("lesson_1.1", (0, 2), "lesson_1.1_0-2"),
  ],
)
def test_names_follow_from_videos_and_times(video, times, name):
  assert clip_table.name_of(video, *times) == name


def test_all_columns_are_read(tmp_path):
  header = ",".join(clip_table.COLUMNS)
  found = table(tmp_path, header, "b.mp4,x/y.1,0.5,2,\"One,\n two\",dev,Ann", "./c/,,,,three,test,")
  assert found.rows == [
    clip_table.Row(2, "b.mp4", "x/y.1", 0.5, 2.0, "One, two", "validation", "Ann"),
    clip_table.Row(4, "c", "c", 0.0, math.inf, "three", "test", ""),
  ]
  assert found.rows[0].part == "b.mp4 0.5 2.0"
  (note,) = found.notes
  assert "1 sentences hold line breaks, the first in line 2" in note


def test_several_clips_of_one_video_have_names_of_their_own(tmp_path):
  rows = table(tmp_path, "video,start,end", "a.mp4,0,3", "a.mp4,3,7", "a.mp4,7,", "a.mp4,,").rows
  assert [row.name for row in rows] == ["a_0-3", "a_3-7", "a_7-end", "a"]


BOXED = ",".join(["video", *clip_table.BOX])


def test_boxes_of_persons(tmp_path):
  rows = table(tmp_path, BOXED, "a.mp4,0,64,600,721", "b.mp4,,,,").rows
  assert [row.box for row in rows] == [Box(0, 64, 600, 721), None]
  assert rows[0].part == "a.mp4 0.0 inf box 600 x 721 at 0,64"
  assert rows[1].part == "b.mp4 0.0 inf"  # as before there were boxes
  rows = [row._replace(sentence="One") for row in rows]
  clip_table.write(tmp_path / "again.csv", rows)
  again = clip_table.read(tmp_path / "again.csv", (*clip_table.COLUMNS[:4], *clip_table.BOX))
  assert [row[1:] for row in again.rows] == [row[1:] for row in rows] and not again.notes
  clip_table.write(tmp_path / "again.csv", rows[1:])
  assert (tmp_path / "again.csv").read_text().splitlines()[0] == ",".join(clip_table.COLUMNS)


@pytest.mark.parametrize(
  ("row", "words"),
  [
    ("a.mp4,1,2,3,", "box_height is '', write whole pixels into all of box_left, box_top,"),
    ("a.mp4,-1,2,3,4", "box_left is '-1'"),
    ("a.mp4,1,2.5,3,4", "box_top is '2.5'"),
    ("a.mp4,1,2,nan,4", "box_width is 'nan'"),
    ("a.mp4,1,2,3,123456", "box_height is '123456'"),
    ("a.mp4,1,2,0,4", r"the clip's box \(0 x 4 at 1,2\) is empty, correct it"),
  ],
)
def test_a_wrong_box_is_named(tmp_path, row, words):
  with pytest.raises(UserError, match=f"clips.csv, line 3: {words}"):
    table(tmp_path, BOXED, "b.mp4,,,,", row)


def test_old_tables_are_read(tmp_path):
  rows = table(tmp_path, "video,sentence,split", "a.mp4,One,train", "sub/b.mp4,Two,val").rows
  assert [(row.name, row.split) for row in rows] == [("a", "train"), ("sub/b", "validation")]
  assert table(tmp_path, "video", "a.mp4").rows[0].split == ""
  assert table(tmp_path, "video,split", "a.mp4,", "b.mp4,").rows[1].split == ""


def test_what_is_written_is_read(tmp_path):
  rows = [
    clip_table.Row(2, "a.mp4", "train/a_0", 0.1, 2.5, 'One, "two"', "train", "7"),
    clip_table.Row(3, "a.mp4", "dev/a_1", 2.5, math.inf, "One", "validation", ""),
    clip_table.Row(4, "b", "test/b", 0.0, math.inf, "Drei", "test", "8"),
    clip_table.Row(5, "b", "test/c", 0.0, 1e-5, "Vier", "test", "8"),
  ]
  clip_table.write(tmp_path / "new/clips.csv", rows)
  assert clip_table.read(tmp_path / "new/clips.csv", clip_table.COLUMNS).rows == rows


HEADER = "video,name,start,end,sentence,split"


@pytest.mark.parametrize(
  ("row", "words"),
  [
    ("a.mp4,x,3,2,One,train", "the clip lasts from 3.0 to 2.0 seconds"),
    ("a.mp4,x,2,2,One,train", "the clip lasts from 2.0 to 2.0 seconds"),
    ("a.mp4,x,-1,2,One,train", "start is '-1', write seconds from the video's beginning"),
    ("a.mp4,x,nan,2,One,train", "start is 'nan'"),
    ("a.mp4,x,0,inf,One,train", "end is 'inf'"),
    ("a.mp4,x,0,1e9,One,train", "end is '1e9'"),
    ("a.mp4,x,1_0,20,One,train", "start is '1_0'"),
    ("a.mp4,x,0,12 s,One,train", "end is '12 s'"),
    ("a.mp4,x,00:01:02.5,70,One,train", "start is '00:01:02.5', write .* such as 62.5"),
    ("a.mp4,x,0,1:30,One,train", "end is '1:30', write .* such as 90"),
    ('a.mp4,x,0,"1:30,250",One,train', "end is '1:30,250', write .* such as 90.25"),
    ('a.mp4,x,0,"1,5",One,train', "end is '1,5', write .* such as 1.5"),
    ("a.mp4,../x,,,One,train", "'../x' is no path inside"),
    ("../a.mp4,x,,,One,train", "'../a.mp4' is no path inside"),
    ("/,x,,,One,train", "'/' is no path inside"),
    ("monday\\\\a.mp4,x,,,One,train", "is no path inside .* with / between folders"),
    ("a.mp4,x\x07,,,One,train", r"name is 'x\\x07', write it in one line of plain text"),
    ('"a.mp4\nb.mp4",x,,,One,train', "video is 'a.mp4"),
    (f"a.mp4,{'x' * 252},,,One,train", "is longer than 251 bytes"),
    ("a.mp4,x,,,,train", "'a.mp4' has no sentence"),
    ("a.mp4,x,,,&nbsp;,train", "'a.mp4' has no sentence"),
    (f"a.mp4,x,,,{'so ' * 4000},train", "the sentence has 11999 characters"),
    ('a.mp4,x,,,"One\nc.mp4,y,,,Two",train', "the sentence goes on .* begins with 'c.mp4'"),
    ("a.mp4,x,,,One,Train", "unknown split 'Train' .did you mean 'train'"),
    ("a.mp4,x,,,One,", "split is empty, and others have one"),
    ("a.mp4,first,,,One,train", "a.mp4 would be called 'first' as that of f.mp4 in line 2 is"),
    ("a.mp4,./first,,,One,train", "the clip of a.mp4 would be called 'first'"),
  ],
)
def test_a_wrong_row_is_named_whatever_the_program_needs(tmp_path, row, words):
  for needs in (("video",), ("video", "sentence")):
    with pytest.raises(UserError, match=words) as error:
      table(tmp_path, HEADER, "f.mp4,first,,,One,train", row, needs=needs)
    assert "clips.csv, line 3" in str(error.value) and str(error.value).isprintable()


def test_the_same_video_twice_names_both_lines(tmp_path):
  with pytest.raises(UserError, match="line 4: .* 'a' as that of a.mp4 in line 2 is, give each a"):
    table(tmp_path, "video,sentence", "a.mp4,One", "b.mp4,Two", "a.mkv,Three")


def test_columns_that_nothing_reads_are_told(tmp_path):
  (note,) = table(tmp_path, "video,signer_id,begin", "a.mp4,1,2").notes
  assert "nothing reads the columns 'signer_id', 'begin'; those that are read are video, " in note
