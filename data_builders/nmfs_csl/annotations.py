"""Annotations of NMFs-CSL: isolated signs of Chinese Sign Language, without names."""

import hashlib
import pathlib
import re

from data_builders.corpus import held_out, plain_table
from data_builders.corpus.findings import Findings
from data_builders.isolated import sign_lists, signs
from data_builders.isolated.signs import SignClip
from data_builders.isolated.vocabulary import Vocabulary
from sign_jax.data import splits as split_names
from sign_jax.errors import UserError

SUBSETS = (1067,)
PROTOCOLS = ("1067",)
PUBLISHED = {"1067": {"train": 25608, "test": 6402}}  # {protocol: {split: videos}}
LISTED = PUBLISHED
FRAMES = ("frames", "jpg_video", "videos", ".")  # folders of the folders of pictures
WHERE = "frames/FOLDER/image_00001.jpg"  # what pictures are called
FOLDERS = ("nla_slr", "NMFs-CSL", "NMFs_CSL")  # of NLA-SLR's own lists
ORIGIN = "held out of train by clip, not a published split"
SHARE = 0.1  # of train that is held out
_ENDINGS = (".txt", ".csv")
_SEPARATOR = re.compile(r"[\s,;|]+")
_LABEL = re.compile(r"\d{1,9}", re.ASCII)


def read(manual_dir, protocol=None, findings=None, splits=split_names.SPLITS):
  """Reads the annotations.

  Args:
    manual_dir: folder with the lists of NLA-SLR, or with {train,test}.txt, whose lines are a folder
      of pictures and, last, a label. Without a list of validation, a tenth of train is held out.
    protocol: "1067", the number of classes.
    findings: `Findings`; None stops at the first damage.
    splits: names of the splits to read.

  Returns:
    {split: [`SignClip`]}.

  Raises:
    UserError: a file is missing or damaged.
  """
  root, findings = pathlib.Path(manual_dir), findings or Findings()
  classes = vocabulary(root, protocol)
  paths = sign_lists.find(root, FOLDERS)
  tables = paths or _tables(root)
  if not tables:
    raise UserError(
      f"{root} holds no list of clips: put train.txt and test.txt there, with the folder of a "
      "clip's pictures and its label in each line, or NLA-SLR's lists into nla_slr"
    )
  # Without a list of validation, as it is released, train holds it too.
  names = {"train" if x == "validation" and x not in tables else x for x in splits}
  wanted = [split for split in split_names.SPLITS if split in names]
  if paths:
    found = sign_lists.read(paths, wanted, classes, FRAMES, findings)
  else:
    found = _read_tables(root, tables, wanted, classes, findings)
  return found if "validation" in tables else _with_validation(found, splits, findings)


def vocabulary(manual_dir, protocol=None):
  """The `Vocabulary`, which has no names."""
  del manual_dir, protocol
  return Vocabulary(SUBSETS[0], SUBSETS[0])


def _tables(root):
  """{split: path} of the text files that are there."""
  found = {}
  for split in split_names.SPLITS:
    paths = [root / (name + end) for name in split_names.NAMES[split] for end in _ENDINGS]
    if path := next((path for path in paths if path.is_file()), None):
      found[split] = path
  return found


def _read_tables(root, tables, splits, classes, findings):
  rows = {split: list(_rows(path)) for split, path in tables.items()}
  first = _first_label([label for members in rows.values() for *_, label in members], findings)
  collector = signs.Collector(findings, splits)
  for split in splits:
    if split not in rows:
      raise UserError(
        f"{root} holds no {split_names.NAMES[split][0]}.txt, put it there, or name the splits that "
        "are there with --splits"
      )
    for where, folder, label in rows[split]:
      with collector.entry(split, folder.replace("/", "_")):
        if label is None:
          raise UserError(f"{where} does not end with a label, correct it")
        collector.add(split, _clip(folder, classes.label(label - first, where)), where)
  return collector.result()


def _rows(path):
  """Yields (where, folder of pictures, label or None); a first line without a label is a header."""
  for number, line in plain_table.lines(path):
    parts = [part for part in _SEPARATOR.split(line) if part] or [line]
    label = int(parts[-1]) if len(parts) > 1 and _LABEL.fullmatch(parts[-1]) else None
    if label is not None or number > 1:
      yield f"{path}, line {number}", parts[0], label


def _first_label(labels, findings):
  """1 where labels count from 1, as the highest shows, else 0."""
  known = {label for label in labels if label is not None}
  if SUBSETS[0] not in known or 0 in known:
    return 0
  findings.notes.append(f"the labels count from 1 to {SUBSETS[0]}, they are read as from 0 on")
  return 1


def _clip(folder, label):
  folder = folder.rstrip("/")
  return SignClip(
    video_id=folder.replace("/", "_"),
    label=label,
    places=tuple(signs.Place(f"{top}/{folder}".removeprefix("./")) for top in FRAMES),
    other_names=(folder,) if "/" in folder else (),
    ending="",
  )


def _with_validation(found, splits, findings):
  """The splits that are asked for of `found`, with validation held out of train.

  A clip is held out or not by its name alone. The same signers sign the same classes in both parts.
  """
  if "train" not in found:
    return found
  train = [clip for clip in found["train"] if not _is_held_out(clip)]
  validation = [clip for clip in found["train"] if _is_held_out(clip)]
  if not train or not validation:
    raise UserError(
      f"the {len(found['train'])} clips of train are too few to hold some out for validation, put "
      "a dev.txt there, or build with --splits test"
    )
  findings.notes.append(
    f"there is no list of validation: {len(validation)} clips of train are held out, which is no "
    "published split"
  )
  return held_out.assign(found, (train, validation), splits, ORIGIN, findings)


def _is_held_out(clip):
  digest = hashlib.sha256(clip.video_id.encode()).digest()
  return int.from_bytes(digest[:8], "big") < SHARE * 2**64
