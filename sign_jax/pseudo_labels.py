"""Labels the videos of a corpus, to make a sign encoder domain-aware (CiCo).

  python -m sign_jax.pseudo_labels --videos DIR --csv FILE --weights FILE --out labels.csv

A domain-agnostic I3D classifies windows of 16 frames. Those whose largest probability exceeds
`--threshold` become labelled segments (`encoder.segments`). If the table has a column `split`, only
its training videos are read. The same command resumes. `--shard 2/4` does every fourth video,
from the second one; the last of the four commands to end writes the table.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
from tqdm import tqdm

from sign_jax import errors
from sign_jax.data import class_list, label_table, shards
from sign_jax.data.label_table import Label
from sign_jax.encoder import clips, segments
from sign_jax.encoder import weights as encoder_weights
from sign_jax.encoder import windows as encoder_windows
from sign_jax.errors import UserError
from sign_jax.files import path_argument
from sign_jax.run import compile_cache, host_memory
from sign_jax.video import frames


def main(argv=None):
  """The command; exits with 1, after doing the others, when a video is missing or unreadable.

  So it does when something that looks like a video was left out.
  """
  args = _parse(argv)
  with errors.one_sentence():
    compile_cache.enable()
    listed = clips.find(args.videos, args.csv)
    jobs = clips.training_clips(listed.clips)
    glosses = class_list.read(args.classes, "--classes") if args.classes else []
    source = encoder_weights.find(args)
    settings = {
      "weights": source.fingerprint, "stride": args.stride, "threshold": args.threshold,
      "near": args.near, "apart": args.apart, "extend": args.extend,
    }  # fmt: skip
    if args.preparation != frames.EXACT:  # progress of earlier versions does not say
      settings["preparation"] = args.preparation
    progress = Progress(args.out, settings, args.shard)
    load = lambda: source.encoder(args.batch_size, encoder_windows.best_class)
    label(shards.take(jobs, args.shard), load, settings, progress)
    done, failed = progress.read(jobs)
    missing = [job for job in jobs if job.name not in done and job.name not in failed]
    if not missing:
      found = [x for job in jobs if job.name in done for x in _labels(job, done[job.name], glosses)]
      label_table.write(args.out, found)
  _print(args, jobs, done, failed, missing)
  if others := len(listed.clips) - len(jobs):
    print(f"{others} videos of other splits are left out")
  # Entries of earlier versions have no notes.
  clips.tell(listed, {name: entry.get("notes", {}) for name, entry in done.items()})
  if failed or listed.warning:
    sys.exit(1)


def label(jobs, load, settings, progress):
  """Labels clips and notes them in `progress`.

  Args:
    jobs: [`clips.Clip`].
    load: function without arguments that gives an encoder that reads `windows.best_class`.
    settings: dict with stride, threshold, near, apart and extend, see `segments.select`.
    progress: `Progress`; what it holds already stays, but for clips that could not be read or
      have other times now.
  """
  done, _ = progress.read(jobs)
  todo = [job for job in jobs if job.name not in done]
  if not todo:
    return
  rules = {key: settings[key] for key in ("threshold", "near", "apart", "extend")}
  with tqdm(total=len(jobs), initial=len(jobs) - len(todo), unit="video", mininterval=1) as bar:
    for windows, result in encoder_windows.encode_videos(todo, load(), settings["stride"]):
      bar.set_postfix(windows=windows, refresh=False)
      if result is None:
        continue
      if result.error:
        progress.add(result.job, error=str(result.error))
      else:
        starts = frames.window_starts(len(result.seconds), settings["stride"])
        found = segments.select(starts, *result.outputs, **rules)
        timed = [_timed(x, result.seconds) for x in found]
        progress.add(result.job, windows=len(starts), segments=timed, notes=result.notes)
      bar.update()


_EARLIER = {"extend": "nearest"}  # what entries of earlier versions do not say


class Progress:
  """What has been labelled, one line a clip, in a file of each shard beside the table."""

  def __init__(self, out, settings, shard=""):
    """`out`: the table's path. Raises UserError when others were made with other settings."""
    self._folder = pathlib.Path(f"{out}.progress")
    self._settings = settings
    self._path = self._folder / f"{(shard or '1/1').replace('/', '_of_')}.jsonl"
    self.read([])

  def read(self, jobs):
    """What has become of clips, in all shards; a line cut short is left out.

    Args:
      jobs: [`clips.Clip`]; entries of other times of theirs do not count.

    Returns:
      {name: {"windows": count, "segments": [...], "notes": {...}}}, and {name: reason} of those
      that could not be read.

    Raises:
      UserError: an entry was made with other settings.
    """
    parts = {job.name: job.part for job in jobs}
    entries = [x for x in self._entries() if parts.get(x["name"]) == x["part"]]
    done = {entry["name"]: entry for entry in entries if "error" not in entry}
    failed = {x["name"]: x["error"] for x in entries if "error" in x and x["name"] not in done}
    return done, failed

  def _entries(self):
    for path in sorted(self._folder.glob("*.jsonl")):
      for line in path.read_text(errors="replace").splitlines():
        try:
          entry = json.loads(line)
          settings, _, _ = _EARLIER | entry["settings"], entry["name"], entry["part"]
        except (ValueError, KeyError, TypeError):
          continue
        if settings != self._settings:
          raise UserError(
            f"{path} was made with other settings ({settings}), use the same, or another --out, "
            f"or delete {self._folder}"
          )
        yield entry

  def add(self, job, **facts):
    """Notes a clip: its `windows`, `segments` and `notes`, or an `error`."""
    entry = {"name": job.name, "part": job.part, "settings": self._settings, **facts}
    self._folder.mkdir(parents=True, exist_ok=True)
    with self._path.open("a") as file:
      # First a line's end: what a kill has cut short must not swallow this one.
      file.write("\n" + json.dumps(entry) + "\n")


# Seconds that a table may have, whatever is rounded. Only with --extend first is one so long.
_LONGEST = label_table.MAX_SECONDS - 1e-3


def _timed(segment, seconds):
  # [start, end, class, score]; half a frame of room on both sides, whatever is rounded.
  half = min(np.diff(seconds), default=1 / 25) / 2
  last = min(segment.last + frames.WINDOW, len(seconds)) - 1
  start = max(seconds[segment.first] - half, 0.0)
  end = min(seconds[last] + half, start + _LONGEST)
  return [round(start, 6), round(end, 6), segment.label, round(segment.score, 6)]


def _labels(job, entry, glosses):
  for start, end, label, score in entry["segments"]:
    gloss = glosses[label] if label < len(glosses) else ""
    yield Label(job.video, start, end, label, score, gloss, job.box)


def _parse(argv):
  parser = argparse.ArgumentParser(
    prog="python -m sign_jax.pseudo_labels", description="Makes pseudo-labels to fine-tune an I3D."
  )
  add = parser.add_argument
  add("--out", required=True, type=path_argument, help="the CSV file to write")
  add("--threshold", type=float, default=0.6, help="a window's class must be more probable")
  add("--near", type=int, default=3, help="frames within which a window extends a kept one")
  add("--apart", type=int, default=24, help="frames within which it is dropped")
  add(
    "--extend", choices=segments.EXTEND, default="first",
    help="the segment that such a window extends: the nearest kept one's, or (as released) that "
    "of the best window of its class in the video",
  )  # fmt: skip
  add("--classes", type=path_argument, help="file of the encoder's classes, one name a line")
  encoder_weights.add_arguments(parser)
  return parser.parse_args(argv)


def _print(args, jobs, done, failed, missing):
  entries = [done[job.name] for job in jobs if job.name in done]
  labels = [segment[2] for entry in entries for segment in entry["segments"]]
  rows = {
    "videos": len(entries), "failed": len(failed), "windows": sum(e["windows"] for e in entries),
    "labels": len(labels), "classes": len(set(labels)),
  }  # fmt: skip
  for name, count in rows.items():
    print(f"{name:<12}{count:>10}")
  for name, reason in failed.items():
    print(f"  {errors.printable(name)}: {errors.printable(reason)}")
  print(f"{len(missing)} videos are left to other shards" if missing else f"wrote {args.out}")


if __name__ == "__main__":
  host_memory.keep_freed()
  main()
