"""Subtitles beside videos become a table of clips that training and indexing read."""

import pytest

from data_builders import list_captions
from sign_jax.data import clip_table
from sign_jax.data.annotations import beside
from sign_jax.errors import UserError
from tests.search.annotations import rich

pytest.importorskip("webvtt")
CUE = "WEBVTT\n\n00:01.000 --> 00:02.500\n{}\n\n00:03.000 --> 00:03.000\nx\n"


@pytest.fixture
def folders(tmp_path):
  videos, captions = tmp_path / "vidéos", tmp_path / "captions"
  for name in ("montag früh/a 1.mp4", "b.v2.MOV", "c.mp4", "d.mp4", "e.mp4", "f.mp4"):
    (videos / name).parent.mkdir(parents=True, exist_ok=True)
    (videos / name).write_bytes(b"")
  (captions / "montag früh").mkdir(parents=True)
  (captions / "montag früh/a 1.VTT").write_text(CUE.format("Guten, Morgen"), encoding="utf-8")
  (captions / "b.v2.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nb \"quoted\"\n")
  (captions / "c.eaf").write_text(rich.TEXT, encoding="utf-8")
  (captions / "c.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nc\n")
  (captions / "d.eaf").write_text(rich.TEXT, encoding="utf-8")
  (captions / "e.vtt").write_bytes("WEBVTT\n\n00:01.000 --> 00:02.000\nß".encode("latin-1"))
  (captions / "other.vtt").write_text(CUE)
  return videos, captions


def test_a_folder(folders):
  found = beside.read(*folders)
  rows = [(x.video, x.name, x.start, x.end, x.sentence) for x in found.table.rows]
  assert rows == [
      ("b.v2.MOV", "b.v2_0-1", 0.0, 1.0, 'b "quoted"'), ("c.mp4", "c_0-1", 0.0, 1.0, "c"),
      ("d.mp4", "d_0-3", 0.0, 3.0, "Het regent in 't zuiden. ä"),
      ("d.mp4", "d_3-5", 3.0, 5.0, "Wind < 3 & meer"),
      ("montag früh/a 1.mp4", "montag früh/a 1_1-2.5", 1.0, 2.5, "Guten, Morgen"),
  ]  # fmt: skip
  (broken,) = found.failed.values()
  assert "e.vtt, line 4: the byte 0xdf" in broken
  notes = "\n".join(found.table.notes)
  assert "c.srt is read, and not c.eaf" in notes and "1 videos have no subtitles" in notes
  assert "a 1.VTT, line 6: left out: it lasts from 3 to 3 seconds" in notes


def test_the_table_is_one_that_programs_read(folders, tmp_path, capsys):
  out = tmp_path / "new/captions.csv"
  videos, captions = folders
  args = ["--videos", str(videos), "--captions", str(captions), "--out", str(out)]
  with pytest.raises(SystemExit) as end:  # for e.vtt
    list_captions.main(args)
  told = capsys.readouterr()
  assert end.value.code == 1 and "error: " in told.err and "5 clips of 4 videos" in told.out
  assert [x._replace(line=0) for x in clip_table.read(out, ("video", "sentence")).rows] == [
      x._replace(line=0) for x in beside.read(videos, captions).table.rows
  ]
  (captions / "e.vtt").unlink()
  list_captions.main([*args, "--tier", "PHASE"])
  assert "4 clips of 4 videos" in capsys.readouterr().out


def test_folders_are_followed_once(folders, tmp_path):
  videos, captions = folders
  (captions / "again").symlink_to(captions)
  (captions / ".hidden").mkdir()
  (captions / ".hidden/f.vtt").write_text(CUE)
  outside = tmp_path / "outside"
  outside.mkdir()
  (outside / "f.VTT").write_text(CUE.format("f"))
  (videos / "more").mkdir()
  (videos / "f.mp4").rename(videos / "more/f.mp4")
  (captions / "more").symlink_to(outside)
  found = beside.read(videos, captions)
  assert len(found.table.rows) == 6 and found.table.rows[-1].video == "more/f.mp4"


def test_two_videos_of_one_name(folders):
  videos, captions = folders
  (videos / "d.mov").write_bytes(b"")
  found = beside.read(videos, captions)
  assert "d.mp4 is called as d.mov is" in found.failed["d.mp4"]
  assert {x.video for x in found.table.rows if x.name.startswith("d_")} == {"d.mov"}


def test_folders_that_do_not_fit(folders, tmp_path):
  videos, captions = folders
  with pytest.raises(UserError, match="no file in .* is called as a video"):
    beside.read(videos, tmp_path / "vidéos/montag früh")
  with pytest.raises(UserError, match="--captions: there is no folder"):
    beside.read(videos, tmp_path / "gone")
  with pytest.raises(UserError, match="there are no videos"):
    beside.read(captions, captions)
