"""The annotations of a corpus: entries that cannot be used, published sizes, leaks."""

import contextlib

from data_builders.checks.report import ERROR, NOTE, WARNING, Item, counted
from data_builders.corpus import corpora, released_pickles
from data_builders.corpus.findings import Findings
from sign_jax.data.splits import SPLITS
from sign_jax.errors import UserError
from sign_jax.files import user_path


def read(report, wanted=SPLITS):
  """{split: clips} of the report's corpus, {} where they cannot be read; adds what is found."""
  findings = Findings("skip")
  try:
    splits = corpora.read(report.name, report.manual_dir, report.protocol, findings, wanted)
  except UserError as error:
    report.add(ERROR, f"the annotations cannot be read: {error}")
    splits = {}
  for split in dict.fromkeys(skip.split for skip in findings.skips):
    skips = [skip for skip in findings.skips if skip.split == split]
    report.add(
      ERROR,
      f"{split}: {len(skips)} of {findings.entries[split]} entries of the annotations cannot be "
      "used",
      [Item(str(skip.name), skip.reason) for skip in skips],
    )
  for note in findings.notes:
    report.add(NOTE, note)
  report.origins = dict(findings.origins)
  return splits


def check_sizes(report, splits, published):
  """Compares the splits with the published sizes, {split: (videos, sentences)}."""
  for split, clips in splits.items():
    actual = len(clips), len({clip.sentence_id for clip in clips})
    expected = published.get(split, (None, None))
    if any(b is not None and a != b for a, b in zip(actual, expected, strict=True)):
      numbers = " and ".join(
        counted(number, what)
        for number, what in zip(expected, ("video", "sentence"), strict=True)
        if number is not None
      )
      report.add(
        WARNING,
        f"{split} has {counted(actual[0], 'video')} and {counted(actual[1], 'sentence')}, the "
        f"published one {numbers} (protocol {report.protocol}): results are not to be compared",
      )


def check_leaks(report, folders):
  """Looks for videos that pickles list in train and in another split, as CiCo's dev.pkl does.

  `folders` are names of folders, one of which may hold {train,dev,test}.pkl, for each protocol.
  """
  root = user_path(report.manual_dir)
  found = [released_pickles.folder_of(root, several) for several in folders.values()]
  for folder in dict.fromkeys(found):
    paths = _paths(folder)
    names = {split: _names(path) for split, path in paths.items()}
    for split in SPLITS[1:]:
      leaked = names.get("train", set()) & names.get(split, set())
      if leaked:
        report.add(
          WARNING,
          f"{paths[split]} lists {counted(len(names[split]), 'video')}, {len(leaked)} of them also "
          f"in {paths['train'].name}: who takes the file as it is validates on the training data",
        )


def _paths(folder):
  """{split: pickle}, of the splits that have one."""
  paths = {}
  for split in SPLITS:
    with contextlib.suppress(UserError):
      paths[split] = released_pickles.find(folder, split)
  return paths


def _names(path):
  """Names of the videos in a split's pickle, none where it is damaged."""
  try:
    entries = released_pickles.entries(path)
  except UserError:  # of a file that is needed, it was told when the annotations were read
    return set()
  videos = (video for _, _, video in entries if isinstance(video, dict))
  return {name for video in videos if isinstance(name := video.get("video_name"), str)}
