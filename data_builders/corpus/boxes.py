"""Persons' boxes as CiCo releases them: bounding_box_coco_{train,test}.pkl."""

import collections
import numbers
import pathlib

from data_builders.corpus import clips, corpora
from sign_jax.errors import UserError
from sign_jax.untrusted import safe_pickle
from sign_jax.video.boxes import Box, fault

_NAMES = "bounding_box_coco_*.pkl"
_ENDING = ".mp4"  # of the clips' names in the files
_KEYS = ("x1", "y1", "w", "h")  # x2 and y2, which do not always agree with these, are not used
_MOST = 99_999  # pixels


def beside(root, corpus):
  """The released files in a manual_dir and in the folders of a corpus's annotations, sorted."""
  places = corpora.annotations(corpus).ANNOTATIONS.values()
  folders = {"", *(folder for folders in places for folder in folders)}
  return sorted(path for folder in folders for path in (pathlib.Path(root) / folder).glob(_NAMES))


def of_clips(splits, paths, findings):
  """The boxes of clips.

  Args:
    splits: {split: [`Clip`]}.
    paths: files of boxes.
    findings: `Findings`; clips with an impossible box, or two different ones, are damaged.

  Returns:
    {video_id: `Box`} of the clips that have one.

  Raises:
    UserError: no file; one that is damaged, hostile or something else; two boxes of one clip; an
      impossible box; no clip with a box.
  """
  if not paths:
    raise UserError(
      f"there is no {_NAMES} in the manual_dir or beside the annotations in it: put the released "
      "ones there, or name files after --boxes"
    )
  entries, found = _read_all(paths), {}
  for split, members in splits.items():
    for clip in members:
      name = next((name + _ENDING for name in clip.names if name + _ENDING in entries), None)
      if name:
        with findings.guard(split, clip.video_id):
          found[clip.video_id] = _only_box(entries[name], name)
  if not found:
    raise UserError(
      f"no clip has a box that can be used in {', '.join(map(str, paths))}: get the boxes of this "
      "corpus, or leave --boxes out"
    )
  return found


def _read_all(paths):
  """{name of a clip: [(its box as in the file, the file)]}."""
  entries = collections.defaultdict(list)
  for path in paths:
    content = safe_pickle.read(path, kind="file of boxes")
    if not isinstance(content, dict):
      raise UserError(f"{path} holds no dict of boxes, get the released file")
    for name, value in content.items():
      entries[name].append((value, path))
  return entries


def _only_box(entries, name):
  found = {_box(value, path, name): path for value, path in entries}
  if len(found) > 1:
    first, other, *_ = found.values()
    raise UserError(f"{first} and {other} have different boxes of {clips.shown(name)}, use one")
  return next(iter(found))


def _box(value, path, name):
  where = f"{path}, {clips.shown(name)}"
  numbers_of = [value.get(key) if isinstance(value, dict) else None for key in _KEYS]
  if not all(_is_pixels(number) for number in numbers_of):
    raise UserError(f"{where} has no whole numbers {', '.join(_KEYS)}, get the released file")
  box = Box(*map(int, numbers_of))
  if reason := fault(box):
    raise UserError(f"{where}: the box ({box}) {reason}, correct it")
  return box


def _is_pixels(number):
  is_whole = isinstance(number, numbers.Integral) and not isinstance(number, bool)
  return is_whole and abs(number) <= _MOST
