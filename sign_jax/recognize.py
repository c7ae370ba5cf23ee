"""Names the signs in videos: the most probable ones, or the glosses of a sentence with their times.

    python -m sign_jax.recognize --workdir runs/nla_slr video.mp4 [--keypoints video.pose]
    python -m sign_jax.recognize --workdir runs/signvtcl video.mp4 --keypoints video.pose --vtt out

--workdir is the folder of a training run, a folder of `sign_jax.export --format hub`, or a file of
weights. NLA-SLR names the one sign of a clip, and reads keypoints of its frames beside it unless it
was trained on videos alone; a sign encoder names the sign of every window of 16 frames. SignVTCL
names the glosses of a video of any length, one after the other; --vtt writes them as subtitles, and
--flow passes optical flow that is computed already. --json FILE writes the same for programs, to
the standard output where FILE is "-".
"""

import argparse
import json
import sys

from sign_jax.api import loading
from sign_jax.data.annotations import subtitles
from sign_jax.errors import UserError, one_sentence, printable
from sign_jax.files import path_argument, replacing
from sign_jax.run import compile_cache, host_memory
from sign_jax.train.report import write_json

_LONGEST_NAME = 40
_TOP = 5
_VTT = ".vtt"


def main(argv=None):
  """The command; exits with 1, after doing the others, when a video cannot be read."""
  args = _parse(argv)
  with one_sentence():
    given = {name: getattr(args, name) for name in ("keypoints", "flow")}
    for name, files in given.items():
      if files and len(files) != len(args.videos):
        raise UserError(
            f"--{name} names {len(files)} files for {len(args.videos)} videos: pass one for each, "
            "in their order"
        )
    places = _subtitles(args.vtt, args.videos)
    compile_cache.enable()
    model = loading.load(args.workdir)
    _check_options(model, args)
    rows = [files or [None] * len(args.videos) for files in given.values()]
    found = []
    for video, keypoints, flow, place in zip(args.videos, *rows, places, strict=True):
      found.append(named(model, video, keypoints, args.top or _TOP, flow))
      _write(found, args.json, place)  # after each: what is done is there, whatever comes later
    if str(args.json) == "-":
      print(json.dumps(found, indent=2))
    elif args.json:
      print(f"wrote {args.json}")
  if any("error" in entry for entry in found):
    sys.exit(1)


def _parse(argv):
  parser = argparse.ArgumentParser(
      prog="python -m sign_jax.recognize", description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter,
  )  # fmt: skip
  parser.add_argument("videos", nargs="+", type=path_argument, metavar="VIDEO",
                      help="video file, or folder of pictures")  # fmt: skip
  parser.add_argument("--workdir", required=True, type=path_argument,
                      help="folder of the run, or a file of weights")  # fmt: skip
  parser.add_argument("--keypoints", nargs="+", type=path_argument, metavar="FILE",
                      help="for each video: .pose, .pkl, .npz, or a folder of OpenPose's JSON")
  parser.add_argument("--flow", nargs="+", type=path_argument, metavar="FOLDER",
                      help="for each video: pictures of its optical flow (default: computed, for "
                      "models that read it)")  # fmt: skip
  parser.add_argument("--top", type=int,
                      help=f"how many signs are named, of a clip or a window (default: {_TOP})")
  parser.add_argument("--vtt", type=path_argument, metavar="FILE",
                      help="subtitles of a sentence's glosses; or a folder, for NAME.vtt of each "
                      "video")  # fmt: skip
  parser.add_argument("--json", type=path_argument, metavar="FILE",
                      help="file for the results; - is the standard output")  # fmt: skip
  return parser.parse_args(argv)


def _check_options(model, args):
  """Raises UserError where an option is not for this kind of model."""
  for name in ("keypoints", "flow"):
    if getattr(args, name) and name not in getattr(model, "fields", ()):
      raise UserError(f"this model reads no {name}: leave --{name} out")
  is_sentences = _reads_sentences(model)
  if args.vtt and not is_sentences:
    raise UserError("--vtt is for models of continuous recognition: leave it out")
  if args.top and is_sentences:
    raise UserError("this model names one sequence of glosses: leave --top out")


def _reads_sentences(model):
  return model.trained.system.task == "continuous"


def _subtitles(path, videos):
  """The file of subtitles for each video, None where none is asked for.

  Raises:
    UserError: two videos would have the same one.
  """
  if not path:
    return [None] * len(videos)
  if path.suffix == _VTT and not path.is_dir():
    if len(videos) > 1:
      raise UserError(f"--vtt {path} is one file for {len(videos)} videos: pass a folder")
    return [path]
  found = [path / f"{_stem(video)}{_VTT}" for video in videos]
  twice = [place for place in found if found.count(place) > 1]
  if twice:
    raise UserError(f"two videos would have the subtitles {twice[0]}: name them one at a time")
  return found


def _stem(video):
  return video.name if video.is_dir() else video.stem


def named(model, video, keypoints, top, flow=None):
  """What is found in one video, as JSON values.

  Args:
    model: what `api.loading.load` gives, of a system that recognises.
    video: pathlib.Path.
    keypoints: pathlib.Path, or None.
    top: how many signs are named.
    flow: pathlib.Path, or None.

  Returns:
    {"video": str} and "signs", "windows" of a sign encoder, "glosses" and "log_probability" of a
    model that reads sentences, or "error".
  """
  given = {"keypoints": keypoints, "flow": flow}
  options = {name: path for name, path in given.items() if path is not None}
  try:
    if _reads_sentences(model):
      return {"video": str(video), **_sentence(model.recognize(video, **options))}
    found = model.recognize(video, top, **options)
  except UserError as error:
    print(f"error: {printable(error)}", file=sys.stderr)
    return {"video": str(video), "error": str(error)}
  rows = [
      [
          {"gloss": gloss, "class": int(number), "probability": round(float(share), 6)}
          for gloss, number, share in zip(*row, strict=True)
      ]
      for row in zip(found.labels, found.classes, found.probabilities, strict=True)
  ]
  if found.seconds is None:
    return {"video": str(video), "signs": rows[0]}
  windows = [
      {"seconds": float(seconds), "signs": signs}
      for seconds, signs in zip(found.seconds, rows, strict=True)
  ]
  return {"video": str(video), "windows": windows}


def _sentence(found):
  glosses = [
      {
          "gloss": gloss, "class": int(number), "seconds": [round(float(x), 3) for x in seconds],
          "frames": [int(x) for x in frames],
      }
      for gloss, number, seconds, frames in zip(
          found.glosses, found.classes, found.seconds, found.frames, strict=True
      )
  ]
  return {"glosses": glosses, "log_probability": found.log_probability}


def _write(found, path, place):
  """Writes all that was found, and of the last video its subtitles and its table.

  Args:
    found: [what `named` returns].
    path: of the JSON file; "-" is the standard output, where it comes last and alone.
    place: of the subtitles; None for none.
  """
  latest = found[-1]
  is_written = place and "error" not in latest
  if is_written:
    _write_subtitles(latest["glosses"], place)
  if str(path) == "-":
    return
  if path:
    write_json(path, found)
  print("\n".join(lines(latest)))
  if is_written:
    print(f"wrote {place}")


def _write_subtitles(glosses, path):
  cues = [(*gloss["seconds"], gloss["gloss"]) for gloss in glosses]
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
      partial.write_text(subtitles.vtt(cues), encoding="utf-8")
  except OSError as error:
    raise UserError(f"--vtt: {path} cannot be written ({error.strerror})") from error


def lines(entry):
  """The table of one video, of what `named` returns; yields its lines."""
  yield printable(entry["video"])
  if "error" in entry:
    yield "  cannot be read"
  if "glosses" in entry and not entry["glosses"]:
    yield "  no gloss"
  for sign in entry.get("glosses", []):
    begin, end = sign["seconds"]
    yield f"  {begin:8.2f} to {end:8.2f} seconds  {printable(sign['gloss'], _LONGEST_NAME)}"
  windows = entry.get("windows", [{"signs": entry["signs"]}] if "signs" in entry else [])
  for window in windows:
    if "seconds" in window:
      yield f"  from {window['seconds']:.2f} seconds"
    for rank, sign in enumerate(window["signs"], 1):
      name = printable(sign["gloss"], _LONGEST_NAME)
      yield f"  {rank:2}  {name:{_LONGEST_NAME}} {100 * sign['probability']:5.1f} %"


if __name__ == "__main__":
  host_memory.keep_freed()
  main()
