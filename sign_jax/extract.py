"""Computes sign features of videos, one .npz file per video or clip.

  python -m sign_jax.extract --videos DIR --out DIR --weights FILE --stride N [--csv FILE]

An I3D turns each window of 16 frames into one vector. The same command with the same --out resumes:
complete files are kept. --weights is a file of yours, e.g. BSL-5K's `bsl5k.pth.tar`, a file of
`sign_jax.export`, or the --workdir of a training run. `--shard 2/4` does every fourth clip, from
the second one; four such commands may share one --out.

  python -m sign_jax.extract --features DIR --out DIR --weights RUN

An encoder on features (configs/feature_encoder.py) reads the .npz files of another encoder instead.
--recognized DIR also writes the sign that the encoder sees in each window, and its probability.
"""

import argparse
import sys
from typing import NamedTuple

from tqdm import tqdm

from sign_jax import errors
from sign_jax.data import feature_files, recognized_files, shards
from sign_jax.data.feature_files import FeatureFile
from sign_jax.encoder import clips, reencode
from sign_jax.encoder import weights as encoder_weights
from sign_jax.encoder import windows as encoder_windows
from sign_jax.encoder.feature_encoder import FeatureEncoder
from sign_jax.errors import UserError
from sign_jax.files import existing_folder, path_argument
from sign_jax.run import compile_cache, host_memory, trained
from sign_jax.video import frames

_A_RUN = "pass the --workdir of a run of configs/feature_encoder.py"


class Settings(NamedTuple):
  """What all files of a folder share."""

  weights: str  # fingerprint
  stride: int
  preparation: str


class Summary(NamedTuple):
  """What became of the clips."""

  done: list[str]
  skipped: list[str]  # were there already
  failed: dict[str, str]  # name -> reason
  notes: dict[str, dict[str, str]]  # name -> what was unusual, see `frames.timed_frames`


def main(argv=None):
  """The command; exits with 1, after doing the others, when a video is missing or unreadable.

  So it does when something that looks like a video was left out.
  """
  args = _parse(argv)
  with errors.one_sentence():
    compile_cache.enable()
    if args.features:
      _extract_from_features(args)
      return
    found = clips.find(args.videos, args.csv)
    jobs = shards.take(found.clips, args.shard)
    source = encoder_weights.find(args)
    read = embedding_and_best if args.recognized else encoder_windows.embedding
    summary = extract(
      jobs, args.out, lambda: source.encoder(args.batch_size, read), source.fingerprint,
      args.stride, args.overwrite, args.preparation, args.recognized,
    )  # fmt: skip
  _print(summary, len(found.clips) - len(jobs))
  clips.tell(found, summary.notes)
  if summary.failed or found.warning:
    sys.exit(1)


def _extract_from_features(args):
  jobs = reencode.find(args.features)
  mine = shards.take(jobs, args.shard)
  encoder = FeatureEncoder(trained.load(existing_folder(args.weights or "", "--weights", _A_RUN)))
  encoded = reencode.encode(mine, encoder, args.out, args.recognized, args.overwrite)
  summary = Summary([], [], {}, {})
  for job, state, reason in tqdm(encoded, total=len(mine), unit="video", mininterval=1):
    if state == "failed":
      summary.failed[job.name] = str(reason)
    else:
      (summary.done if state == "done" else summary.skipped).append(job.name)
  _print(summary, len(jobs) - len(mine))
  if summary.failed:
    sys.exit(1)


def embedding_and_best(out):
  """{"embedding": (n, D), "label": (n,) int, "score": (n,)} of what an encoder's model returns."""
  label, score = encoder_windows.best_class(out)
  return {"embedding": encoder_windows.embedding(out), "label": label, "score": score}


def extract(
  jobs, out, load, weights, stride, overwrite=False, preparation=frames.EXACT, recognized=None
):
  """Extracts the features of clips and writes one file each.

  Args:
    jobs: [`clips.Clip`].
    out: folder of the results, see `feature_files.path_of`.
    load: function without arguments that gives a `windows.Encoder`; called if there is work.
    weights: fingerprint of the encoder's weights.
    stride: frames from one window to the next.
    overwrite: do also what is there already.
    preparation: name of the encoder's, for the files.
    recognized: folder that receives `recognized_files` of an encoder that reads
      `embedding_and_best`; None for one that reads `windows.embedding`.

  Returns:
    `Summary`; a video that cannot be read is in `failed` and does not stop the others. A result of
    another part of a video than the clip is now is made anew.

  Raises:
    UserError: an output exists that was made with other weights, another stride or preparation.
  """
  paths = {job: feature_files.path_of(out, job.name) for job in jobs}
  settings = Settings(weights, stride, preparation)
  there = set() if overwrite else _complete(paths, settings, recognized)
  todo = [job for job in jobs if job not in there]
  summary = Summary([], [job.name for job in jobs if job in there], {}, {})
  if not todo:
    return summary
  with tqdm(total=len(jobs), initial=len(there), unit="video", mininterval=1) as bar:
    for windows, result in encoder_windows.encode_videos(todo, load(), stride):
      bar.set_postfix(windows=windows, refresh=False)
      if result is None:
        continue
      name = result.job.name
      try:
        _write(paths[result.job], result, settings, recognized)
        summary.done.append(name)
        if result.notes:
          summary.notes[name] = result.notes
      except UserError as reason:
        summary.failed[name] = str(reason)
      bar.update()
  return summary


def _write(path, result, settings, recognized):
  if result.error:
    raise result.error
  fps, feature = frames.probe(result.job.path).fps, result.outputs
  if recognized:
    signs = recognized_files.Recognized(feature["label"], feature["score"], settings.weights)
    recognized_files.write(recognized_files.path_of(recognized, result.job.name), signs)
    feature = feature["embedding"]
  # Last: where it is, all of the clip is.
  content = FeatureFile(
    feature, len(result.seconds), fps, part=result.job.part, **settings._asdict()
  )
  feature_files.write(path, content)


def _parse(argv):
  parser = argparse.ArgumentParser(
    prog="python -m sign_jax.extract", description="Computes sign features of videos by an I3D."
  )
  parser.add_argument("--out", required=True, type=path_argument,
                      help="folder that receives one .npz per clip")  # fmt: skip
  parser.add_argument("--overwrite", action="store_true", help="compute existing files again")
  parser.add_argument("--features", type=path_argument,
                      help="folder of feature files that an encoder on features reads")  # fmt: skip
  parser.add_argument("--recognized", type=path_argument,
                      help="folder that receives the sign seen in each window")  # fmt: skip
  encoder_weights.add_arguments(parser, need_videos=False)
  args = parser.parse_args(argv)
  if (args.videos is None) == (args.features is None):
    parser.error("pass --videos or --features")
  return args


def _complete(paths, settings, recognized):
  """The clips of {clip: path} whose results are there."""
  found = {job: path for job, path in paths.items() if path.exists()}
  bar = tqdm(found.items(), "looking at what is there", unit="video", mininterval=1, leave=False)
  return {
    job for job, path in bar
    if _is_complete(path, job, settings) and _is_recognized(recognized, job)
  }  # fmt: skip


def _is_recognized(folder, job):
  """Whether the signs of a clip are there, where they are wanted."""
  if not folder:
    return True
  path = recognized_files.path_of(folder, job.name)
  if not path.exists():  # whose error would look for those like it
    return False
  try:
    recognized_files.read(path)
  except UserError:
    return False
  return True


def _is_complete(path, job, settings):
  try:
    content = feature_files.read(path)
  except UserError:  # cut short by a crash: do it again
    return False
  if Settings(content.weights, content.stride, content.preparation) != settings:
    raise UserError(
      f"{path} was made with other settings (weights {content.weights[:20]}, stride "
      f"{content.stride}, preparation {content.preparation[:20]}), use another --out or pass "
      "--overwrite"
    )
  if content.part not in ("", job.part):  # the table has other times for it now
    return False
  return len(content.feature) == frames.num_windows(content.num_frames, settings.stride)


def _print(summary, elsewhere):
  print(f"{'done':<24}{len(summary.done):>6}")
  print(f"{'skipped (already there)':<24}{len(summary.skipped):>6}")
  print(f"{'failed':<24}{len(summary.failed):>6}")
  if elsewhere:
    print(f"{'left to other shards':<24}{elsewhere:>6}")
  for name, reason in summary.failed.items():
    print(f"  {errors.printable(name)}: {errors.printable(reason)}")


if __name__ == "__main__":
  host_memory.keep_freed()
  main()
