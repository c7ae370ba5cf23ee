"""Names the signs in videos: the most probable ones, with their probabilities.

    python -m sign_jax.recognize --workdir runs/nla_slr video.mp4 [--keypoints video.pose]

--workdir is the folder of a training run, a folder of `sign_jax.export --format hub`, or a file of
weights. NLA-SLR names the one sign of a clip, and reads keypoints of its frames beside it unless it
was trained on videos alone; a sign encoder names the sign of every window of 16 frames. --json FILE
writes the same for programs, to the standard output where FILE is "-".
"""

import argparse
import json
import sys

from sign_jax.api import loading
from sign_jax.errors import UserError, one_sentence, printable
from sign_jax.files import path_argument
from sign_jax.run import compile_cache, host_memory
from sign_jax.train.report import write_json

_LONGEST_NAME = 40


def main(argv=None):
  """The command; exits with 1, after doing the others, when a video cannot be read."""
  args = _parse(argv)
  with one_sentence():
    if args.keypoints and len(args.keypoints) != len(args.videos):
      raise UserError(
          f"--keypoints names {len(args.keypoints)} files for {len(args.videos)} videos: pass one "
          "for each, in their order"
      )
    compile_cache.enable()
    model = loading.load(args.workdir)
    if args.keypoints and "keypoints" not in getattr(model, "fields", ()):
      raise UserError("this model reads no keypoints: leave --keypoints out")
    found = [
        named(model, video, keypoints, args.top)
        for video, keypoints in zip(
            args.videos, args.keypoints or [None] * len(args.videos), strict=True
        )
    ]
    _write(found, args.json)
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
  parser.add_argument("--top", type=int, default=5, help="how many signs are named")
  parser.add_argument("--json", type=path_argument, metavar="FILE",
                      help="file for the results; - is the standard output")  # fmt: skip
  return parser.parse_args(argv)


def named(model, video, keypoints, top):
  """What is found in one video, as JSON values: "signs", "windows" of a sign encoder, or "error".

  Args:
    model: what `api.loading.load` gives, of a system that recognises.
    video: pathlib.Path.
    keypoints: pathlib.Path, or None.
    top: how many signs are named.
  """
  options = {} if keypoints is None else {"keypoints": keypoints}
  try:
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


def _write(found, path):
  if str(path) == "-":
    print(json.dumps(found, indent=2))
    return
  if path:
    write_json(path, found)
  for entry in found:
    print("\n".join(lines(entry)))
  if path:
    print(f"wrote {path}")


def lines(entry):
  """The table of one video, of what `named` returns; yields its lines."""
  yield printable(entry["video"])
  if "error" in entry:
    yield "  cannot be read"
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
