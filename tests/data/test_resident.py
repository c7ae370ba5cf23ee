"""All videos as one array, and the places of a batch's videos in it."""

import jax
import numpy as np
import pytest

from sign_jax.data import pipeline, resident
from sign_jax.data.assemble import VideoRows
from sign_jax.errors import UserError
from sign_jax.tasks import device_features as on_device
from tests import fakes

LENGTH = 12


@pytest.fixture(scope="module")
def split():
  return fakes.FakeSplit(sentences=10, videos=25, windows=20, dims={"agnostic": 6, "aware": 6})


@pytest.mark.parametrize("second", ["aware", "agnostic"])
@pytest.mark.parametrize(("mode", "dtype", "dim"), [
  ("sum", np.float32, 6), ("cat", np.float16, 12), ("aware", np.float16, 6),
])
def test_gathered_batches_are_those_of_the_host(split, mode, dtype, dim, second):
  rows = resident.rows(split, LENGTH, mode, 0.7, second)
  assert rows.dtype == dtype and rows.shape == (np.minimum(split.windows, LENGTH).sum(), dim)
  assert resident.nbytes(split, LENGTH, mode) == rows.nbytes
  options = {"batch_size": 8, "seed": 1, "video_length": LENGTH, "combine": mode, "alpha": 0.7}
  options["second"] = second
  host = pipeline.train_batches(split, **options)
  places = pipeline.train_batches(split, **options, resident=True)
  gather = jax.jit(on_device.gather, static_argnums=3)
  for _ in range(5):
    expected, batch = next(host), next(places)
    video, valid = gather(rows, batch["video_start"], batch["video_windows"], LENGTH)
    np.testing.assert_array_equal(video, expected["video"], strict=True)
    np.testing.assert_array_equal(valid, expected["video_valid"], strict=True)
    assert batch.keys() == {"video_start", "video_windows", "text", "text_aug"}
    for name in ("text", "text_aug"):
      np.testing.assert_array_equal(batch[name], expected[name])
    assert not expected["video_valid"].all() and expected["video_valid"].any(1).all()


def test_float64_is_not_moved_to_devices(split):
  wide = fakes.FakeSplit(sentences=4, videos=4, windows=5, dims={"agnostic": 6})
  wide.dtypes = {"agnostic": np.dtype(np.float64)}
  assert resident.rows(wide, LENGTH, "auto").dtype == np.float32
  assert VideoRows(wide, LENGTH, "auto", 0.8)([0, 1])["video"].dtype == np.float32


class Device:
  def __init__(self, limit, used):
    self.limit, self.used = limit, used

  def memory_stats(self):
    return {"bytes_limit": self.limit, "bytes_in_use": self.used} if self.limit else None


@pytest.mark.parametrize(("devices", "fits"), [
  ([(0, 0)], True),  # a CPU does not say
  ([(10 << 30, 0)], True),
  ([(10 << 30, 4 << 30)], False),
  ([(80 << 30, 0), (9 << 30, 0)], False),  # the smallest counts
])
def test_what_does_not_fit_is_refused(monkeypatch, devices, fits):
  monkeypatch.setattr(on_device.jax, "local_devices", lambda: [Device(*d) for d in devices])
  if fits:
    on_device.check_room(8 << 30, "the training features")
  else:
    with pytest.raises(UserError, match="^the training features take 8.0 GiB .*placement=host$"):
      on_device.check_room(8 << 30, "the training features")
