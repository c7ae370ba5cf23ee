import re

import numpy as np
import pytest

from sign_jax.video import containers, seeking
from sign_jax.video import frames as video_frames
from sign_jax.video.frames import VideoError
from tests.videos import picture_folder, render, render_constant, truncate


def read_all(path, size=None):
  return list(video_frames.read_frames(path, size))


def test_probe_reads_the_header(tmp_path):
  info = video_frames.probe(render(tmp_path / "a.mp4", 20))
  assert info == (20, 25.0, 48, 64)


def test_frames_are_rgb_of_the_size_asked_for(tmp_path):
  colors = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
  path = render_constant(tmp_path / "a.mp4", colors)
  for size, shape in ((None, (48, 64, 3)), ((256, 256), (256, 256, 3)), ((20, 40), (20, 40, 3))):
    frames = read_all(path, size)
    assert [frame.shape for frame in frames] == [shape] * 3
    assert {frame.dtype for frame in frames} == {np.dtype(np.uint8)}
    np.testing.assert_allclose(np.mean(frames, axis=(1, 2)), colors, atol=12)


def test_resizing_is_bilinear_and_fills_the_frame(tmp_path):
  pil = pytest.importorskip("PIL.Image")
  path = render(tmp_path / "a.mp4", 1)
  expected = pil.fromarray(read_all(path)[0]).resize((256, 256), pil.BILINEAR)
  actual = read_all(path, (256, 256))[0]
  assert np.abs(actual.astype(float) - np.asarray(expected)).mean() < 6


def test_center_crop_and_normalize():
  frame = np.arange(256 * 256 * 3).reshape(256, 256, 3)
  crop = video_frames.center_crop(frame, 224)
  np.testing.assert_array_equal(crop, frame[16:240, 16:240])
  values = video_frames.normalize(np.array([0, 51, 255], np.uint8))
  assert values.dtype == np.float32
  np.testing.assert_allclose(values, [-0.5, -0.3, 0.5], atol=1e-6)


@pytest.mark.parametrize(
  ("num_frames", "stride", "starts"),
  [
    (1, 1, [0]),
    (15, 4, [0]),
    (16, 1, [0]),
    (17, 1, [0, 1]),
    (17, 8, [0, 1]),
    (24, 8, [0, 8]),
    (25, 8, [0, 8, 9]),
    (40, 16, [0, 16, 24]),
    (20, 100, [0, 4]),
  ],
)
def test_window_starts(num_frames, stride, starts):
  assert video_frames.window_starts(num_frames, stride).tolist() == starts


@pytest.mark.parametrize(("num_frames", "stride"), [(0, 1), (5, 0)])
def test_window_starts_refuses_nothing_to_slide_over(num_frames, stride):
  with pytest.raises(ValueError, match="at least 1"):
    video_frames.window_starts(num_frames, stride)


@pytest.mark.parametrize("num_frames", [1, 5, 16, 17, 24, 27])
@pytest.mark.parametrize("stride", [1, 8, 50])
def test_windows_are_the_frames_from_each_start(tmp_path, num_frames, stride):
  path = render(tmp_path / "a.mp4", num_frames)
  frames = [video_frames.center_crop(frame, 224) for frame in read_all(path, (256, 256))]
  assert len(frames) == num_frames
  windows = list(video_frames.read_windows(path, stride))
  starts = video_frames.window_starts(num_frames, stride)
  assert len(windows) == len(starts)
  assert len(windows[-1][1]) == num_frames
  for (window, _), start in zip(windows, starts, strict=True):
    expected = [frames[min(start + i, num_frames - 1)] for i in range(16)]
    np.testing.assert_array_equal(window, expected)


def assert_refused(path, words):
  with pytest.raises(VideoError, match=words) as error:
    read_all(path)
  assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
  ("name", "options", "share"),
  [
    *(("a.mp4", {}, share) for share in (0.3, 0.6, 0.97)),
    *(("a.mp4", {"movflags": "faststart"}, share) for share in (0.3, 0.6, 0.97)),
    *(("a.avi", {}, share) for share in (0.3, 0.6)),  # the last tenth is an index, not needed
  ],
)
def test_a_truncated_video_is_refused(tmp_path, name, options, share):
  path = render(tmp_path / name, 60, **options)
  assert len(read_all(path)) == 60
  truncate(path, share)
  assert_refused(path, "damaged|cut short|no frame")


def test_a_truncated_matroska_video_is_refused(tmp_path):
  path = render(tmp_path / "a.mkv", 60)
  assert len(read_all(path)) == 60
  truncate(path, 0.5)
  assert_refused(path, "damaged|cut short")


def test_damage_in_the_middle_is_refused(tmp_path):
  path = render(tmp_path / "a.mp4", 60)
  content = bytearray(path.read_bytes())
  middle = len(content) // 2
  noise = np.random.default_rng(0).integers(0, 256, 600, dtype=np.uint8)
  content[middle : middle + 600] = noise.tobytes()
  path.write_bytes(content)
  assert_refused(path, "damaged")


def test_bytes_behind_the_end_lose_nothing(tmp_path):
  path = render(tmp_path / "a.mp4", 20)
  path.write_bytes(path.read_bytes() + bytes(1000))
  assert len(read_all(path)) == 20


def test_what_is_no_video_is_refused(tmp_path):
  (tmp_path / "text.mp4").write_text("no video " * 100)
  (tmp_path / "empty.mp4").write_bytes(b"")
  assert_refused(tmp_path / "text.mp4", "no video or a damaged one")
  assert_refused(tmp_path / "empty.mp4", "no video or a damaged one")
  assert_refused(tmp_path / "none.mp4", "does not exist, check the name")
  (tmp_path / "text.MTS").write_text("no video")
  assert_refused(tmp_path / "text", "does not exist, but text.mp4 and text.MTS do, check")
  assert_refused(tmp_path / "empty.mov", "does not exist, but empty.mp4 does, check")
  (tmp_path / "folder").mkdir()
  assert_refused(tmp_path / "folder", "holds no pictures")


CONCAT = "ffconcat version 1.0\nfile secret.mp4\n"
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.ts\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
  ("name", "script"),
  [("a.mp4", CONCAT), ("a.mkv", CONCAT), ("a.mp4", PLAYLIST), ("a.m3u8", PLAYLIST)],
)
def test_scripts_that_name_other_files_are_refused(tmp_path, name, script):
  for secret in ("secret.mp4", "secret.ts"):
    render(tmp_path / secret, 5, codec="mpeg2video")
  (tmp_path / name).write_text(script)
  assert_refused(tmp_path / name, "no video or a damaged one")
  with pytest.raises(VideoError):
    video_frames.probe(tmp_path / name)


def test_a_name_that_looks_like_a_protocol_is_a_file(tmp_path, monkeypatch):
  render(tmp_path / "secret.mpg", 5, codec="mpeg2video")
  render(tmp_path / "a.mp4", 3).rename(tmp_path / "concat:secret.mpg")
  monkeypatch.chdir(tmp_path)
  assert len(read_all("concat:secret.mpg")) == 3


CODECS = {
  ".webm": "libvpx", ".wmv": "wmv2", ".asf": "wmv2", ".flv": "flv", ".mpg": "mpeg2video",
  ".mts": "mpeg2video", ".vob": "mpeg2video", ".m2v": "mpeg2video", ".m1v": "mpeg1video",
  ".ogv": "libvpx", ".mxf": "mpeg2video",
}  # fmt: skip
# How cameras call what other programs know by another name.
WRITTEN_AS = {
  ".tod": ".mts", ".m2t": ".mts", ".mod": ".vob", ".mpe": ".mpg", ".qt": ".mov", ".mp4v": ".mp4",
  ".insv": ".mp4", ".f4v": ".mp4", ".divx": ".avi",
}  # fmt: skip


@pytest.mark.parametrize("extension", video_frames.EXTENSIONS)
def test_every_extension_is_read(tmp_path, extension):
  written = WRITTEN_AS.get(extension, extension)
  options = {"size": (576, 720)} if extension == ".dv" else {}
  codec = "dvvideo" if extension == ".dv" else CODECS.get(written, "mpeg4")
  path = render(tmp_path / f"a{written}", 9, codec=codec, **options)
  assert len(read_all(path.rename(tmp_path / f"A{extension.upper()}"))) == 9
  path = (tmp_path / f"A{extension.upper()}").rename(tmp_path / "a.xyz")  # the content counts
  assert len(read_all(path)) == 9


def test_sound_alone_is_refused(tmp_path):
  av = pytest.importorskip("av")
  with av.open(str(tmp_path / "a.mp4"), "w") as container:
    stream = container.add_stream("aac", rate=16000, layout="mono")
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
    frame.sample_rate = 16000
    container.mux(stream.encode(frame))
    container.mux(stream.encode())
  assert_refused(tmp_path / "a.mp4", "no video stream")


def test_absurd_sizes_are_refused_before_decoding(tmp_path, monkeypatch):
  path = render(tmp_path / "a.mp4", 2, size=(360, 640))
  monkeypatch.setattr(containers, "MAX_PIXELS", 360 * 640 - 1)
  with pytest.raises(VideoError, match="640 x 360, more than"):
    next(video_frames.read_frames(path))
  monkeypatch.setattr(containers, "MAX_PIXELS", 360 * 640)
  assert next(video_frames.read_frames(path)).shape == (360, 640, 3)


def test_reading_is_lazy(tmp_path):
  path = render(tmp_path / "a.mp4", 60, movflags="faststart")
  frames = video_frames.read_frames(path)
  assert next(frames).shape == (48, 64, 3)
  frames.close()
  path.unlink()
  with pytest.raises(VideoError, match=re.escape(str(path))):
    video_frames.probe(path)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_video_comes_out_upright(tmp_path, degrees):
  av = pytest.importorskip("av")
  picture = np.zeros((48, 64, 3), np.uint8)
  picture[:24, :32] = 255  # top left
  with av.open(str(tmp_path / "a.mp4"), "w") as container:
    stream = container.add_stream("mpeg4", rate=25)
    stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
    stream.set_display_rotation(degrees)
    container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    container.mux(stream.encode())
  (frame,) = read_all(tmp_path / "a.mp4")
  # A display matrix of +90 degrees turns the stored picture counterclockwise.
  expected = np.rot90(picture, degrees // 90)
  assert frame.shape == expected.shape
  assert np.abs(frame.astype(float) - expected).mean() < 20
  (small,) = read_all(tmp_path / "a.mp4", (30, 20))
  assert small.shape == (30, 20, 3)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_title_that_is_not_utf8_does_not_matter(tmp_path, name):
  path = render(tmp_path / name, 5, title="zzzzzzzz")
  content = path.read_bytes()
  assert b"zzzzzzzz" in content
  path.write_bytes(content.replace(b"zzzzzzzz", b"\xe9\xff\xfezzzzz"))
  assert video_frames.probe(path).num_frames in (0, 5)  # Matroska does not say
  assert len(read_all(path)) == 5


COLORS = [(20 * i, 255 - 20 * i, 40 * (i % 6)) for i in range(12)]  # of one frame each
PER_COLOR = 5


def long_video(path, **options):
  """60 frames, 25 a second, five of each colour, with a jump mark every twelve."""
  codec = CODECS.get(path.suffix, "mpeg4")
  colors = [color for color in COLORS for _ in range(PER_COLOR)]
  return render_constant(path, colors, codec=codec, gop_size=12, **options)


CLIPPED = [
  f"a{extension}" for extension in (
    ".mp4", ".mkv", ".avi", ".webm", ".mpg", ".ts", ".mts", ".3gp", ".wmv", ".flv", ".ogv", ".mxf",
  )
]  # fmt: skip


def indices(path, start, end):
  """Numbers of the frames that a clip has, by their times; checks their colours."""
  found = []
  for seconds, frame in video_frames.timed_frames(path, None, start, end):
    number = round(seconds * 25)
    assert seconds == pytest.approx(number / 25, abs=1.1e-3)  # Matroska counts milliseconds
    np.testing.assert_allclose(frame.mean((0, 1)), COLORS[number // PER_COLOR], atol=20)
    found.append(number)
  return found


@pytest.mark.parametrize("name", CLIPPED)
@pytest.mark.parametrize(("first", "last"), [(0, 7), (11, 12), (12, 13), (29, 47), (59, 59)])
def test_a_clip_has_exactly_its_frames(tmp_path, name, first, last):
  path = long_video(tmp_path / name)
  start, end = (first - 0.5) / 25, (last + 0.5) / 25
  assert indices(path, max(start, 0), end) == list(range(first, last + 1))


def test_the_start_belongs_to_a_clip_and_the_end_does_not(tmp_path):
  path = long_video(tmp_path / "a.mp4")
  for first, last in ((3, 9), (12, 24), (17, 36)):
    assert indices(path, first / 25, last / 25) == list(range(first, last))


def test_an_open_end_and_one_behind_the_end_are_the_end(tmp_path):
  path = long_video(tmp_path / "a.mp4")
  assert indices(path, 2.0, np.inf) == indices(path, 2.0, 2.7) == list(range(50, 60))
  assert indices(path, 0.0, np.inf) == list(range(60))
  with pytest.raises(VideoError, match=re.escape(f"{path} has no frame from 5.0 to 6.0")):
    indices(path, 5.0, 6.0)


def test_a_clip_of_a_long_video_is_not_decoded_from_the_beginning(tmp_path, monkeypatch):
  path, decoded = long_video(tmp_path / "a.mp4"), []

  def counting(*args):
    for frame, error in decode(*args):
      decoded.append(frame)
      yield frame, error

  decode = containers.decode
  monkeypatch.setattr(containers, "decode", counting)
  assert indices(path, 50 / 25, 53 / 25) == [50, 51, 52]
  assert len(decoded) <= 53 - 48 + 1  # the jump goes to frame 48


def test_a_jump_that_goes_too_far_is_made_good(tmp_path, monkeypatch):
  path = long_video(tmp_path / "a.mp4")
  decode_from = seeking._decode_from
  monkeypatch.setattr(
    seeking, "_decode_from", lambda path, start: decode_from(path, start and start + 0.6)
  )
  assert indices(path, 20 / 25, 23 / 25) == [20, 21, 22]


def test_damage_counts_in_the_clip_that_it_is_in(tmp_path):
  path = render(tmp_path / "a.mp4", 60, gop_size=12)
  content = bytearray(path.read_bytes())
  middle = len(content) // 2
  content[middle : middle + 600] = bytes(np.random.default_rng(0).bytes(600))
  path.write_bytes(content)
  with pytest.raises(VideoError, match="damaged"):
    list(video_frames.read_frames(path, None, 0.2, 2.0))
  assert len(list(video_frames.read_frames(path, None, 0.0, 0.4))) == 10
  truncate(path, 0.6)
  with pytest.raises(VideoError, match="damaged|cut short"):
    list(video_frames.read_frames(path, None, 0.0, 0.4))


def test_windows_of_a_clip(tmp_path):
  path = render(tmp_path / "a.mp4", 60)
  frames = [video_frames.center_crop(frame, 56) for frame in read_all(path, (64, 64))]
  windows = list(video_frames.read_windows(path, 4, 20 / 25, 41 / 25, crop=56))
  assert [len(window) for window, _ in windows] == [16] * 3
  assert windows[-1][1] == [index / 25 for index in range(20, 41)]
  for (window, _), first in zip(windows, (20, 24, 25), strict=True):
    np.testing.assert_array_equal(window, frames[first : first + 16])


@pytest.mark.parametrize("kind", ["a.mp4", "a.mkv", "a.ts", "pictures"])
@pytest.mark.parametrize(
  ("start", "end", "count"),
  [(1.0, 2.5, 25), (1.0, 3.0, 25), (0.0, 3.9, 50), (1.8, 2.1, 5), (1.0, 2.0, 25)],
)
def test_a_clip_that_reaches_behind_the_end_is_cut_and_that_is_noted(
  tmp_path, kind, start, end, count
):
  path, notes = two_seconds(tmp_path, kind), {}
  assert len(list(video_frames.timed_frames(path, None, start, end, notes))) == count
  if end <= 2.0:
    assert notes == {}
    return
  (note,) = notes.values()
  assert note == f"{path} ends at 2.00 seconds, the clip from {start} to {end} is cut to it"


@pytest.mark.parametrize("kind", ["a.mp4", "a.mkv", "a.ts", "pictures"])
@pytest.mark.parametrize(
  ("start", "end", "words"),
  [
    (1.0, 30.0, "leaves 25 frames of the clip from 1.0 to 30.0"),  # less than half
    (1.0, 3.2, "leaves 25 frames"),
    (1.5, 2.9, "leaves 12 frames|leaves 13 frames"),
    (3.0, 4.0, "has no frame from 3.0 to 4.0 seconds"),
  ],
)
def test_too_little_of_a_clip_is_refused_with_the_length_of_the_video(
  tmp_path, kind, start, end, words
):
  path = two_seconds(tmp_path, kind)
  with pytest.raises(VideoError, match=words) as error:
    list(video_frames.timed_frames(path, None, start, end))
  assert "ends at 2.0" in str(error.value) and str(error.value).startswith(str(path))


def two_seconds(tmp_path, kind):
  if kind == "pictures":
    frames = [np.full((20, 30, 3), 5 * level, np.uint8) for level in range(50)]
    return picture_folder(tmp_path / "pictures", frames)
  return render(tmp_path / kind, 50)


def test_a_clip_between_two_frames_is_refused(tmp_path):
  with pytest.raises(VideoError, match="has no frame from 1.01 to 1.02 seconds: correct"):
    list(video_frames.timed_frames(render(tmp_path / "a.mp4", 50), start=1.01, end=1.02))
