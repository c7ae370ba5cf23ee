"""What the sign encoder reads of a video, from the file to its input, in either preparation."""

import types

import av
import jax
import numpy as np
import pytest
from PIL import Image

from sign_jax.encoder import clips, preparation, windows
from sign_jax.video import frames as video_frames
from sign_jax.video.boxes import Box
from tests.videos import render

JOB = clips.Clip("a", "a.mp4", None, 0.21, 0.99, box=Box(100, 40, 200, 210))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
  return render(tmp_path_factory.mktemp("videos") / "a.mp4", 40, size=(240, 320))


def read(path, way):
  """(windows, 16, 224, 224, 3): the input of the network, of all windows of the clip."""
  network = types.SimpleNamespace(apply=lambda _, x: {"embedding": x})
  encoder = windows.make_encoder(network, {}, batch_size=2, prepared=way)
  results = windows.encode_videos([JOB._replace(path=path)], encoder, 8)
  (result,) = [found for _, found in results if found]
  assert result.error is None
  return result.outputs, result.seconds


def whole_pictures(path):
  with av.open(str(path)) as container:
    return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def sampled(image):
  """Bilinear at the released points, one axis after the other."""
  points, pixels = np.linspace(15.5, 239.5, 224), np.arange(256)
  along = lambda line: np.interp(points, pixels, line)
  return np.apply_along_axis(along, 1, np.apply_along_axis(along, 0, image))


def test_released_frames_from_the_file_to_the_network(path):
  found, seconds = read(path, preparation.RELEASED)
  # floor(0.21 * 25) to ceil(0.99 * 25), both included
  chosen = [picture[40:250, 100:300] for picture in whole_pictures(path)[5 : 25 + 1]]
  assert len(seconds) == len(chosen) == 21 and len(found) == 2
  for place, index in ((0, 0), (0, 15), (1, 20 - 15), (1, 20)):
    resized = np.asarray(Image.fromarray(chosen[index]).resize((256, 256), Image.BICUBIC))
    frame = found[place, index - (5 if place else 0)]
    np.testing.assert_allclose(frame, sampled(resized) / 255 - 0.5, atol=2e-6)


def test_exact_frames_from_the_file_to_the_network(path):
  found, seconds = read(path, preparation.EXACT)
  assert len(seconds) == 19 and len(found) == 2  # frames 6 to 24
  frames = list(video_frames.read_frames(path, (256, 256), 0.21, 0.99, JOB.box))
  expected = np.stack(frames)[:16, 16:240, 16:240] / 255 - 0.5
  np.testing.assert_allclose(found[0], expected, atol=1e-6)


def test_the_preparations_differ(path):
  exact, ours = (read(path, way)[0] for way in (preparation.EXACT, preparation.RELEASED))
  assert 0.002 < np.abs(exact[0, :-1] - ours[0, 1:]).mean() < 0.2
  assert list(preparation.ALL) == ["exact", "released"]


def test_whole_videos_have_the_same_frames_in_both(path):
  job = types.SimpleNamespace(path=path, start=0.0, end=np.inf, box=None)
  for way in preparation.ALL.values():
    timed = list(way.read(job.path, job.start, job.end, 28, {}, None))
    assert len(timed) == 40
    assert timed[0][1].shape == (way.side(28),) * 2 + (3,)
    done = jax.jit(way.finish, static_argnums=1)(np.stack([x for _, x in timed]), 28)
    assert done.shape == (40, 28, 28, 3) and done.dtype == np.float32
