"""Annotations of PHOENIX-2014T: German weather forecasts in German Sign Language."""

import functools
import pathlib

from data_builders.corpus import places, plain_table, released_pickles
from data_builders.corpus.clips import Clip
from data_builders.corpus.findings import Collector, Findings
from sign_jax.data import splits as split_names
from sign_jax.errors import UserError

PROTOCOLS = ("cico", "official")
# {protocol: {split: (videos, sentences)}}; each video has a sentence of its own.
PUBLISHED = dict.fromkeys(
  PROTOCOLS, {"train": (7096, 7096), "validation": (519, 519), "test": (642, 642)}
)
LANGUAGE = "de"
PLACES = places.of("ph", "PHOENIX-2014-T", ("RTM_Keypoints", "RTMpose"))
ANNOTATIONS = {"cico": ("cico", "data_ph")}  # folders of the pickles, by protocol
FPS = 25.0
MANUAL = "annotations/manual/PHOENIX-2014-T.{}.corpus.csv"
FRAMES = "features/fullFrame-210x260px/{}/{}"
_COLUMNS = ("name", "speaker", "orth", "translation")


def read(manual_dir, protocol=None, findings=None, splits=split_names.SPLITS):
  """Reads the annotations.

  Args:
    manual_dir: the folder `PHOENIX-2014-T` of the release.
    protocol: one of `PROTOCOLS`, None for the first. "cico": CiCo's pickles in `cico/` or, as its
      repository has them, `data_ph/`, machine translations into English beside the German
      sentences; "official": the release alone.
    findings: `Findings`; None stops at the first damage.
    splits: names of the splits to read; the files of others are not opened, but for train.pkl,
      which says which part of dev.pkl is the validation split.

  Returns:
    {split: [`Clip`]}; `sentence` is German, `glosses` and `signer` come from the release.

  Raises:
    UserError: a file is missing or damaged.
  """
  root, findings = pathlib.Path(manual_dir), findings or Findings()
  read_protocol = {"cico": _read_cico, "official": _read_official}[protocol or PROTOCOLS[0]]
  return read_protocol(root, findings, splits)


def _read_official(root, findings, splits):
  collector = Collector(findings, splits)
  for split in splits:
    path = root / MANUAL.format(_name(split))
    for line, row in plain_table.read(path, "|", _COLUMNS):
      where = f"{path}, line {line}"
      with collector.entry(split, row["name"] if row else f"line {line}"):
        if row is None:
          raise UserError(f"{where} has too many or too few values, correct it")
        collector.add(split, _official(row, split), where)
  return collector.result()


def _official(row, split):
  return Clip(
    video_id=row["name"],
    sentence_id=row["name"],
    sentence=row["translation"],
    signer=row["speaker"],
    glosses=row["orth"],
    fps=FPS,
    video=_frames(split, row["name"]),
  )


def _read_cico(root, findings, splits):
  folder = released_pickles.folder_of(root, ANNOTATIONS["cico"])
  collector = Collector(findings, splits)
  read_pickle = functools.cache(
    lambda split: released_pickles.entries(released_pickles.find(folder, split))
  )
  for split in splits:
    official, entries = _official_rows(root, split), read_pickle(split)
    names = {key for key, _, _ in entries}
    train = {key for key, _, _ in read_pickle("train")} if split == "validation" else set()
    if train & names:
      # The released dev.pkl holds train + dev: who validates on it, validates on the training data.
      entries = [entry for entry in entries if entry[0] not in train]
      findings.notes.append(
        f"dev.pkl lists {len(names)} videos of which {len(names & train)} are in train.pkl: the "
        f"other {len(entries)} are the validation split"
      )
    for name, where, video in entries:
      with collector.entry(split, name):
        collector.add(split, _cico(name, where, video, split, official), where)
  read_now = collector.result()
  released_pickles.note_untranslated(read_now, findings)
  return read_now


def _official_rows(root, split):
  path = root / MANUAL.format(_name(split))
  rows = plain_table.read(path, "|", _COLUMNS) if path.is_file() else []
  return {row["name"]: row for _, row in rows if row}


def _cico(name, where, video, split, official):
  translation = released_pickles.sentence(video, "text", where)
  if released_pickles.text(video, "video_name", where) != name:
    raise UserError(f"{where} has another video_name, get the released file")
  row = official.get(name, {})
  return Clip(
    video_id=name,
    sentence_id=name,
    sentence=released_pickles.sentence(video, "ori_text", where),
    translation=translation,
    signer=row.get("speaker", ""),
    glosses=row.get("orth", ""),
    num_frames=released_pickles.num_frames(video, where),
    fps=FPS,
    video=_frames(split, name),
  )


def _name(split):
  return split_names.NAMES[split][0]


def _frames(split, name):
  return FRAMES.format(_name(split), name)
