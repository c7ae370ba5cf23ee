"""Lists of clips as NLA-SLR releases them: pickles of {name, label, seq_len, video_file}."""

import pathlib

from data_builders.corpus import clips, released_pickles
from data_builders.corpus.findings import Findings
from data_builders.isolated import signs
from sign_jax.data import clip_table
from sign_jax.data import splits as split_names
from sign_jax.errors import UserError
from sign_jax.untrusted import safe_pickle

_ENDINGS = (".pkl", ".pkl.gz", ".gz")


def find(root, folders):
  """The lists that are there: {split: path}, of the first folder that holds any.

  Args:
    root: the manual_dir.
    folders: names of folders in it.
  """
  for folder in folders:
    if found := _in_folder(pathlib.Path(root) / folder):
      return found
  return {}


def read(paths, splits, vocabulary, folders, findings=None, excess=0):
  """Reads lists.

  Args:
    paths: {split: path}, as `find` gives them.
    splits: names of the splits to read.
    vocabulary: `Vocabulary`; labels are whole numbers or glosses. Clips of larger subsets alone are
      left out.
    folders: names of the folders of the videos. A video is called as its `video_file`, if that path
      is there below the manual_dir, as its last part, or as the clip.
    findings: `Findings`; None stops at the first damage.
    excess: by how much `seq_len` is too high.

  Returns:
    {split: [`SignClip`]}.

  Raises:
    UserError: a list is missing, damaged or hostile.
  """
  collector = signs.Collector(findings or Findings(), splits)
  for split in splits:
    if split not in paths:
      folder = next(iter(paths.values())).parent
      raise UserError(
        f"{folder} holds no list of {split} ({split_names.NAMES[split][0]}.pkl), put it there, or "
        "name the splits that are there with --splits"
      )
    for number, entry in enumerate(_entries(paths[split])):
      where = f"{paths[split]}, entry {number}"
      if not isinstance(entry, dict):
        raise UserError(f"{where} is no dict with a name and a label, get the released file")
      if vocabulary.is_beyond(entry.get("label")):
        continue
      with collector.entry(split, released_pickles.name(entry, f"entry {number}", "name")):
        collector.add(split, _clip(entry, where, vocabulary, folders, excess), where)
  return collector.result()


def _in_folder(folder):
  found = {}
  for split in split_names.SPLITS:
    paths = [folder / (name + end) for name in split_names.NAMES[split] for end in _ENDINGS]
    if path := next((path for path in paths if path.is_file()), None):
      found[split] = path
  return found


def _entries(path):
  content = safe_pickle.read(path, kind="list of clips")
  if not isinstance(content, list):
    raise UserError(f"{path} holds no list of clips, get the released file")
  return content


def _clip(entry, where, vocabulary, folders, excess):
  name = released_pickles.text(entry, "name", where)
  label = vocabulary.label(entry.get("label"), f"{where}, {clips.shown(name)}")
  length = released_pickles.num_frames(entry, where, "seq_len")
  return signs.SignClip(
    video_id=name.replace("/", "_"),
    label=label,
    gloss=vocabulary.gloss(label),
    places=tuple(map(signs.Place, _stems(name, entry.get("video_file"), folders))),
    num_frames=max(length - excess, 1) if length else 0,
    other_names=(name,) if "/" in name else (),
  )


def _stems(name, file, folders):
  """Where a video may be, below the manual_dir."""
  stems = []
  if isinstance(file, str) and file:
    stem = pathlib.PurePosixPath(clip_table.stem_of(file))
    # A path of the authors' computer says nothing but its last part.
    if not stem.is_absolute() and ".." not in stem.parts:
      stems.append(str(stem))
    stems += [f"{folder}/{stem.name}" for folder in folders]
  return dict.fromkeys(stems + [f"{folder}/{name}" for folder in folders])
