"""Annotation pickles as CiCo, UPRet and SEDS release them: {train,dev,test}.pkl."""

import numbers
import pathlib

from data_builders.corpus import clips, places
from sign_jax.data import splits as split_names
from sign_jax.errors import UserError
from sign_jax.files import existing_file
from sign_jax.untrusted import safe_pickle


def folder_of(root, folders):
  """The first of some folders, relative to `root`, that holds the pickle of a split.

  Without any, the first that is there: there may be other files in one of them.
  """
  holds = lambda folder: any(is_there(folder, split) for split in split_names.SPLITS)
  found = places.first(root, folders, holds)
  return found if holds(found) else places.first(root, folders)


def find(folder, split):
  """The pickle of a split.

  Raises:
    UserError: there is none.
  """
  remedy = "put the released one there or choose another protocol (see docs/data.md)"
  return existing_file(_likeliest(folder, split), remedy=remedy)


def is_there(folder, split):
  """Whether a folder holds the pickle of a split."""
  return _likeliest(folder, split).is_file()


def to_read(folder, splits):
  """The splits whose pickles hold those that are asked for, in the order of `SPLITS`.

  Without a pickle of its own, the validation split is held out of train, see `held_out`.
  """
  if not is_there(folder, "validation"):
    splits = ["train" if split == "validation" else split for split in splits]
  return tuple(split for split in split_names.SPLITS if split in splits)


def _likeliest(folder, split):
  paths = [pathlib.Path(folder) / f"{name}.pkl" for name in split_names.NAMES[split]]
  return next((path for path in paths if path.is_file()), paths[0])


def entries(path):
  """Reads a pickle.

  Args:
    path: file of {sentence id: [video, ...]} or {video name: video}; a video is a dict.

  Returns:
    [(key, where, video)] in the order of the file; `where` is for messages, `video` may still be
    anything.

  Raises:
    UserError: the file is damaged, hostile, or something else.
  """
  content = safe_pickle.read(path, kind="annotation file")
  if not isinstance(content, dict):
    raise UserError(f"{path} holds no dict of sentences, get the released file")
  return [
    (key, f"{path}, {clips.shown(key)}", video)
    for key, value in content.items()
    for video in (value if isinstance(value, list) else [value])
  ]


def text(video, key, where):
  """The text under a key of a video.

  Raises:
    UserError: `video` is no dict, or holds no text there.
  """
  value = video.get(key) if isinstance(video, dict) else None
  if not isinstance(value, str):
    raise UserError(f"{where} has no text {key!r}, get the released file")
  return value


def sentence(video, key, where):
  """The text under a key of a video, with single spaces; errors as of `text`."""
  return " ".join(text(video, key, where).split())


def note_untranslated(splits, findings):
  """Notes how many clips have no English text, so that the released one takes its place."""
  for split, members in splits.items():
    if count := sum(not clip.translation for clip in members):
      findings.notes.append(
        f"{count} of {len(members)} videos of {split} have no translation: text is the released "
        "sentence"
      )


def name(video, key, field="video_name"):
  """What a message calls a video, which may be anything, as may its key."""
  named = video.get(field) if isinstance(video, dict) else None
  return named if isinstance(named, str) else key


def num_frames(video, where, key="num_frames"):
  """The number of frames of a video, 0 where it says none.

  Raises:
    UserError: something else than a whole number above 0.
  """
  value = video.get(key)
  if value is None:
    return 0
  is_count = isinstance(value, numbers.Integral) and not isinstance(value, bool)
  if not is_count or not 0 < value <= clips.MAX_FRAMES:
    raise UserError(f"{where} states no possible number of frames, correct {key!r}")
  return int(value)
