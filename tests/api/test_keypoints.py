"""Files of keypoints that users pass beside a video."""

import pickle

import numpy as np
import pytest

from sign_jax.api import keypoints
from sign_jax.errors import UserError

SIZE = (64, 48)


@pytest.fixture(scope="module")
def clips():
  """{name: (T, 133, 3)} in pixels, of several lengths."""
  rng = np.random.default_rng(0)
  draw = lambda count: rng.uniform(0.2, 0.8, (count, 133, 3)) * [*SIZE, 1]
  # A clip's number may also be taken for that of a frame.
  return {f"{number:05d}": draw(9 + number).astype(np.float32) for number in range(3)}


def test_a_clip_is_found_in_the_pickle_of_a_corpus(tmp_path, clips):
  path = tmp_path / "keypoints.pkl"
  for key in ("{}", "{}.mp4", "test/{}"):
    path.write_bytes(pickle.dumps({key.format(name): x for name, x in clips.items()}))
    for name, wanted in clips.items():
      np.testing.assert_array_equal(keypoints.read(path, SIZE, name), wanted)
  path.write_bytes(pickle.dumps(clips))
  for name in ("other", ""):
    with pytest.raises(UserError, match=f"keypoints.pkl holds .* of none that is called '{name}'"):
      keypoints.read(path, SIZE, name)


def test_a_clip_alone_needs_no_name(tmp_path, clips):
  path, wanted = tmp_path / "clip.pkl", clips["00000"]
  frames = dict(enumerate(wanted[:, None]))
  for content in (wanted, {"keypoints": wanted}, {"keypoint": wanted}, frames):
    path.write_bytes(pickle.dumps(content))
    np.testing.assert_array_equal(keypoints.read(path, SIZE, "clip"), wanted)


def test_shares_of_the_picture_become_pixels_whatever_the_file(tmp_path, clips):
  wanted = clips["00000"]
  shares = wanted / np.float32([*SIZE, 1])
  np.savez(tmp_path / "clip.npz", keypoints=shares)
  (tmp_path / "clip.pkl").write_bytes(pickle.dumps(shares))
  for name in ("clip.npz", "clip.pkl"):
    np.testing.assert_allclose(keypoints.read(tmp_path / name, SIZE), wanted, rtol=1e-5)
