"""The sign encoder: an I3D ready to read windows of frames, and the windows of many videos."""

import contextlib
import functools
import os
from concurrent import futures
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from sign_jax.encoder import preparation
from sign_jax.errors import UserError
from sign_jax.modules import i3d
from sign_jax.train import prefetch
from sign_jax.video import ahead, frames

_THREADS = min(8, os.cpu_count() or 1)  # that decode, one video each
_MOST_BYTES = 256 << 20  # of decoded frames that wait, all threads together


class Encoder(NamedTuple):
  """A sign encoder, ready to run."""

  # (n, 16, side, side, 3) uint8 as `prepared` reads it, n <= batch_size -> tree of arrays, the
  # first n rows of which count; does not wait for the devices
  encode: object
  batch_size: int
  crop: int = frames.CROP  # height and width of its frames
  prepared: preparation.Preparation = preparation.EXACT


class Result(NamedTuple):
  """What an encoder says of a video."""

  job: object  # as given to `encode_videos`
  outputs: object  # tree of (windows, ...) arrays; None where the video cannot be read
  seconds: list  # when its frames are shown
  error: UserError | None
  notes: dict[str, str]  # what was unusual and no damage, see `frames.timed_frames`


def embedding(out):
  """What features are: (n, 1024 * width) float32."""
  return out["embedding"]


def best_class(out):
  """(class, its probability) of each window, (n,) int32 and (n,) float32."""
  probabilities = jax.nn.softmax(out["logits"])
  return probabilities.argmax(-1), probabilities.max(-1)


def make_encoder(
  model, variables, batch_size, crop=frames.CROP, read=embedding, prepared=preparation.EXACT
):
  """Compiles an I3D for a fixed number of windows, split over this process's devices.

  Args:
    model: `i3d.I3D`.
    variables: its variables.
    batch_size: windows at once, rounded up to a multiple of the devices.
    crop: height and width of the frames.
    read: function of the model's outputs, traced by JAX, that gives the encoder's.
    prepared: `preparation.Preparation` of the frames.

  Returns:
    `Encoder`.
  """
  devices = jax.local_devices()
  batch_size = -(-batch_size // len(devices)) * len(devices)
  mesh = Mesh(np.array(devices), ("data",))
  split, whole = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (["data"], []))
  variables = jax.device_put(variables, whole)

  @jax.jit
  def apply(variables, windows):
    return read(model.apply(variables, prepared.finish(windows, crop)))

  def encode(windows):
    padding = [(0, batch_size - len(windows))] + [(0, 0)] * 4
    return apply(variables, jax.device_put(np.pad(windows, padding), split))

  return Encoder(encode, batch_size, crop, prepared)


def encode_videos(jobs, encoder, stride):
  """Reads the windows of many videos; a batch may hold those of several.

  Args:
    jobs: sequence of objects with `path`, `start`, `end` and `box`, as `frames.timed_frames` takes
      them.
    encoder: `Encoder`.
    stride: frames from one window to the next.

  Yields:
    (windows encoded so far, `Result` or None): a result for each job, in their order, as soon as
    its last window is encoded; None after a batch that no video ends in.
  """
  # Closed on errors too: a traceback keeps generators alive, and with them waiting threads.
  with contextlib.closing(_prefetch(_batches(jobs, stride, encoder))) as batches:
    yield from _results(encoder, batches)


def random(seed, width=1.0):
  """Random weights under which an I3D neither loses nor mixes up its clips.

  He's initialisation lets the mean of the activations grow until all clips look alike (cosine
  0.999); hidden kernels of mean zero and gain 2 / (1 - 1 / pi) keep the variance instead
  (Brock et al., "Characterizing signal propagation to close the performance gap in unnormalized
  ResNets", ICLR 2021).

  Args:
    seed: integer; the same one gives the same weights.
    width: of the I3D.

  Returns:
    (`i3d.I3D` with one class, its variables as numpy arrays).
  """
  model = i3d.I3D(num_classes=1, width=width)
  rng = np.random.default_rng(seed)  # jax's generator would compile for most of a minute

  def draw(path, leaf):
    name = path[-1].key
    if name != "kernel":
      return np.full(leaf.shape, name in ("scale", "var"), leaf.dtype)
    kernel = rng.standard_normal(leaf.shape, leaf.dtype)
    is_hidden = leaf.ndim == 5 and leaf.shape[-2] != 3
    if is_hidden:
      kernel = (kernel - kernel.mean((0, 1, 2, 3))) / np.sqrt(1 - 1 / np.pi, dtype=leaf.dtype)
    return kernel * np.sqrt(2 / np.prod(leaf.shape[:-1]), dtype=leaf.dtype)

  return model, jax.tree_util.tree_map_with_path(draw, i3d.init_shapes(model))


def _results(encoder, batches):
  # Yields what `encode_videos` does, of what `_batches` gives.
  parts, count = [], 0
  begun = (_begun(encoder, windows, ends) for windows, ends in batches)
  for outputs, rows, ends in prefetch.from_devices(begun, _fetched):
    if rows:
      parts.append(outputs)
      count += rows
    joined = _joined(parts) if ends else None
    for job, start, stop, seconds, error, notes in ends:
      outputs = None if error else jax.tree.map(lambda x, a=start, b=stop: x[a:b], joined)
      yield count, Result(job, outputs, seconds, error, notes)
    if ends:
      # What is left belongs to the video that has not ended.
      parts = [jax.tree.map(lambda x, a=ends[-1][2]: x[a:], joined)] if parts else []
    else:
      yield count, None


def _begun(encoder, windows, ends):
  if windows is None:
    return None, 0, ends
  return encoder.encode(windows), len(windows), ends


def _fetched(batch):
  outputs, rows, ends = batch
  return jax.tree.map(lambda x: np.asarray(x)[:rows], outputs), rows, ends


def _joined(parts):
  return jax.tree.map(lambda *x: np.concatenate(x), *parts) if parts else None


def _batches(jobs, stride, encoder):
  # Yields (windows of a batch or None, [(job, first row, row behind its last, seconds, error,
  # notes)] of the videos that end in it); rows count from the first one of the oldest of these.
  pending, ends, row = [], [], 0
  with contextlib.closing(_decoded(jobs, encoder)) as videos:
    for job, notes, decoded in videos:
      first, seconds, error = row, [], None
      try:
        for window, seconds in frames.windows(decoded, stride):  # noqa: B007 - needed below
          # Not before: the video that the last window is of may end with it.
          if len(pending) == encoder.batch_size:
            yield np.stack(pending), ends
            if ends:
              row, first = row - ends[-1][2], first - ends[-1][2]
            pending, ends = [], []
          pending.append(window)
          row += 1
      except frames.VideoError as reason:
        error = reason
      ends.append((job, first, row, seconds, error, notes))
  if ends:
    yield np.stack(pending) if pending else None, ends


def _decoded(jobs, encoder):
  # Yields (job, its notes, the frames that its `Preparation` reads), decoded ahead by threads.
  jobs = [(job, {}) for job in jobs]
  read, side = encoder.prepared.read, encoder.prepared.side(encoder.crop)
  readers = (
    functools.partial(read, job.path, job.start, job.end, encoder.crop, notes, job.box)
    for job, notes in jobs
  )
  most = max(frames.WINDOW, _MOST_BYTES // _THREADS // (side * side * 3))
  with contextlib.closing(ahead.ahead(readers, _THREADS, most)) as videos:
    for (job, notes), decoded in zip(jobs, videos, strict=True):
      yield job, notes, decoded


def _prefetch(iterator):
  # Makes the next item in another thread while the caller works on this one.
  end = object()
  with contextlib.closing(iterator), futures.ThreadPoolExecutor(1) as pool:
    future = pool.submit(next, iterator, end)
    while (item := future.result()) is not end:
      future = pool.submit(next, iterator, end)
      yield item
