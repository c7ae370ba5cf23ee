"""Corpora of isolated signs: clips by split and class, their videos and keypoints."""

import collections

from tqdm import tqdm

from data_builders.checks.files import Tally
from data_builders.checks.report import ERROR, NOTE, WARNING, Item
from data_builders.corpus import corpora
from data_builders.corpus.findings import Findings
from data_builders.isolated import presence
from data_builders.isolated import videos as sign_videos
from data_builders.isolated.keypoints import Keypoints
from sign_jax.errors import UserError
from sign_jax.files import user_path

_VIDEO, _POSE = "video", "pose"


def check(report, splits, stated):
  """Adds what is found for {split: [`SignClip`]}; `stated`: `scaling.Stated` of the keypoints."""
  module, root = corpora.annotations(report.name), user_path(report.manual_dir)
  classes, findings = module.vocabulary(root, report.protocol), Findings("skip")
  videos = sign_videos.Videos(root)
  found = presence.find(splits, videos, findings)
  for split, clips in splits.items():
    _add_row(report, split, clips, found, classes)
    if not found.there[split]:
      report.add(ERROR, f"{split}: no video is there, they should be called {module.WHERE}")
  total, missing = (sum(map(len, x.values())) for x in (splits, found.missing))
  report.add(NOTE, f"{total} clips of {classes.count} classes are listed, {missing} videos of them "
             "are missing")  # fmt: skip
  _check_sizes(report, splits, module)
  for skip in findings.skips:
    report.add(ERROR, f"{skip.split}: a clip has two videos", [Item(skip.name, skip.reason)])
  _check_files(report, found, videos, _keypoints(report, root, stated))


def _add_row(report, split, clips, found, classes):
  counts = collections.Counter(clip.label for clip in clips)
  report.splits[split] = {
    "listed": len(clips),
    "there": len(found.there[split]),
    "missing": len(found.missing[split]),
    "classes": f"{len(counts)} of {classes.count}",
    "clips a class": f"{min(counts.values())} to {max(counts.values())}",
    "signers": len({clip.signer for clip in clips if clip.signer}) or "?",
  }
  report.classes[split] = {
    classes.gloss(label) or str(label): counts[label] for label in sorted(counts)
  }


def _check_sizes(report, splits, module):
  """Compares with the owner's list, and with the paper that NLA-SLR comes from."""
  sizes = {split: len(clips) for split, clips in splits.items()}
  if "validation" in report.origins and sizes.keys() >= {"train", "validation"}:
    sizes["train"] += sizes.pop("validation")  # held out of train
  for split, size in sizes.items():
    listed = module.LISTED.get(report.protocol, {}).get(split)
    published = module.PUBLISHED.get(report.protocol, {}).get(split)
    if listed not in (None, size, published):
      report.add(WARNING, f"{split} has {size} clips, the owner's list {listed}: results are not "
                 "to be compared")  # fmt: skip
    if published not in (None, size):
      level = NOTE if size == listed else WARNING
      report.add(level, f"{split} has {size} clips, {published} in NLA-SLR's paper, whose results "
                 "are on those")  # fmt: skip


def _keypoints(report, root, stated):
  """`Keypoints`, or None where there are none; says so."""
  try:
    return Keypoints(root, stated)
  except UserError as error:
    report.add(NOTE, f"no keypoints were looked at: {error}")
    return None


def _check_files(report, found, videos, keypoints):
  kinds = (_VIDEO, _POSE) if keypoints else (_VIDEO,)
  tallies = {kind: Tally() for kind in kinds}
  total = sum(map(len, found.there.values()))
  with tqdm(total=total, desc=f"{report.name} files", unit="video", mininterval=0.5) as bar:
    for split, clips in found.there.items():
      for clip in found.missing[split]:
        tallies[_VIDEO].missing[split].append(Item(clip.video_id))
      for clip in clips:
        with tallies[_VIDEO].guard(split, clip):
          extract = videos.read(clip, found.places[clip.video_id])
          tallies[_VIDEO].take(split, extract.counts)
          if keypoints:
            _check_keypoints(split, clip, keypoints, extract, tallies[_POSE])
        bar.update()
  for kind, tally in tallies.items():
    tally.tell(report, kind, found.there)
  for line in sign_videos.described(tallies[_VIDEO].counts):
    report.add(NOTE, line)


def _check_keypoints(split, clip, keypoints, extract, tally):
  with tally.guard(split, clip):
    place = keypoints.find(clip, split)
    if place is None:
      tally.missing[split].append(Item(clip.video_id))
    else:
      tally.take(split, keypoints.read(clip, place, extract)[2])
