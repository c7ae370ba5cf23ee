"""How fast training examples reach the device, from disk, memory and the device, and from pickles.

Features are float16, (windows, 1024) for each stream of a video. Pickles are read as the released
loader does, a file per video and stream, float32, one after the other in one process.

With --signs: how long training on clips of isolated signs waits for their videos to be decoded.
"""

import contextlib
import io
import pathlib
import pickle
import tempfile
import time

import jax
import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from data_builders.writing import schema
from launch.benchmarks import _sign_clips as signs
from sign_jax.data import assemble, pipeline, resident, sampling
from sign_jax.data.cache import FeatureCache
from sign_jax.data.source import RetrievalSplit
from sign_jax.errors import UserError
from sign_jax.files import path_argument
from sign_jax.tasks.device_features import gather

LENGTH, DIM = 64, 1024
_EXAMPLES, _BATCH_SIZE = 2048, 512
_SKIPPED = 10  # batches before the clock starts, more than are read ahead
_PICKLES = "pickle files"
_COMBINE = "auto"  # the streams that a data set has


class _Builder(schema.RetrievalBuilder, skip_registration=True):
  """Random features of videos of 64 windows."""

  name = "input_pipeline"
  VERSION = tfds.core.Version("1.0.0")
  examples = 0

  def _info(self):
    return self.retrieval_info("Random numbers.", {"agnostic": DIM})

  def _split_generators(self, dl_manager):
    return {"train": self._generate_examples()}

  def _generate_examples(self):
    rng = np.random.default_rng(0)
    for number in self.progress(range(self.examples), "train"):
      yield number, {
        "video_id": f"video_{number}", "sentence_id": f"sentence_{number}",
        "text": f"caption number {number} has seven words here", "signer": "nobody",
        "num_frames": LENGTH + 15, "fps": 25.0,
        "agnostic": rng.standard_normal((LENGTH, DIM), np.float32).astype(np.float16),
      }


def add_arguments(parser):
  """Sizes, and another data set."""
  parser.add_argument("--data_name", help="a data set that is built; default: random numbers")
  parser.add_argument("--data_dir", type=path_argument,
                      help="where it lies, as --config.data.data_dir")  # fmt: skip
  parser.add_argument("--examples", type=int,
                      help=f"videos that are read; default {_EXAMPLES}, or {signs.EXAMPLES}")
  parser.add_argument("--batch_size", type=int,
                      help=f"default {_BATCH_SIZE}, or {signs.BATCH_SIZE} with --signs")
  parser.add_argument("--batches", type=int, default=16, help="batches that are timed")
  parser.add_argument("--workers", type=int, default=2, help="processes of the second row")
  signs.add_arguments(parser)


def run(args):
  """Times every way to read in turn; see `launch.benchmarks`.

  Raises:
    UserError: sizes that cannot be, or fewer sentences than a batch has.
  """
  for name in ("examples", "batch_size", "batches", "workers"):
    if getattr(args, name) is not None and getattr(args, name) < 1:
      raise UserError(f"--{name} must be at least 1")
  if args.signs:
    return signs.run(args)
  args.examples, args.batch_size = args.examples or _EXAMPLES, args.batch_size or _BATCH_SIZE
  with tempfile.TemporaryDirectory() as folder:
    name, data_dir = args.data_name, args.data_dir
    if not name:
      name, data_dir = _Builder.name, folder
      _build(folder, args.examples)
    split = lambda cache=None: RetrievalSplit(
      name, f"train[:{args.examples}]", data_dir, cache=cache
    )
    speeds = _speeds(split, pathlib.Path(folder), args)
  settings = {key: getattr(args, key) for key in ("examples", "batch_size", "batches", "workers")}
  return {
    "settings": {"data": name, **settings},
    "rows": [
      {"features from": way, "examples/s": speed, "times pickles": speed / speeds[_PICKLES]}
      for way, speed in speeds.items()
    ],
  }


def _build(folder, examples):
  builder = _Builder(data_dir=folder)
  builder.examples = examples
  tfds.disable_progress_bar()
  with contextlib.redirect_stdout(io.StringIO()):
    builder.download_and_prepare()


def _speeds(open_split, folder, args):
  """{way: examples per second until a batch is on the device}."""
  on_disk, cached = open_split(), open_split(FeatureCache(1 << 62))
  files = _write_pickles(on_disk, folder)
  for _ in cached.stored_features(range(cached.num_videos), LENGTH):
    pass  # fills the cache
  rows = jax.device_put(resident.rows(on_disk, LENGTH, _COMBINE))
  gathered = jax.jit(lambda start, windows: gather(rows, start, windows, LENGTH))

  def batches(split, **options):
    return pipeline.train_batches(
      split, batch_size=args.batch_size, seed=0, combine=_COMBINE, **options
    )

  def of_device(batch):
    return gathered(batch["video_start"], batch["video_windows"])

  ways = {
    _PICKLES: (lambda: _pickle_batches(files, args.batch_size), jax.device_put),
    "disk": (lambda: batches(on_disk), jax.device_put),
    f"disk, {args.workers} workers": (
      lambda: batches(on_disk, num_workers=args.workers), jax.device_put,
    ),
    "host memory": (lambda: batches(cached), jax.device_put),
    "device memory": (lambda: batches(on_disk, resident=True), of_device),
  }
  with tqdm(total=len(ways) * (_SKIPPED + args.batches), unit="batch") as bar:
    return {
      way: args.batch_size / _seconds_per_batch(make(), place, args.batches, bar)
      for way, (make, place) in ways.items()
    }


def _seconds_per_batch(batches, place, count, bar):
  with contextlib.closing(batches):
    for number in range(_SKIPPED + count):
      if number == _SKIPPED:
        start = time.perf_counter()
      jax.block_until_ready(place(next(batches)))
      bar.update()
    return (time.perf_counter() - start) / count


def _write_pickles(split, folder):
  """A float32 pickle per video and stream, as CiCo's files: [{stream: path}]."""
  files = []
  for video in tqdm(range(split.num_videos), "pickles", unit="video"):
    paths = {}
    for stream, feature in split.features(video).items():
      paths[stream] = folder / f"{video}-{stream}.pkl"
      paths[stream].write_bytes(pickle.dumps({"feature": feature}))
    files.append(paths)
  return files


def _pickle_batches(files, batch_size):
  """Endless batches of random videos from pickles that this program has written."""
  rng = np.random.default_rng(0)
  while True:
    video = None
    for row, number in enumerate(rng.permutation(len(files))[:batch_size]):
      kept = {}
      for stream, path in files[number].items():
        with path.open("rb") as file:
          feature = pickle.load(file)["feature"]
        kept[stream] = feature[sampling.sample_indices(len(feature), LENGTH)]
      combined = assemble.combine(kept, _COMBINE)
      if video is None:
        video = np.zeros((batch_size, LENGTH, combined.shape[1]), np.float32)
      video[row, : len(combined)] = combined
    yield {"video": video}
