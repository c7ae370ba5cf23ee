"""The released preparation of frames: which are read, how they are resized and sampled."""

import math

import jax
import numpy as np
import pytest
from PIL import Image

from sign_jax.video import frames as video_frames
from sign_jax.video import released
from sign_jax.video.boxes import Box
from sign_jax.video.containers import VideoError, VideoInfo
from tests.videos import picture_folder, render


def bilinear(image, places):
  """(H, W, 3) at all pairs of `places`, from the four pixels around each, in float64."""
  low = np.floor(places).astype(int)
  share = places - low
  rows = image[low] * (1 - share)[:, None, None] + image[low + 1] * share[:, None, None]
  return rows[:, low] * (1 - share)[None, :, None] + rows[:, low + 1] * share[None, :, None]


def test_points_are_those_of_the_released_sampler():
  points = released.points(256, 224)
  np.testing.assert_allclose(points, np.linspace(15.5, 239.5, 224), rtol=1e-15)
  small = released.points(55, 48)  # of an encoder that reads smaller frames
  np.testing.assert_allclose(small[[0, -1]], [3, 51])


@pytest.mark.parametrize(("side", "crop"), [(256, 224), (55, 48), (5, 4), (3, 3)])
@pytest.mark.parametrize("sample", [released.sampled, jax.jit(released.sampled, static_argnums=1)])
def test_samples_lie_between_the_pixels(side, crop, sample):
  pixels = np.random.default_rng(0).integers(0, 256, (2, 3, side, side, 3), dtype=np.uint8)
  found = np.asarray(sample(pixels, crop))
  assert found.shape == (2, 3, crop, crop, 3) and found.dtype == np.float32
  padded = np.pad(pixels[1, 2].astype(np.float64), [(0, 1), (0, 1), (0, 0)])
  middle = (side - 1) / 2
  places = np.linspace(middle - crop / 2, middle + crop / 2, crop).clip(0, side - 1)
  np.testing.assert_allclose(found[1, 2], bilinear(padded, places), atol=1e-3)


def test_samples_of_an_even_slope_are_its_values():
  slope = np.arange(256, dtype=np.uint8)[None, :, None].repeat(256, 0).repeat(3, 2)
  found = released.sampled(slope, 224)
  np.testing.assert_allclose(found[7, :, 1], np.linspace(15.5, 239.5, 224), rtol=1e-6)
  np.testing.assert_allclose(found, released.sampled(slope.swapaxes(0, 1), 224).swapaxes(0, 1))


def shown(path, start, end, notes=None):
  """Numbers of the frames that are read of a clip."""
  found = released.whole_frames(path, start, end, 7, notes)
  return [round(second * 25) for second, _ in found]


CLIPS = [
  (0.2, 1.0, 5, 25),  # at frames
  (0.21, 0.99, 5, 25),  # between frames
  (0.28, 0.6, 7, 15),
  (0.0, 0.5, 0, 13),
  (0.01, 0.5, 0, 13),
  (0.8, 1.3, 20, 32),
  (0.8, 1.32, 20, 32),  # to the end
  (0.8, math.inf, 20, 32),
  (0.0, math.inf, 0, 32),
]


@pytest.mark.parametrize(("start", "end", "first", "last"), CLIPS)
def test_a_clip_has_a_frame_more_at_either_end(tmp_path, start, end, first, last):
  notes = {}
  for name in ("a.mp4", "a.mkv"):
    path = render(tmp_path / name, 33, gop_size=5)
    assert shown(path, start, end, notes) == list(range(first, last + 1))
  folder = picture_folder(tmp_path / "pictures", list(video_frames.read_frames(path, (8, 8))))
  assert shown(folder, start, end, notes) == list(range(first, last + 1))
  assert not notes


def test_a_clip_that_reaches_behind_the_end_is_cut_and_noted(tmp_path):
  path = render(tmp_path / "a.mp4", 33)
  for start, end in ((0.2, 1.5), (1.0, 2.6)):  # of the second, less than half is there
    notes = {}
    assert shown(path, start, end, notes) == list(range(round(25 * start), 33))
    assert notes == {"cut": f"{path} has 33 frames, the clip from {start} to {end} is cut to them"}
  with pytest.raises(VideoError, match="which leaves 2 frames of the clip"):
    shown(path, 31 / 25, 2.6)  # the released lists hold no clip of two frames
  with pytest.raises(VideoError, match="no frame from .* it ends at 1.32 seconds"):
    shown(path, 2.0, 2.6)


def test_a_video_without_a_frame_rate_is_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(video_frames, "probe", lambda path: VideoInfo(33, 0.0, 48, 64))
  with pytest.raises(VideoError, match="a.mp4 does not say its frames per second"):
    shown(render(tmp_path / "a.mp4", 33), 0.2, 1.0)
  assert len(shown(tmp_path / "a.mp4", 0.0, math.inf)) == 33


def test_pictures_are_cut_to_the_box_and_resized_by_pillow(tmp_path):
  frames = np.random.default_rng(0).integers(0, 256, (3, 300, 400, 3), dtype=np.uint8)
  folder = picture_folder(tmp_path / "a", frames)
  found = [x for _, x in released.whole_frames(folder, box=Box(100, 20, 200, 290))]
  for frame, whole in zip(found, frames, strict=True):
    part = Image.fromarray(whole[20:310, 100:300])
    np.testing.assert_array_equal(frame, part.resize((256, 256)))
