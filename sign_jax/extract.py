"""Videos -> sign features, one .npz per video.

  python -m sign_jax.extract --videos DIR --out DIR --weights FILE --stride N [--csv FILE]

An I3D reads sliding windows of 16 frames, one 1024-vector each. The same command in the same --out
resumes: files that are complete stay. Weights are a user's file, e.g. BSL-5K's `bsl5k.pth.tar`.
"""

import argparse
import hashlib
import itertools
import pathlib
import sys
from concurrent import futures
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from sign_jax import errors, sign_encoder
from sign_jax.data import csv_table, feature_files, video
from sign_jax.data.feature_files import FeatureFile
from sign_jax.errors import UserError
from sign_jax.weights.tables import i3d as i3d_table


class Job(NamedTuple):
  """One video to extract."""

  name: str  # relative to the folder of the videos
  path: pathlib.Path
  output: pathlib.Path


class Summary(NamedTuple):
  """What became of the videos."""

  done: list[str]
  skipped: list[str]  # were there already
  failed: dict[str, str]  # name -> reason


def main(argv=None):
  """The command; exits with 1 when a video is missing or unreadable, after doing the others."""
  args = _parse(argv)
  with errors.one_sentence():
    jobs = find_jobs(args.videos, args.out, args.csv)
    weights = _fingerprint(args)
    summary = extract(jobs, lambda: _load(args), weights, args.stride, args.overwrite)
  _print(summary)
  if summary.failed:
    sys.exit(1)


def find_jobs(videos, out, csv=None):
  """Lists the videos of a folder and its subfolders, or exactly those of a table.

  Args:
    videos: folder.
    out: folder of the results.
    csv: table with a column `video`: paths relative to `videos`; these need not exist.

  Returns:
    [`Job`], in the order of the table, or sorted.

  Raises:
    UserError: no such folder, no videos in it, or two videos that differ in the extension only.
  """
  videos = pathlib.Path(videos)
  if not videos.is_dir():
    raise UserError(f"there is no folder {videos}, pass --videos the folder of the videos")
  names = _listed(csv) if csv else _found(videos)
  if not names:
    kinds = ", ".join(video.EXTENSIONS)
    raise UserError(f"there are no videos in {csv or videos}, their names must end in {kinds}")
  jobs = [Job(name, videos / name, feature_files.path_of(out, name)) for name in names]
  owners = {}
  for job in jobs:
    other = owners.setdefault(job.output, job)
    if other is not job:
      raise UserError(f"{other.name} and {job.name} would both become {job.output}, rename one")
  return jobs


def extract(jobs, load, weights, stride, overwrite=False):
  """Extracts the features of videos and writes one file each.

  Args:
    jobs: [`Job`].
    load: function without arguments that gives a `sign_encoder.Encoder`; called if there is work.
    weights: fingerprint of the encoder's weights.
    stride: frames from one window to the next.
    overwrite: do also what is there already.

  Returns:
    `Summary`; a video that cannot be read is in `failed` and does not stop the others.

  Raises:
    UserError: an output exists that was made with other weights or another stride.
  """
  there = {job for job in jobs if not overwrite and _is_complete(job, weights, stride)}
  todo = [job for job in jobs if job not in there]
  summary = Summary([], [job.name for job in jobs if job in there], {})
  if not todo:
    return summary
  encoder = load()
  with tqdm(total=len(jobs), initial=len(summary.skipped), unit="video", mininterval=1) as bar:
    features, windows_done = [], 0
    for job, windows, num_frames, error in _prefetch(_batches(todo, stride, encoder.batch_size)):
      if windows is not None:
        features.append(encoder.encode(windows))
        windows_done += len(windows)
        bar.set_postfix(windows=windows_done)
        continue
      try:
        if error:
          raise error
        fps = video.probe(job.path).fps
        content = FeatureFile(np.concatenate(features), num_frames, fps, stride, weights)
        feature_files.write(job.output, content)
        summary.done.append(job.name)
      except UserError as reason:
        summary.failed[job.name] = str(reason)
      features = []
      bar.update()
  return summary


def _parse(argv):
  parser = argparse.ArgumentParser(
    prog="python -m sign_jax.extract", description="Videos to sign features (I3D)."
  )
  add = parser.add_argument
  add("--videos", required=True, help="folder of the videos; its subfolders are searched too")
  add("--out", required=True, help="folder that receives one .npz per video")
  add("--weights", help="I3D weights: .pt, .pth, .pth.tar, .bin, .safetensors or .npz")
  add("--random_weights", action="store_true", help="seeded random weights, to test the path only")
  add("--seed", type=int, default=0, help="of the random weights")
  add("--stride", type=_positive, default=1, help="frames from one window to the next")
  add("--batch_size", type=_positive, default=8, help="windows that the encoder reads at once")
  add("--csv", help="table whose column `video` names the videos to extract")
  add("--overwrite", action="store_true", help="redo what is there already")
  return parser.parse_args(argv)


def _positive(text):
  number = int(text)
  if number < 1:
    raise argparse.ArgumentTypeError("must be at least 1")
  return number


def _fingerprint(args):
  if args.random_weights and args.weights:
    raise UserError("pass --weights or --random_weights, not both")
  if args.random_weights:
    return f"random:{args.seed}"
  if not args.weights:
    raise UserError(
      "weights are a file of yours, pass --weights FILE, or --random_weights for seeded random "
      "ones that are only good to test the path"
    )
  path = pathlib.Path(args.weights)
  if not path.is_file():
    raise UserError(f"there is no weights file {path}, pass the path of one")
  with path.open("rb") as file:
    return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _load(args):
  if args.random_weights:
    print("random weights: these features test the path and mean nothing", file=sys.stderr)
    model, variables = sign_encoder.random(args.seed)
  else:
    model, variables = i3d_table.load(args.weights)
  return sign_encoder.make_encoder(model, variables, args.batch_size)


def _found(videos):
  files = (path for path in videos.rglob("*") if path.suffix.lower() in video.EXTENSIONS)
  return sorted(path.relative_to(videos).as_posix() for path in files if path.is_file())


def _listed(csv):
  names = {}
  for line, row in csv_table.read(csv, ["video"]):
    csv_table.check_inside(row["video"], f"{csv}, line {line}")
    names[row["video"]] = None
  return list(names)


def _is_complete(job, weights, stride):
  if not job.output.exists():
    return False
  try:
    content = feature_files.read(job.output)
  except UserError:  # cut short by a crash: do it again
    return False
  if (content.weights, content.stride) != (weights, stride):
    raise UserError(
      f"{job.output} was made with other settings (weights {content.weights[:20]}, stride "
      f"{content.stride}), use another --out or pass --overwrite"
    )
  return len(content.feature) == video.num_windows(content.num_frames, stride)


def _batches(jobs, stride, batch_size):
  # Yields (job, windows, None, None) any number of times, then (job, None, num_frames, error).
  for job in jobs:
    num_frames, error = 0, None
    try:
      windows = video.read_windows(job.path, stride)
      while batch := list(itertools.islice(windows, batch_size)):
        num_frames = batch[-1][1]
        yield job, np.stack([window for window, _ in batch]), None, None
    except video.VideoError as reason:
      error = reason
    yield job, None, num_frames, error


def _prefetch(iterator):
  # Makes the next item in another thread while the caller works on this one.
  end = object()
  with futures.ThreadPoolExecutor(1) as pool:
    future = pool.submit(next, iterator, end)
    while (item := future.result()) is not end:
      future = pool.submit(next, iterator, end)
      yield item


def _print(summary):
  print(f"{'done':<24}{len(summary.done):>6}")
  print(f"{'skipped (already there)':<24}{len(summary.skipped):>6}")
  print(f"{'failed':<24}{len(summary.failed):>6}")
  for name, reason in summary.failed.items():
    print(f"  {name}: {reason}")


if __name__ == "__main__":
  main()
