"""Folders of pictures, read as videos."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from sign_jax.video import containers, pictures
from sign_jax.video import frames as video_frames
from sign_jax.video.frames import VideoError
from tests.videos import picture_folder, render


def grey(*levels):
  return [np.full((40, 30, 3), level, np.uint8) for level in levels]


def levels(folder, **options):
  return [int(frame[0, 0, 0]) for _, frame in video_frames.timed_frames(folder, **options)]


def test_natural_order_whatever_the_digits(tmp_path):
  folder = picture_folder(tmp_path / "a", grey(*range(1, 13)), "{}.png")
  assert levels(folder) == list(range(1, 13))
  assert [path.name for path in pictures.paths(folder)][8:11] == ["9.png", "10.png", "11.png"]


def test_the_layouts_of_phoenix_and_csl_daily(tmp_path):
  assert levels(picture_folder(tmp_path / "p", grey(5, 6), "images{:04d}.png")) == [5, 6]
  found = levels(picture_folder(tmp_path / "c", grey(50, 90), "{:06d}.jpg"))
  assert found == pytest.approx([50, 90], abs=3)


def test_other_files_are_counted(tmp_path):
  folder = picture_folder(tmp_path / "a", grey(1, 2))
  for name in ("x.py.lprof", "._images0001.png", "Thumbs.db", "3.tif", "4.TIF", "README"):
    (folder / name).write_text("no picture")
  picture_folder(folder / "1", grey(9))
  notes = {}
  assert levels(folder, notes=notes) == [1, 2]
  left_out = "1 .db, 1 .lprof, 2 .tif, 1 file without extension"
  assert notes == {"beside": f"{folder}: left out {left_out} beside its pictures"}
  assert video_frames.probe(folder).num_frames == 2 and video_frames.probe(folder).fps == 0


def test_numbers_of_a_thousand_digits_are_sorted(tmp_path):
  names = ["9" * 200 + ".png", "1" + "0" * 200 + ".png"]
  assert min(names, key=pictures._natural) == names[0]


def test_pictures_and_a_video_of_them_give_the_same(tmp_path):
  path = render(tmp_path / "a.mp4", 20)
  folder = picture_folder(tmp_path / "a", list(video_frames.read_frames(path)))
  for stride in (1, 3):
    for (ours, seconds), (theirs, _) in zip(
      video_frames.read_windows(folder, stride), video_frames.read_windows(path, stride),
      strict=True,
    ):
      assert np.abs(ours.astype(int) - theirs).mean() < 8  # a video's colours are at half size
      assert seconds[:3] == [0.0, 0.04, 0.08]


def test_clips_count_25_pictures_a_second(tmp_path):
  folder = picture_folder(tmp_path / "a", grey(*range(50)))
  assert levels(folder, start=1.0, end=1.2) == [25, 26, 27, 28, 29]
  assert levels(folder, start=1.9) == [48, 49]
  with pytest.raises(VideoError, match="no frame from 2.0 to 3.0 seconds, it ends at 2.00"):
    levels(folder, start=2.0, end=3.0)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK"])
def test_every_kind_of_picture_becomes_rgb(tmp_path, mode):
  (tmp_path / "a").mkdir()
  name = "1.jpg" if mode == "CMYK" else "1.png"
  Image.new("RGB", (30, 40), (255, 255, 255)).convert(mode).save(tmp_path / "a" / name)
  (frame,) = video_frames.read_frames(tmp_path / "a", (20, 20))
  assert frame.shape == (20, 20, 3) and frame.min() > 250


@pytest.mark.parametrize("extension", pictures.EXTENSIONS)
def test_every_extension_is_read(tmp_path, extension):
  folder = picture_folder(tmp_path / "a", grey(40, 80), f"{{}}{extension.upper()}")
  assert levels(folder) == pytest.approx([40, 80], abs=3)


def test_pictures_one_folder_deeper_are_found(tmp_path):
  picture_folder(tmp_path / "a/1", grey(1, 2))
  (tmp_path / "a/notes").mkdir()
  (tmp_path / "a/.thumbnails").mkdir()
  assert levels(tmp_path / "a") == [1, 2] and video_frames.probe(tmp_path / "a").num_frames == 2
  picture_folder(tmp_path / "a/x", grey(3))
  with pytest.raises(VideoError, match=r"a holds no pictures, but 2 folders in it do \('1', 'x'\)"):
    levels(tmp_path / "a")
  assert levels(tmp_path / "a/x") == [3]


def test_pictures_two_folders_deeper_are_pointed_at(tmp_path):
  picture_folder(tmp_path / "a/b/1", grey(1, 2))
  with pytest.raises(VideoError, match="holds no pictures .*, its pictures lie in .*/a/b/1, check"):
    levels(tmp_path / "a")


def test_a_picture_that_is_there_twice_is_no_second_frame(tmp_path):
  folder = picture_folder(tmp_path / "a", grey(1, 2, 3))
  Image.fromarray(grey(9)[0]).save(folder / "images0002.jpg")
  with pytest.raises(VideoError, match="a picture twice, images0002.jpg and images0002.png"):
    levels(folder)


def test_pictures_of_other_kinds_alone_are_named(tmp_path):
  for name in ("1.tif", "2.tif", "3.gif"):
    (tmp_path / name).write_bytes(b"II*\0")
  with pytest.raises(VideoError, match="holds no pictures .* but 1 .gif, 2 .tif, check"):
    levels(tmp_path)


def png_chunk(kind, content):
  checksum = zlib.crc32(kind + content)
  return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def bomb(width, height):
  """A small file that claims a picture of any size."""
  header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
  data = zlib.compress(bytes(1000))
  return b"\x89PNG\r\n\x1a\n" + b"".join(
    png_chunk(*x) for x in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
  )


def spoiled(path, kind):
  content = path.read_bytes()
  return {
    "empty": b"",
    "text": b"no picture",
    "short": content[: len(content) // 2],
    "checksum": content[:-30] + bytes(10) + content[-20:],
    "other format": b"P6 1 1 255\n\0\0\0",
    "bomb": bomb(20_000, 20_000),
    "larger bomb": bomb(2**31 - 1, 2**31 - 1),
  }[kind]


@pytest.mark.parametrize(
  "kind", ["empty", "text", "short", "checksum", "other format", "bomb", "larger bomb"]
)
def test_a_damaged_picture_is_named(tmp_path, kind):
  rng = np.random.default_rng(0)
  frames = list(rng.integers(0, 256, (3, 40, 30, 3), np.uint8))
  folder = picture_folder(tmp_path / "a", frames)
  path = folder / "images0002.png"
  path.write_bytes(spoiled(path, kind))
  with pytest.raises(VideoError) as error:
    list(video_frames.read_frames(folder))
  assert str(error.value).startswith(f"{path} ") and "\n" not in str(error.value)


def test_sizes_are_limited(tmp_path, monkeypatch):
  folder = picture_folder(tmp_path / "a", grey(1))
  monkeypatch.setattr(containers, "MAX_PIXELS", 40 * 30 - 1)
  with pytest.raises(VideoError, match="30 x 40 pixels, more than the 1199"):
    levels(folder)
  monkeypatch.setattr(containers, "MAX_PIXELS", 40 * 30)
  assert levels(folder) == [1]


def test_an_empty_folder_is_refused(tmp_path):
  with pytest.raises(VideoError, match="holds no pictures"):
    levels(tmp_path)
