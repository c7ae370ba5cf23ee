"""Computes the optical flow of videos, once: a folder of pictures for each.

  python -m data_builders.flow --videos DIR --out DIR/flow

Every video file and every folder of pictures below --videos gets OUT/<its path>/000000.png,
000001.png and so on, one for each frame: the flow from it to the next frame by OpenCV's DIS, the
last one again. --out may lie in --videos. The same command resumes: what is there is kept.
`--shard 1/4` does every fourth video; four such commands may share one --out.

Needs OpenCV: `pip install -e '.[flow]'` in the checkout.
"""

import argparse
import os
import pathlib
import secrets
import shutil
import sys
from typing import NamedTuple

from PIL import Image
from tqdm import tqdm

from data_builders.attachments import flow_pictures
from sign_jax.data import flow_encoding, shards
from sign_jax.errors import UserError, one_sentence, printable
from sign_jax.files import existing_folder, path_argument
from sign_jax.video import flow, frames
from sign_jax.video import tree as video_tree

_SLACK = 2  # frames by which the header of a video file may be wrong
_SHOWN = 100  # frames of a long video, after which the bar moves


class Summary(NamedTuple):
  """What became of the videos."""

  done: dict[str, int]  # path -> number of frames
  skipped: list[str]  # were there already
  failed: dict[str, str]  # path -> reason


def main(argv=None):
  """The command; exits with 1, after doing the others, when a video cannot be read."""
  args = _parse(argv)
  with one_sentence():
    settings = _settings(args)
    videos = existing_folder(args.videos, "--videos", "pass the folder of the videos")
    tree = video_tree.walk(videos, (*_to_skip(videos, args.out), *_of_flow(videos)))
    names = sorted([*tree.files, *tree.folders])
    if not names:
      raise UserError(f"there are no videos in {videos} ({tree.left_out.text() or 'it is empty'})")
    mine = shards.take(names, args.shard)
    summary = compute(videos, mine, args.out, settings, _parents(names))
  _print(summary, len(names) - len(mine))
  for level, text in (("note", tree.left_out.text()), ("error", tree.left_out.warning())):
    if text:
      print(f"{level}: {printable(text)}", file=sys.stderr)
  if summary.failed or tree.left_out.videos:
    sys.exit(1)


def compute(videos, names, out, settings, parents=()):
  """Computes the flow of videos and writes their pictures.

  Args:
    videos: folder of the videos.
    names: paths of video files and folders of pictures in it.
    out: folder that receives a folder of pictures for each, under the same path.
    settings: `flow_pictures.Settings`; noted in `out`.
    parents: folders that other videos lie in, whichever shard does these.

  Returns:
    `Summary`; a video that cannot be read is in `failed` and does not stop the others.

  Raises:
    UserError: `out` holds flow of other settings.
  """
  flow_pictures.check_note(out, settings)
  summary = Summary({}, [], {})
  with tqdm(names, "flow", unit="video", mininterval=0.5) as bar:
    for name in bar:
      try:
        if name in parents:
          raise UserError("other videos lie in it, move its pictures or those into another folder")
        if _is_complete(videos / name, out / name):
          summary.skipped.append(name)
        else:
          summary.done[name] = _write(videos / name, out / name, settings, bar)
      except UserError as error:
        summary.failed[name] = str(error)
      except PermissionError as error:
        summary.failed[name] = f"{error.strerror}: {error.filename}"
  return summary


def _settings(args):
  if args.encoding != "uvm" and args.range is not None:
    raise UserError(f"--range is of --encoding uvm, leave it out for {args.encoding}")
  largest = flow_encoding.RANGE if args.range is None else args.range
  for option, value in (("--range", largest), ("--size", args.size)):
    if value is not None and not 0 < value < 1e5:
      raise UserError(f"{option} {value} is no number of pixels above 0, correct it")
  largest = largest if args.encoding == "uvm" else None
  return flow_pictures.Settings(args.encoding, largest, args.size, flow.version())


def _to_skip(videos, out):
  """The path of `out` in the folder of the videos, where it lies there."""
  inside = os.path.relpath(out.resolve(), videos.resolve())
  if inside == ".":
    raise UserError("--out is the folder of the videos itself: pass one in it or elsewhere")
  return (pathlib.PurePath(inside).as_posix(),)


def _of_flow(videos):
  """Folders of flow that lie among the videos, made at another time."""
  notes = (path.parent for path in videos.glob(f"**/{flow_pictures.NOTE}"))
  return tuple(path.relative_to(videos).as_posix() for path in notes if path != videos)


def _parents(names):
  return {str(parent) for name in names for parent in pathlib.PurePosixPath(name).parents}


def _is_complete(video, folder):
  """Whether a folder has the right number of pictures: it was written whole."""
  there, wanted = flow_pictures.count(folder), frames.probe(video).num_frames
  if video.is_dir() or not there:
    return there == wanted > 0
  return not wanted or abs(there - wanted) <= _SLACK


def _write(video, folder, settings, bar):
  """Writes the pictures of a video, all or none; returns their number."""
  folder.parent.mkdir(parents=True, exist_ok=True)
  # Hidden, so that nobody takes it for a video's.
  partial = folder.with_name(f".{secrets.token_hex(8)}.partial")
  partial.mkdir()
  largest, count = settings.range or flow_encoding.RANGE, 0
  try:
    for field in flow.stream(frames.read_frames(video)):
      picture = flow_encoding.encode(field, settings.encoding, largest)
      if settings.size:
        picture = flow_encoding.resized(picture, settings.size)
      Image.fromarray(picture).save(partial / flow_pictures.PICTURE.format(count))
      count += 1
      if count % _SHOWN == 0:
        bar.set_postfix(frames=count)
    if _is_complete(video, folder):  # another process was quicker, and its pictures may be in use
      return count
    _make_way(folder)
    try:
      os.rename(partial, folder)
    except OSError:
      if not folder.is_dir():  # else another process was quicker
        raise
    return count
  finally:
    shutil.rmtree(partial, ignore_errors=True)


def _make_way(folder):
  """Removes what a video of another length has left, where that is all there is."""
  if not folder.is_dir():
    return
  others = [path.name for path in folder.iterdir() if not flow_pictures.is_ours(path.name)]
  if others:
    raise UserError(f"{folder} holds {printable(others[0])}, which is no flow: use another --out")
  shutil.rmtree(folder)


def _parse(argv):
  parser = argparse.ArgumentParser(
      prog="python -m data_builders.flow", description="Computes the optical flow of videos."
  )
  parser.add_argument("--videos", required=True, type=path_argument,
                      help="folder of video files and folders of pictures")  # fmt: skip
  parser.add_argument("--out", required=True, type=path_argument,
                      help="folder that receives a folder of pictures for each video")  # fmt: skip
  parser.add_argument("--encoding", choices=tuple(flow_encoding.ENCODINGS), default="uvm",
                      help="uvm: motion along x, along y, length; wheel: colour wheel")  # fmt: skip
  parser.add_argument("--range", type=float, metavar="PIXELS",
                      help="motion that fills the scale of uvm (default: "
                      f"{flow_encoding.RANGE:g})")  # fmt: skip
  parser.add_argument("--size", type=int, metavar="S", help="resize the pictures to S x S")
  parser.add_argument("--shard", default="", metavar="K/N", help="do one part of N, such as 2/4")
  return parser.parse_args(argv)


def _print(summary, elsewhere):
  rows = {
      "done": len(summary.done), "frames": sum(summary.done.values()),
      "skipped (already there)": len(summary.skipped), "failed": len(summary.failed),
      **({"left to other shards": elsewhere} if elsewhere else {}),
  }  # fmt: skip
  for what, number in rows.items():
    print(f"{what:<24}{number:>8}")
  for name, reason in summary.failed.items():
    print(f"  {printable(name)}: {printable(reason)}")


if __name__ == "__main__":
  main()
