"""Whether training on clips of isolated signs waits for its videos to be decoded."""

import contextlib
import io
import pathlib
import statistics
import tempfile
import time

import av
import jax
import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from data_builders.writing import schema
from sign_jax.run import task as run_task
from sign_jax.systems import registry
from sign_jax.train import prefetch
from sign_jax.train.step import Trainer

EXAMPLES, BATCH_SIZE = 64, 4
_FRAMES, _SIDE, _CLASSES = 80, 256, 100  # of the videos that are written
_SKIPPED = 3  # steps before the clock starts: the first one compiles


class _Builder(schema.RecordBuilder, skip_registration=True):
  """Clips that are a whole video each."""

  name = "sign_clips"
  VERSION = tfds.core.Version("1.0.0")
  examples = 0

  def _info(self):
    isolated = {"glosses": None, "num_classes": _CLASSES}
    return self.info_of(schema.sign_features(False), "Random videos.", {"isolated": isolated})

  def _split_generators(self, dl_manager):
    return {split: self._generate_examples() for split in ("train", "validation")}

  def _generate_examples(self):
    for number in range(self.examples):
      yield number, {
        "video_id": f"video_{number}", "gloss": "", "signer": "", "video": f"{number}.mp4",
        "label": number % _CLASSES, "first_frame": 0, "end_frame": 0, "num_frames": _FRAMES,
        "fps": 25.0, "box": np.zeros(4, np.float32),
      }  # fmt: skip


def add_arguments(parser):
  """Sizes of the network that is trained."""
  parser.add_argument(
    "--signs", action="store_true",
    help="time training steps of NLA-SLR's video stream instead, on videos that are decoded",
  )  # fmt: skip
  parser.add_argument("--network_width", type=float, default=0.25, help="of --signs: its channels")
  parser.add_argument("--frames", type=int, default=64, help="of --signs: frames of a clip")
  parser.add_argument("--size", type=int, default=112, help="of --signs: height and width")


def run(args):
  """Times steps on one batch, on decoded videos, and on videos in memory."""
  settings = {
    "examples": args.examples or EXAMPLES, "batch_size": args.batch_size or BATCH_SIZE,
    "batches": args.batches, "network_width": args.network_width, "frames": args.frames,
    "size": args.size,
  }
  with tempfile.TemporaryDirectory() as folder:
    _build(pathlib.Path(folder), settings["examples"])
    found = _measured(folder, settings)
  alone = statistics.median(sum(times) for times in next(iter(found.values())))
  return {"settings": settings, "rows": [_row(way, times, alone) for way, times in found.items()]}


def _row(way, times, alone):
  """`times`: [(seconds waited for the batch, seconds of the step)]."""
  waited, step = zip(*times, strict=True)
  whole = [sum(pair) for pair in times]
  return {
    "clips from": way, "median step s": statistics.median(step),
    "median wait s": statistics.median(waited), "longest wait s": max(waited),
    "share waited": sum(waited) / sum(whole), "times one batch": statistics.median(whole) / alone,
  }  # fmt: skip


def _config(folder, settings, cache_gib):
  config = registry.get("nla_slr").config("wlasl")
  config.update_from_flattened_dict({
    "data.name": _Builder.name, "data.data_dir": str(folder), "data.videos": str(folder),
    "data.size_stored": _SIDE, "data.size": settings["size"], "data.frames": settings["frames"],
    "data.cache_gib": cache_gib, "data.linear_baseline": False,
    "model.modalities": "video", "model.lengths": "long", "model.width": settings["network_width"],
    "model.smoothing": "uniform", "model.inter_mixup": False,
    "batch_size": settings["batch_size"], "epochs": 0, "steps": 1000,
  })
  return config


def _measured(folder, settings):
  """{way: [(seconds waited for a batch, seconds of its step)]}; all ways take the same steps."""
  config = _config(folder, settings, cache_gib=0.0)
  task = run_task.make(config)
  cached = run_task.make(_config(folder, settings, cache_gib=64.0)).reader
  for number in range(cached.size("train")):
    cached.split("train").read(number)  # fills the cache
  trainer = Trainer(task, config)
  with contextlib.closing(task.train_batches(0)) as batches:
    one = trainer.place(next(batches))
  state = trainer.create()
  ways = {
    "one batch, kept on the device": lambda: _Endless(one),
    "videos, decoded": lambda: task.train_batches(0),
    "host memory": lambda: cached.train_batches(0),
  }
  found = {}
  for way, make in ways.items():
    with contextlib.closing(make()) as batches:
      state, found[way] = _steps(trainer, state, batches, settings["batches"])
  return found


class _Endless:
  """The same batch for ever."""

  def __init__(self, batch):
    self._batch = batch

  def __iter__(self):
    return self

  def __next__(self):
    return self._batch

  def close(self):
    """Nothing is to be ended."""


def _steps(trainer, state, batches, count):
  """(state, [(seconds waited, seconds of the step)] of `count` steps)."""
  times, batches = [], prefetch.to_devices(batches, trainer.place)
  for _ in tqdm(range(_SKIPPED + count), unit="step"):
    start = time.perf_counter()
    batch = next(batches)
    begun = time.perf_counter()
    state, metrics = trainer.step(state, batch)
    jax.block_until_ready(metrics["loss"])
    times.append((begun - start, time.perf_counter() - begun))
  return state, times[_SKIPPED:]


def _build(folder, examples):
  for number in tqdm(range(examples), "videos", unit="video"):
    _write_video(folder / f"{number}.mp4", number)
  builder = _Builder(data_dir=str(folder))
  builder.examples = examples
  tfds.disable_progress_bar()
  with contextlib.redirect_stdout(io.StringIO()):
    builder.download_and_prepare()


def _write_video(path, seed):
  """Smooth noise that drifts, about as hard to decode as a video of a person."""
  coarse = np.random.default_rng(seed).integers(0, 255, (32, 32, 3), np.uint8)
  picture = av.VideoFrame.from_ndarray(coarse, format="rgb24")
  picture = picture.reformat(_SIDE, _SIDE, interpolation="BILINEAR").to_ndarray(format="rgb24")
  with av.open(str(path), "w") as container:
    stream = container.add_stream("mpeg4", rate=25)
    stream.width, stream.height, stream.pix_fmt = _SIDE, _SIDE, "yuv420p"
    for number in range(_FRAMES):
      frame = av.VideoFrame.from_ndarray(np.roll(picture, 2 * number, 1), format="rgb24")
      container.mux(stream.encode(frame))
    container.mux(stream.encode())
