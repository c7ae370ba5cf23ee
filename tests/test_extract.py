import errno
import os
import shutil

import av
import jax
import numpy as np
import pytest

from sign_jax import errors, extract
from sign_jax.data import feature_files, shards
from sign_jax.encoder import clips, preparation
from sign_jax.encoder import weights as encoder_weights
from sign_jax.encoder import windows as encoder_windows
from sign_jax.errors import UserError
from sign_jax.video import containers, released
from sign_jax.video import frames as video_frames
from tests.videos import picture_folder, render, truncate

pytestmark = pytest.mark.usefixtures("quick_compile")
WEIGHTS = "random:0"


@pytest.fixture(scope="module")
def network(quick_compile):
  return encoder_windows.make_encoder(*encoder_windows.random(seed=0, width=1 / 32), batch_size=2)


@pytest.fixture(scope="module")
def encoder():
  """Gives the mean of each colour: most tests look at files, and not at a network's numbers."""
  encode = lambda windows: windows.mean((1, 2, 3), dtype=np.float32) / 255
  return encoder_windows.Encoder(encode, 2, video_frames.CROP, preparation.EXACT)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
  root = tmp_path_factory.mktemp("rendered")
  for seed, (name, num_frames) in enumerate({"a.mp4": 20, "b.mp4": 33, "sub/c.mkv": 7}.items()):
    render(root / name, num_frames, seed=seed)
  (root / "notes.txt").write_text("no video")
  return root


@pytest.fixture
def folder(rendered, tmp_path):
  shutil.copytree(rendered, tmp_path / "videos")
  return tmp_path


def run(folder, encoder, stride=8, **options):
  jobs = clips.find(folder / "videos").clips
  return extract.extract(jobs, folder / "out", lambda: encoder, WEIGHTS, stride, **options)


def read(folder, name):
  return feature_files.read(folder / "out" / f"{name}.npz")


def test_every_video_gets_one_feature_per_window(folder, encoder):
  summary = run(folder, encoder)
  assert summary == (["a", "b", "sub/c"], [], {}, {})
  for name, num_frames in {"a": 20, "b": 33, "sub/c": 7}.items():
    content = read(folder, name)
    assert content.feature.shape[0] == len(video_frames.window_starts(num_frames, 8))
    assert content.feature.dtype == np.float32
    assert content[1:5] == (num_frames, 25.0, 8, WEIGHTS)
  assert not list((folder / "out").rglob("*.partial"))


def test_features_are_those_of_the_windows_one_by_one(folder, network):
  run(folder, network)
  model, variables = encoder_windows.random(seed=0, width=1 / 32)
  found = video_frames.read_windows(folder / "videos/b.mp4", 8)
  windows = np.stack([window for window, _ in found])
  expected = jax.jit(model.apply)(variables, windows.astype(np.float32) / 255 - 0.5)["embedding"]
  np.testing.assert_allclose(read(folder, "b").feature, expected, rtol=1e-3, atol=1e-5)


def test_resumes_what_is_missing_or_truncated_only(folder, encoder):
  run(folder, encoder)
  before = {name: read(folder, name).feature for name in ("a", "b", "sub/c")}
  truncate(folder / "out/b.npz", 0.5)
  times = {name: (folder / f"out/{name}.npz").stat().st_mtime_ns for name in ("a", "sub/c")}
  summary = run(folder, encoder)
  assert (summary.done, summary.skipped) == (["b"], ["a", "sub/c"])
  for name, feature in before.items():
    np.testing.assert_array_equal(read(folder, name).feature, feature)
  assert times == {name: (folder / f"out/{name}.npz").stat().st_mtime_ns for name in times}


def bad_zip(path):
  path.write_bytes(b"PK\x03\x04" + bytes(200))


def no_frames(path):
  content = feature_files.read(path)
  np.savez(path, **content._replace(num_frames=0)._asdict())


def absurd_length(path):
  content = feature_files.read(path)
  np.savez(path, **content._replace(num_frames=2**31 - 1, stride=8)._asdict())


@pytest.mark.parametrize("spoil", [bad_zip, no_frames, absurd_length])
def test_a_bad_file_is_done_again(folder, encoder, spoil):
  run(folder, encoder)
  before = read(folder, "b").feature
  spoil(folder / "out/b.npz")
  assert run(folder, encoder).done == ["b"]
  np.testing.assert_array_equal(read(folder, "b").feature, before)


def test_survives_being_killed(folder, encoder):
  calls = []

  def killed(windows):
    calls.append(len(windows))
    if len(calls) == 3:  # in the middle of b.mp4
      raise KeyboardInterrupt
    return encoder.encode(windows)

  with pytest.raises(KeyboardInterrupt):
    run(folder, encoder._replace(encode=killed))
  assert [path.name for path in (folder / "out").rglob("*.*")] == ["a.npz"]
  summary = run(folder, encoder)
  assert (summary.done, summary.skipped) == (["b", "sub/c"], ["a"])


def test_nothing_is_loaded_when_all_is_there(folder, encoder):
  run(folder, encoder)
  jobs = clips.find(folder / "videos").clips
  summary = extract.extract(jobs, folder / "out", pytest.fail, WEIGHTS, 8)
  assert len(summary.skipped) == 3


def test_other_settings_need_another_folder_or_overwrite(folder, encoder):
  run(folder, encoder)
  with pytest.raises(UserError, match="--overwrite"):
    run(folder, encoder, stride=4)
  jobs = clips.find(folder / "videos").clips
  with pytest.raises(UserError, match="another --out"):
    extract.extract(jobs, folder / "out", lambda: encoder, "random:1", 8)
  assert len(run(folder, encoder, stride=4, overwrite=True).done) == 3
  assert read(folder, "b").stride == 4


def test_the_preparation_is_noted_and_needs_another_folder(folder, encoder):
  prepared = encoder._replace(prepared=preparation.RELEASED, encode=lambda x: x.mean((1, 2, 3)))
  run(folder, prepared, preparation="released")
  assert read(folder, "b").preparation == "released"
  assert len(run(folder, prepared, preparation="released").skipped) == 3
  with pytest.raises(UserError, match=r"stride 8, preparation released\), use another --out"):
    run(folder, encoder)


def test_the_command_prepares_frames_as_released(folder, capsys):
  model, variables = encoder_windows.random(seed=0)
  table = table_of(folder, "b.mp4,x,0.2,0.6")
  options = [*OPTIONS, "--csv", str(table), "--preparation", "released", "--size", "32"]
  command(folder, *options)
  content = read(folder, "x")
  assert (content.num_frames, content.preparation) == (15 - 5 + 1, "released")
  frames = [x for _, x in released.whole_frames(folder / "videos/b.mp4", 0.2, 0.6, 32)]
  window = np.stack([*frames, *frames[-1:] * 5])[None]
  network = jax.jit(model.apply)(variables, released.sampled(window, 32) / 255 - 0.5)
  np.testing.assert_allclose(content.feature, network["embedding"], rtol=1e-3, atol=1e-5)


def test_a_clip_in_a_box(folder, encoder):
  header = "video,name,box_left,box_top,box_width,box_height"
  table = table_of(folder, "b.mp4,x,8,0,32,48", "b.mp4,y,,,,", "b.mp4,z,60,0,60,48", columns=header)
  jobs = clips.find(folder / "videos", table).clips
  work = lambda jobs: extract.extract(jobs, folder / "out", lambda: encoder, WEIGHTS, 8)
  summary = work(jobs)
  assert summary.done == ["x", "y"] and "hold 6 % of the clip's box" in summary.failed["z"]
  assert np.abs(read(folder, "x").feature - read(folder, "y").feature).max() > 1e-3
  assert work(jobs[:2]).skipped == ["x", "y"]
  moved = jobs[0]._replace(box=jobs[0].box._replace(left=9))
  assert work([moved, jobs[1]]).done == ["x"]


def test_a_broken_video_fails_and_the_others_go_on(folder, encoder):
  truncate(folder / "videos/a.mp4", 0.6)
  summary = run(folder, encoder)
  assert summary.done == ["b", "sub/c"]
  assert list(summary.failed) == ["a"]
  assert not (folder / "out/a.npz").exists()


def test_weights_that_overflow_write_nothing(folder, encoder):
  def overflowing(windows):
    return encoder.encode(windows) * np.float32(1e9)

  summary = run(folder, encoder._replace(encode=overflowing))
  assert len(summary.failed) == 3 and "float16" in summary.failed["a"]
  assert not list((folder / "out").rglob("*.*"))


def test_a_table_names_the_videos(folder):
  table = folder / "videos.csv"
  table.write_text("video,sentence\nb.mp4,one\nnone.mp4,two\n")
  jobs = clips.find(folder / "videos", table).clips
  assert [job.name for job in jobs] == ["b", "none"]
  table.write_text("video\n../b.mp4\n")
  with pytest.raises(UserError, match="line 2"):
    clips.find(folder / "videos", table)


def table_of(folder, *rows, columns="video,name,start,end"):
  path = folder / "clips.csv"
  path.write_text("\n".join([columns, *rows]) + "\n")
  return path


def test_a_table_names_clips_of_videos(folder, encoder):
  """Names as `data_builders.list_clips` gives them, with a folder and dots."""
  table = table_of(folder, "b.mp4,train/b.x_0,0.2,1.0", "b.mp4,train/b.x_1,,", "a.mp4,,0.5,")
  jobs = clips.find(folder / "videos", table).clips
  assert [(job.name, job.start, job.end) for job in jobs] == [
    ("train/b.x_0", 0.2, 1.0), ("train/b.x_1", 0.0, np.inf), ("a_0.5-end", 0.5, np.inf),
  ]  # fmt: skip
  summary = extract.extract(jobs, folder / "out", lambda: encoder, WEIGHTS, 1)
  assert summary.done == ["train/b.x_0", "train/b.x_1", "a_0.5-end"]
  counts = {"train/b.x_0": 20, "train/b.x_1": 33, "a_0.5-end": 20 - 13}
  for name, num_frames in counts.items():
    assert read(folder, name).num_frames == num_frames
  whole, part = read(folder, "train/b.x_1").feature, read(folder, "train/b.x_0").feature
  np.testing.assert_allclose(part, whole[5:10], rtol=1e-3, atol=1e-5)
  assert extract.extract(jobs, folder / "out", pytest.fail, WEIGHTS, 1).skipped == summary.done


def test_a_clip_outside_its_video_fails_by_name(folder, encoder):
  jobs = clips.find(folder / "videos", table_of(folder, "a.mp4,x,0,0.4", "a.mp4,y,9,10")).clips
  summary = extract.extract(jobs, folder / "out", lambda: encoder, WEIGHTS, 8)
  assert summary.done == ["x"] and "no frame from 9.0 to 10.0" in summary.failed["y"]


@pytest.mark.parametrize(
  ("row", "words"),
  [
    ("a.mp4,x,one,2", "start is 'one', write seconds from the video's beginning, such as 12.5"),
    ("a.mp4,x,0,00:01:02.5", "end is '00:01:02.5', .* such as 62.5"),
    ("a.mp4,x,3,2", "from 3.0 to 2.0"),
    ("a.mp4,x,nan,2", "start is 'nan', write seconds"),
    ("a.mp4,x,-1,2", "start is '-1', write seconds"),
    ("a.mp4,x,inf,", "start is 'inf', write seconds"),
    ("a.mp4,../x,,", "no path inside"),
    ("../a.mp4,x,,", "no path inside"),
  ],
)
def test_a_wrong_row_is_named(folder, row, words):
  with pytest.raises(UserError, match=words) as error:
    clips.find(folder / "videos", table_of(folder, "a.mp4,,,", row))
  assert "clips.csv, line 3" in str(error.value)


def test_two_clips_of_one_name_are_refused(folder):
  table = table_of(folder, "a.mp4,,,", "b.mp4,a,1,2")
  words = r"clips.csv, line 3: the clip of b\.mp4 would be called 'a' as that of a\.mp4 in line 2"
  with pytest.raises(UserError, match=words):
    clips.find(folder / "videos", table)


@pytest.mark.parametrize("name", ["images{:04d}.png", "{}.png"])
def test_folders_of_pictures_are_videos(folder, encoder, name):
  frames = list(video_frames.read_frames(folder / "videos/a.mp4"))
  picture_folder(folder / "pictures/monday/one", frames, name)
  (folder / "pictures/monday/one/stray.py.lprof").write_text("no picture")
  (folder / "pictures/monday/one/._1.png").write_text("no picture")
  jobs = clips.find(folder / "pictures").clips  # without a table: a tree of pictures alone
  assert [job.name for job in jobs] == ["monday/one"]
  summary = extract.extract(jobs, folder / "out", lambda: encoder, WEIGHTS, 8)
  assert summary.done == ["monday/one"]
  ours = read(folder, "monday/one")
  assert (ours.num_frames, ours.fps) == (20, 0.0)
  resized = [
    containers.resized(av.VideoFrame.from_ndarray(frame, format="rgb24"), (256, 256))
    for frame in frames
  ]  # fmt: skip
  cropped = np.stack([video_frames.center_crop(frame, 224) for frame in resized])
  expected = encoder.encode(np.stack([cropped[:16], cropped[4:]]))
  np.testing.assert_allclose(ours.feature, expected, rtol=1e-5, atol=1e-7)


def test_shards_divide_the_work(folder, encoder):
  jobs = clips.find(folder / "videos").clips
  parts = [shards.take(jobs, f"{i}/2") for i in (1, 2)]
  assert [[job.name for job in part] for part in parts] == [["a", "sub/c"], ["b"]]
  for part in parts:
    extract.extract(part, folder / "out", lambda: encoder, WEIGHTS, 8)
  assert len(run(folder, encoder).skipped) == 3
  assert shards.take(jobs, "") == jobs
  for text in ("0/2", "3/2", "1", "1/0", "a/b", "1/2/3"):
    with pytest.raises(UserError, match="is no part"):
      shards.take(jobs, text)


def test_a_clip_that_has_other_times_now_is_made_anew(folder, encoder):
  jobs = clips.find(folder / "videos").clips
  extract.extract(jobs, folder / "out", lambda: encoder, WEIGHTS, 8)
  jobs[1] = jobs[1]._replace(end=0.9)
  summary = extract.extract(jobs, folder / "out", lambda: encoder, WEIGHTS, 8)
  assert (summary.done, summary.skipped) == (["b"], ["a", "sub/c"])
  assert read(folder, "b").num_frames == 23 and read(folder, "b").part == "b.mp4 0.0 0.9"
  # A file that does not say is one of an older version, and stays.
  feature_files.write(folder / "out/b.npz", read(folder, "b")._replace(part=""))
  jobs[1] = jobs[1]._replace(end=0.5)
  old = read(folder, "b")._replace(num_frames=9)
  np.savez(folder / "out/b.npz", **old._replace(feature=old.feature[:1])._asdict())
  assert not extract.extract(jobs, folder / "out", None, WEIGHTS, 8).done


def test_windows_of_several_videos_share_a_batch(folder, encoder):
  batches = []

  def counting(windows):
    batches.append(len(windows))
    return np.concatenate([encoder.encode(windows[i : i + 2]) for i in range(0, len(windows), 2)])

  truncate(folder / "videos/sub/c.mkv", 0.3)
  run(folder, encoder)
  apart = {name: read(folder, name).feature for name in ("a", "b")}
  run(folder, encoder._replace(encode=counting, batch_size=4), overwrite=True)
  assert batches == [4, 2]  # 2 windows of a.mp4, 4 of b.mp4, none of the broken one
  for name, feature in apart.items():
    np.testing.assert_array_equal(read(folder, name).feature, feature)


def test_mistakes_in_the_folder(folder):
  with pytest.raises(UserError, match="no folder"):
    clips.find(folder / "none")
  (folder / "empty").mkdir()
  with pytest.raises(UserError, match="no videos"):
    clips.find(folder / "empty")
  render(folder / "videos/a.avi", 1)
  with pytest.raises(UserError, match=r"a\.avi and a\.mp4 would both become"):
    clips.find(folder / "videos")


def command(folder, *options):
  extract.main(["--videos", f"{folder}/videos", "--out", f"{folder}/out", *options])


def test_the_command_ends_with_a_count_and_1_for_a_missing_video(folder, encoder, capsys):
  table = folder / "videos.csv"
  table.write_text("video\na.mp4\nnone.mp4\n")
  options = ["--random_weights", "--stride", "16", "--batch_size", "2", "--csv", str(table)]
  with pytest.raises(SystemExit) as end:
    command(folder, *options)
  assert end.value.code == 1
  lines = capsys.readouterr().out.splitlines()
  assert [line.split()[-1] for line in lines[:3]] == ["1", "0", "1"]
  assert "none.mp4" in lines[3] and "does not exist" in lines[3]
  assert read(folder, "a").feature.shape == (2, 1024)
  table.write_text("video\na.mp4\n")
  command(folder, *options)
  lines = capsys.readouterr().out.splitlines()
  assert [line.split()[-1] for line in lines] == ["0", "1", "0"]


OPTIONS = ["--random_weights", "--stride", "16", "--batch_size", "2"]


@pytest.fixture
def quick(encoder, monkeypatch):
  """The command with the quick encoder."""
  monkeypatch.setattr(encoder_weights.Source, "encoder", lambda *_: encoder)


def test_what_looks_like_a_video_and_is_left_out_ends_with_1(folder, quick, capsys):
  (folder / "videos/d.rmvb").write_text("no video that is read")
  (folder / "videos/._a.mp4").write_text("no video")
  with pytest.raises(SystemExit) as end:
    command(folder, *OPTIONS)
  assert end.value.code == 1
  captured = capsys.readouterr()
  assert "note: left out: 1 .rmvb (not a known video), 1 .txt, 1 hidden file\n" in captured.err
  assert captured.err.splitlines()[-1].startswith("error: what looks like a video was left out")
  assert len(list((folder / "out").rglob("*.npz"))) == 3
  (folder / "videos/d.rmvb").unlink()
  command(folder, *OPTIONS)
  assert "note: left out: 1 .txt, 1 hidden file\n" in capsys.readouterr().err


def test_clips_that_are_cut_are_counted_and_named(folder, quick, capsys):
  table = table_of(folder, "b.mp4,one,0,2", "b.mp4,two,0.2,1.6", "a.mp4,three,0,0.5")
  command(folder, *OPTIONS, "--csv", str(table))
  lines = capsys.readouterr().err.splitlines()
  at = lines.index("note: 2 clips reach behind the end of their video and are cut to it")
  assert lines[at + 1 : at + 3] == [
    f"  {name}: {folder}/videos/b.mp4 ends at 1.32 seconds, the clip from {times} is cut to it"
    for name, times in (("one", "0.0 to 2.0"), ("two", "0.2 to 1.6"))
  ]
  assert any(line.startswith("note: left out: 1 video in ") for line in lines)
  assert read(folder, "one").num_frames == 33


def test_what_other_shards_do_is_counted(folder, quick, capsys):
  command(folder, *OPTIONS, "--shard", "2/3")
  assert "left to other shards         2" in capsys.readouterr().out


def test_a_row_of_another_extension_is_pointed_at(folder, quick, capsys):
  with pytest.raises(SystemExit):
    command(folder, *OPTIONS, "--csv", str(table_of(folder, "a.mov", columns="video")))
  assert "a.mov does not exist, but a.mp4 does" in capsys.readouterr().out


@pytest.mark.parametrize(
  ("options", "words"),
  [
    ([], "weights are a file of yours"),
    (["--weights", "none.pt"], "--weights: there is no file none.pt"),
    (["--weights", "a.pt", "--random_weights"], "not both"),
  ],
)
def test_weights_are_asked_for_in_one_sentence(folder, capsys, options, words):
  with pytest.raises(SystemExit) as end:
    command(folder, *options)
  assert end.value.code == 1
  error = capsys.readouterr().err
  assert words in error and error.startswith("error: ") and error.count("\n") == 1


def test_a_full_disk_ends_with_one_sentence(folder, encoder, capsys, monkeypatch):
  def full_disk(file, **arrays):
    raise OSError(errno.ENOSPC, "No space left on device")

  monkeypatch.setattr(np, "savez", full_disk)
  monkeypatch.setattr(encoder_weights.Source, "encoder", lambda *_: encoder)
  with pytest.raises(SystemExit) as end:
    command(folder, "--random_weights", "--stride", "16")
  assert end.value.code == 1
  error = capsys.readouterr().err.splitlines()[-1]
  assert error.startswith(f"error: there is no room for {folder}/out/a.npz (No space left")
  assert not list((folder / "out").rglob("*.*"))


@pytest.mark.parametrize("code", ["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM"])
@pytest.mark.parametrize("filename", [None, "some/file"])
def test_what_the_system_refuses_is_one_sentence(capsys, code, filename):
  number = getattr(errno, code)
  with pytest.raises(SystemExit) as end, errors.one_sentence():
    raise OSError(number, os.strerror(number), filename)
  assert end.value.code == 1
  error = capsys.readouterr().err
  assert error.startswith("error: ") and error.count("\n") == 1
  assert os.strerror(number) in error and (filename or "a file") in error


@pytest.mark.parametrize("error", [OSError(errno.EBADF, "broken", "a"), OSError("text")])
def test_other_errors_of_the_system_keep_their_stack_trace(error):
  with pytest.raises(OSError) as caught, errors.one_sentence():
    raise error
  assert caught.value is error


def test_random_weights_tell_clips_apart():
  encoder = encoder_windows.make_encoder(*encoder_windows.random(seed=3, width=0.25), batch_size=4)
  rng = np.random.default_rng(0)
  coarse = rng.integers(0, 256, (4, 1, 14, 14, 3), dtype=np.uint8)
  clips = coarse.repeat(16, 1).repeat(16, 2).repeat(16, 3)
  features = np.asarray(encoder.encode(clips))
  assert 0.02 < features.std() < 10
  centred = features - features.mean(0)
  centred /= np.linalg.norm(centred, axis=1, keepdims=True)
  cosines = (centred @ centred.T)[~np.eye(4, dtype=bool)]
  assert cosines.max() < 0.5
  assert features.std(0).mean() > 0.1 * features.std()


def test_random_weights_are_a_function_of_the_seed():
  first, again, other = (
    encoder_windows.random(seed, width=1 / 32)[1]["params"]["Mixed_5c"]["b0"]["conv3d"]["kernel"]
    for seed in (3, 3, 4)
  )
  np.testing.assert_array_equal(first, again)
  assert not np.array_equal(first, other)
