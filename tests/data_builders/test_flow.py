"""`python -m data_builders.flow`: pictures of optical flow for every video of a folder."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from data_builders import flow as command
from data_builders.attachments import flow_pictures
from sign_jax.data import flow_encoding
from sign_jax.errors import UserError
from sign_jax.video import flow, frames
from tests import videos

pytest.importorskip("cv2")


@pytest.fixture
def tree(tmp_path):
  """A video file, a folder of pictures in a folder, and what is neither."""
  videos.render(tmp_path / "a.mp4", 5)
  rng = np.random.default_rng(0)
  picture = rng.integers(0, 255, (3, 4, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
  videos.picture_folder(tmp_path / "b/c/1", [np.roll(picture, i, 1) for i in range(3)])
  (tmp_path / "notes.txt").write_text("")
  return tmp_path


def run(tree, *more):
  command.main([f"--videos={tree}", f"--out={tree / 'flow'}", *more])


def pictures(folder):
  paths = sorted(folder.iterdir())
  assert [path.name for path in paths] == [f"{i:06d}.png" for i in range(len(paths))]
  return np.stack([np.asarray(Image.open(path)) for path in paths])


def test_each_video_has_the_encoded_flow_of_its_frames(tree, capsys):
  run(tree)
  for name in ("a.mp4", "b/c/1"):
    fields = flow.fields(frames.read_frames(tree / name))
    expected = flow_encoding.uvm(fields)
    np.testing.assert_array_equal(pictures(tree / "flow" / name), expected)
    assert (expected[0] != 128).any()
  note = json.loads((tree / "flow/flow.json").read_text())
  assert note == {"encoding": "uvm", "range": 20, "size": None, "opencv": flow.version()}
  out = capsys.readouterr()
  assert ["done", "2"] in (rows := [line.split() for line in out.out.splitlines()])
  assert ["frames", "8"] in rows and "left out: 1 .txt" in out.err


def test_range_and_size(tree):
  run(tree, "--range=2.5", "--size=12")
  fields = flow.fields(frames.read_frames(tree / "b/c/1"))
  expected = [flow_encoding.resized(x, 12) for x in flow_encoding.uvm(fields, 2.5)]
  np.testing.assert_array_equal(pictures(tree / "flow/b/c/1"), expected)


def test_wheel(tree):
  run(tree, "--encoding=wheel")
  expected = flow_encoding.wheel(flow.fields(frames.read_frames(tree / "a.mp4")))
  np.testing.assert_array_equal(pictures(tree / "flow/a.mp4"), expected)
  assert flow_pictures.read_note(tree / "flow").range is None


def test_resuming_makes_what_is_missing_and_no_more(tree, capsys):
  run(tree)
  kept, torn = tree / "flow/b/c/1/000001.png", tree / "flow/a.mp4"
  kept.write_bytes(b"ours")
  for number in (2, 3, 4):  # a header may be wrong by two frames
    (torn / f"{number:06d}.png").unlink()
  capsys.readouterr()
  run(tree)
  assert kept.read_bytes() == b"ours" and len(pictures(torn)) == 5
  rows = [line.split() for line in capsys.readouterr().out.splitlines()]
  assert ["done", "1"] in rows and "skipped (already there) 1".split() in rows


def test_a_folder_of_pictures_that_grew_is_done_again(tree):
  run(tree)
  Image.new("RGB", (32, 24)).save(tree / "b/c/1/images0004.png")
  run(tree)
  assert len(pictures(tree / "flow/b/c/1")) == 4


def test_shards_share_a_folder(tree):
  run(tree, "--shard=2/2")
  assert not (tree / "flow/a.mp4").exists() and (tree / "flow/b/c/1").is_dir()
  run(tree, "--shard=1/2")
  assert (tree / "flow/a.mp4").is_dir()


def test_damaged_videos_are_named_and_the_others_done(tree, capsys):
  videos.truncate(tree / "a.mp4", 0.5)
  videos.picture_folder(tree / "d", [np.zeros((16, 16, 3), np.uint8), np.zeros((16, 18, 3), "u1")])
  videos.picture_folder(tree / "e", [np.zeros((8, 8, 3), np.uint8)])
  with pytest.raises(SystemExit) as ended:
    run(tree)
  assert ended.value.code == 1
  out = capsys.readouterr().out
  assert "failed" in out and "a.mp4" in out
  assert "d: a frame of 18 x 16 pixels follows one of 16 x 16" in out
  assert "e: a frame has 8 x 8 pixels" in out
  assert sorted(path.name for path in (tree / "flow").iterdir()) == ["b", "flow.json"]


def test_a_video_around_another_is_named(tree, capsys):
  Image.new("RGB", (32, 24)).save(tree / "b/c/cover.png")
  with pytest.raises(SystemExit):
    run(tree)
  assert "b/c: other videos lie in it" in capsys.readouterr().out
  assert (tree / "flow/b/c/1").is_dir()


def test_memory_holds_two_frames(tree, monkeypatch):
  """Fields are written while frames are read."""
  written = []

  def read(path):
    for index in range(5):
      yield np.full((16, 16, 3), index, np.uint8)
      written.append(sum(1 for _ in (tree / "flow").glob(".*.partial/*.png")))

  monkeypatch.setattr(frames, "read_frames", read)
  settings = flow_pictures.Settings("uvm", 20.0, None, flow.version())
  command.compute(tree, ["a.mp4"], tree / "flow", settings)
  assert written == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("more, words", [
    (["--range=12"], "flow of encoding uvm, range 20.0, .* range 12.0, .* use another folder"),
    (["--encoding=wheel", "--range=12"], "--range is of --encoding uvm"),
    (["--range=0"], "--range 0.0 is no number of pixels"),
    (["--size=-1"], "--size -1 is no number"),
    (["--shard=3/2"], "--shard 3/2"),
])
def test_settings_that_do_not_fit(tree, capsys, more, words):
  settings = flow_pictures.Settings("uvm", 20.0, None, flow.version())
  flow_pictures.check_note(tree / "flow", settings)
  with pytest.raises(SystemExit):
    run(tree, *more)
  said = capsys.readouterr().err
  assert said.count("\n") == 1
  assert re.search(words, said), said


@pytest.mark.parametrize("content", [
    b"{", b"[1]", b'{"encoding": "uvm"}',
    b'{"encoding": "uvm", "range": -1, "size": null, "opencv": "5"}',
    b'{"encoding": "weel", "range": null, "size": null, "opencv": "5"}',
    b'{"encoding": ["uvm"], "range": 20, "size": null, "opencv": "5"}',
    b'{"encoding": "wheel", "range": null, "size": true, "opencv": "5"}',
])
def test_damaged_notes(tmp_path, content):
  (tmp_path / "flow.json").write_bytes(content)
  with pytest.raises(UserError, match="flow.json .*: delete it"):
    flow_pictures.read_note(tmp_path)


def test_folders_of_others_are_left_alone(tree, capsys):
  (tree / "flow/a.mp4").mkdir(parents=True)
  with pytest.raises(SystemExit):
    run(tree)
  assert "holds a.mp4 and no flow.json" in capsys.readouterr().err
  (tree / "flow/a.mp4").rmdir()
  run(tree)
  (tree / "flow/a.mp4/mine.txt").write_text("")
  videos.render(tree / "a.mp4", 9)
  with pytest.raises(SystemExit):
    run(tree)
  assert "holds mine.txt, which is no flow" in capsys.readouterr().out
  assert (tree / "flow/a.mp4/mine.txt").exists()


def test_nothing_to_do(tmp_path, capsys):
  for folder, words in ((tmp_path, "there are no videos in"), (tmp_path / "x", "no folder")):
    with pytest.raises(SystemExit):
      command.main([f"--videos={folder}", f"--out={tmp_path / 'flow'}"])
    assert words in capsys.readouterr().err
  with pytest.raises(SystemExit):
    command.main([f"--videos={tmp_path}", f"--out={tmp_path}"])
  assert "is the folder of the videos itself" in capsys.readouterr().err


def test_of_two_processes_at_one_video_the_quicker_one_is_kept(tree, monkeypatch):
  encode, begun = flow_encoding.encode, []

  def meanwhile(*args):
    if not begun:
      begun.append(True)
      run(tree)  # the other one, which ends first
      begun.append((tree / "flow/a.mp4").stat().st_ino)
    return encode(*args)

  monkeypatch.setattr(flow_encoding, "encode", meanwhile)
  run(tree)
  assert (tree / "flow/a.mp4").stat().st_ino == begun[1]
  assert not list((tree / "flow").glob("**/.*"))
