"""Signs that an I3D names, in windows of frames and in a video."""

import jax
import numpy as np
import pytest
from PIL import Image

import sign_jax
from sign_jax import recognize
from sign_jax.errors import UserError
from sign_jax.modules import i3d
from sign_jax.systems import registry
from sign_jax.weights import convert, writers

pytestmark = pytest.mark.usefixtures("quick_compile")
NAMES, CROP = ["rain", "snow", "wind"], 32


@pytest.fixture(scope="module")
def model(tmp_path_factory):
  rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("weights") / "i3d.safetensors"
  shapes = i3d.init_shapes(i3d.I3D(num_classes=3, width=0.125))
  draw = lambda x: rng.uniform(0.01, 0.2, x.shape).astype(np.float32)
  writers.write(path, convert.export(jax.tree.map(draw, shapes), registry.get("i3d").names))
  return sign_jax.load(path, config={"data.size": CROP}, labels=NAMES)


def test_windows_are_named_by_their_most_probable_classes(model):
  assert model.system == "i3d" and model.config.model.width == 0.125
  windows = np.random.default_rng(1).integers(0, 256, (9, 16, CROP, CROP, 3)).astype(np.uint8)
  found = model.recognize(windows, top=2)
  assert found.probabilities.shape == found.classes.shape == (9, 2) and found.seconds is None
  assert (found.probabilities[:, 0] >= found.probabilities[:, 1]).all()
  assert found.labels == [[NAMES[i] for i in row] for row in found.classes]
  alone = model.recognize(windows[8:])  # fewer than are read at once
  assert alone.classes.shape == (1, 3)
  np.testing.assert_allclose(alone.probabilities.sum(1), 1, rtol=1e-5)
  np.testing.assert_allclose(alone.probabilities[0, :2], found.probabilities[8], rtol=1e-4)
  assert model.recognize(windows[:0]).probabilities.shape == (0, 3)


def test_a_video_is_cut_into_windows(model, tmp_path):
  for number in range(20):
    Image.new("RGB", (40, 40), (12 * number, 0, 0)).save(tmp_path / f"{number:04d}.png")
  found = model.recognize(tmp_path, stride=2)
  assert found.classes.shape == (3, 3)
  np.testing.assert_allclose(found.seconds, [0, 2 / 25, 4 / 25])  # pictures: 25 a second


def test_the_command_names_the_sign_of_every_window(model, tmp_path):
  for number in range(20):
    Image.new("RGB", (40, 40), (12 * number, 0, 0)).save(tmp_path / f"{number:04d}.png")
  found = recognize.named(model, tmp_path, None, 2)
  assert [window["seconds"] for window in found["windows"]] == [0, 4 / 25]
  assert [len(window["signs"]) for window in found["windows"]] == [2, 2]
  lines = list(recognize.lines(found))
  assert "  from 0.16 seconds" in lines and len(lines) == 1 + 2 * 3


def test_mistakes_are_one_sentence(model):
  windows = np.zeros((1, 16, 8, 8, 3), np.uint8)
  for call, words in (
      (lambda: model.recognize(windows), "windows are an array .n, 16, 32, 32, 3. of uint8"),
      (lambda: model.recognize("nothing.mp4"), "nothing.mp4"),
      (lambda: model.recognize(windows, top=0), "top=0"),
      (lambda: model.encode_texts(["rain"]), "a model of i3d does not encode texts"),
      (lambda: model.recognize([[1], [2, 3]]), "video cannot be made an array"),
      (lambda: type(model)(model.trained, ["rain"]), "3 names, one a class, not 1"),
  ):  # fmt: skip
    with pytest.raises(UserError, match=words):
      call()
