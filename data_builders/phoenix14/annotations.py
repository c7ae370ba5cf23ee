"""Annotations of PHOENIX-2014: glosses of weather forecasts in German Sign Language."""

import pathlib

from data_builders.corpus import clips, plain_table
from data_builders.corpus.clips import Clip
from data_builders.corpus.findings import Collector, Findings
from sign_jax.data import splits as split_names
from sign_jax.errors import UserError

PROTOCOLS = ("multisigner",)
# {protocol: {split: (videos, sentences)}}
PUBLISHED = {
    "multisigner": {"train": (5672, 5672), "validation": (540, 540), "test": (629, 629)}
}
LANGUAGE = "de"
PLACES = {
    "agnostic": ("features/agnostic",), "aware": ("features/aware",), "pose": ("pose",),
}  # fmt: skip
ANNOTATIONS = {}  # no protocol reads pickles
FPS = 25.0
MANUAL = "annotations/manual/{}.corpus.csv"
FRAMES = "features/fullFrame-210x260px/{}/{}"
RELEASE = "phoenix-2014-multisigner"
_COLUMNS = ("id", "folder", "signer", "annotation")
_OTHER_RELEASE = "SI5"  # of the signer-independent one, in the names of its tables and folder
_PATTERN = "*.png"  # at the end of a folder in the tables
_DEEPEST = 3  # folders in one another; the release has two


def read(manual_dir, protocol=None, findings=None, splits=split_names.SPLITS):
  """Reads the annotations.

  Args:
    manual_dir: the folder `phoenix-2014-multisigner` of the release.
    protocol: one of `PROTOCOLS`, or None.
    findings: `Findings`; None stops at the first damage.
    splits: names of the splits to read; the files of others are not opened.

  Returns:
    {split: [`Clip`]}. The corpus has no sentences: `sentence` holds the glosses too, as they are
    all the text there is.

  Raises:
    UserError: a file is missing or damaged, or the folder is that of another release.
  """
  del protocol  # there is one
  root = pathlib.Path(manual_dir)
  _check_release(root)
  collector = Collector(findings or Findings(), splits)
  for split in splits:
    path = root / MANUAL.format(split_names.NAMES[split][0])
    for line, row in plain_table.read(path, "|", _COLUMNS):
      where = f"{path}, line {line}"
      with collector.entry(split, row["id"] if row else f"line {line}"):
        if row is None:
          raise UserError(f"{where} has too many or too few values, correct it")
        collector.add(split, _clip(row, split, where), where)
  return collector.result()


def _check_release(root):
  if root.name.endswith(_OTHER_RELEASE) or [*root.glob(MANUAL.format(f"*.{_OTHER_RELEASE}"))]:
    raise UserError(
        f"{root} is the signer-independent release ({_OTHER_RELEASE}), which has other splits: "
        f"pass the folder {RELEASE}"
    )
  if (root / RELEASE).is_dir():
    raise UserError(f"{root} holds several releases: pass its folder {RELEASE}")


def _clip(row, split, where):
  glosses = " ".join(row["annotation"].split())  # some have double spaces
  if not glosses:
    raise UserError(f"{where} has no glosses, write them or remove the video")
  return Clip(
      video_id=row["id"],
      sentence_id=row["id"],
      sentence=glosses,
      signer=row["signer"],
      glosses=glosses,
      fps=FPS,
      video=FRAMES.format(split_names.NAMES[split][0], _folder(row["folder"], where)),
  )


def _folder(text, where):
  """The folder of the pictures, "ID/1" of "ID/1/*.png"."""
  parts = text.split("/")
  parts = parts[:-1] if parts[-1] == _PATTERN else parts
  if not 0 < len(parts) <= _DEEPEST:
    raise UserError(f"{where}: {clips.shown(text)} is no folder of a video, correct it")
  for part in parts:
    clips.check_name(part, where)
  return "/".join(parts)
