"""Folders of videos, walked: what is read and what is counted as left out."""

import os

import numpy as np
import pytest

from sign_jax.encoder import clips
from sign_jax.errors import UserError
from sign_jax.video import containers, pictures
from sign_jax.video import tree as video_tree
from tests.videos import picture_folder, render


def touch(root, *names):
  for name in names:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(b"content")


def frames(count):
  return [np.full((20, 20, 3), level, np.uint8) for level in range(count)]


def test_videos_of_all_extensions_and_folders_of_pictures_are_found(tmp_path):
  names = [f"{i}/v{extension.upper()}" for i, extension in enumerate(containers.EXTENSIONS)]
  touch(tmp_path, *names)
  picture_folder(tmp_path / "x/lesson_1.1", frames(2))
  picture_folder(tmp_path / "x/lesson_1.2", frames(2))
  tree = video_tree.walk(tmp_path)
  assert tree.files == sorted(names) and tree.folders == ["x/lesson_1.1", "x/lesson_1.2"]
  assert tree.left_out.text() == tree.left_out.warning() == ""


def test_everything_else_is_counted_by_kind(tmp_path):
  touch(tmp_path, "a.mp4", "1.txt", "2.TXT", "._a.mp4", ".DS_Store", "README", "poster.jpg")
  touch(tmp_path, ".trash/b.mp4", "sub/c.mp4", "sub/1.rm", "sub/2.rm")
  (tmp_path / "empty").mkdir()
  (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
  (tmp_path / "linked.mp4").symlink_to(tmp_path / "a.mp4")
  (tmp_path / "sub/loop").symlink_to(tmp_path)
  os.mkfifo(tmp_path / "pipe")
  tree = video_tree.walk(tmp_path)
  assert tree.files == ["a.mp4", "linked.mp4", "sub/c.mp4"]
  assert tree.left_out.text() == (
    "left out: 2 .rm (not a known video), 2 .txt, 1 broken link, 1 empty folder, "
    "2 files without extension, 2 hidden files, 1 hidden folder, "
    "1 link to a folder that is read already, 1 picture beside videos"
  )
  warning = tree.left_out.warning()
  assert warning.startswith("what looks like a video was left out: 'gone.mp4', 'sub/1.rm', 'sub/2.")


@pytest.mark.parametrize("name", ["clip", "clip.mp4.part", "clip.bak", "a.mp4_old"])
def test_a_video_under_another_name_is_recognised_by_its_content(tmp_path, name):
  render(tmp_path / "x.mp4", 3).rename(tmp_path / name)
  touch(tmp_path, "y.mp4", "z.bin")
  assert video_tree.walk(tmp_path).left_out.videos == [name]


def test_folders_of_pictures_that_are_not_read_look_like_videos(tmp_path):
  touch(tmp_path, "a.mp4", "b/1.tif", "b/2.tif", "c/logo.gif")
  left_out = video_tree.walk(tmp_path).left_out
  assert left_out.videos == ["b"] and left_out.text() == "left out: 1 .gif, 2 .tif"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_looks_like_a_video(tmp_path):
  touch(tmp_path, "a.mp4", "b/c.mp4")
  (tmp_path / "b").chmod(0)
  left_out = video_tree.walk(tmp_path).left_out
  (tmp_path / "b").chmod(0o700)
  assert left_out.videos == ["b"] and "1 folder that cannot be read" in left_out.text()


def test_an_error_while_listing_is_counted(tmp_path, monkeypatch):
  touch(tmp_path, "a.mp4", "b/c.mp4")
  scandir = os.scandir

  def failing(path):
    if path == tmp_path / "b":
      raise PermissionError(13, "Permission denied", str(path))
    return scandir(path)

  monkeypatch.setattr(os, "scandir", failing)
  tree = video_tree.walk(tmp_path)
  assert tree.left_out.videos == ["b"] and tree.files == ["a.mp4"]


def test_without_videos_the_message_says_what_is_there(tmp_path):
  touch(tmp_path, "1.png", "2.png", "notes.txt")
  with pytest.raises(UserError, match="no videos in .* .left out: 1 .txt, 2 pictures in"):
    clips.find(tmp_path)


def test_videos_that_a_table_does_not_name_are_counted(tmp_path):
  touch(tmp_path, "a.mp4", "b.mp4", "c.mov", "notes.txt")
  picture_folder(tmp_path / "p", frames(2))
  picture_folder(tmp_path / "q/1", frames(2))
  (tmp_path / "clips.csv").write_text("video\na.mp4\nq\n")
  found = clips.find(tmp_path, tmp_path / "clips.csv")
  (note,) = found.notes
  assert note.startswith("left out: 1 folder of pictures, 2 videos in ") and not found.warning
  (tmp_path / "clips.csv").write_text("video\na.mp4\nb.mp4\nc.mov\np\nq/1\n")
  assert clips.find(tmp_path, tmp_path / "clips.csv").notes == []


def test_a_video_and_a_folder_of_one_name_are_not_chosen_between(tmp_path):
  touch(tmp_path, "a.mp4")
  picture_folder(tmp_path / "a", frames(2))
  with pytest.raises(UserError, match="a and a.mp4 would both become a.npz"):
    clips.find(tmp_path)


def test_counts_are_written_in_words():
  counts = {".rm": 3, "hidden file": 2, "folder of pictures": 2, "video": 1, "link": 0}
  assert pictures.counted(counts) == "3 .rm, 2 folders of pictures, 2 hidden files, 1 video"
