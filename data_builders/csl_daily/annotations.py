"""Annotations of CSL-Daily: everyday sentences in Chinese Sign Language."""

import pathlib
import re

from data_builders.corpus import clips, held_out, places, plain_table, released_pickles
from data_builders.corpus.clips import Clip
from data_builders.corpus.findings import Collector, Findings
from sign_jax.data import splits as split_names
from sign_jax.errors import UserError
from sign_jax.files import existing_file
from sign_jax.untrusted import safe_pickle

PROTOCOLS = ("cico", "official")
# {protocol: {split: (videos, sentences)}}
PUBLISHED = dict.fromkeys(
  PROTOCOLS, {"train": (18401, None), "validation": (1077, None), "test": (1176, 798)}
)
LANGUAGE = "zh"
PLACES = places.of("csl", "CSL", ("RTM_Keypoints", "RTMpose"))
ANNOTATIONS = {"cico": ("cico", "data_csl")}  # folders of the pickles, by protocol
VALIDATION_SHARE = 1077 / 18401  # of train, as large as the official split
FPS = 30.0
INFO = "sentence_label/csl2020ct_v2.pkl"
SPLIT_FILE = "sentence_label/split_1.txt"
VIDEO_MAP = "sentence_label/video_map.txt"
FRAMES = ("sentence/frames_512x512", "sentence_frames-512x512/frames_512x512")
# split_1.txt lists the first, which has no annotation; some lists have the second in its place.
VARIANT = ("S000005_P0004_T00", "S000007_P0003_T00")
_NAME = re.compile(r"(?P<sentence>S\d+)_(?P<signer>P\d+)_T\d+")


def read(manual_dir, protocol=None, findings=None, splits=split_names.SPLITS):
  """Reads the annotations.

  Args:
    manual_dir: the folder of the release.
    protocol: one of `PROTOCOLS`, None for the first. "cico": CiCo's pickles in `cico/` or, as its
      repository has them, `data_csl/`, machine translations into English beside the Chinese
      sentences; "official": the release alone.
    findings: `Findings`; None stops at the first damage.
    splits: names of the splits to read; pickles of others are not opened, but for train.pkl where
      the validation split is held out of it.

  Returns:
    {split: [`Clip`]}; `sentence` is Chinese, `sentence_id` the number of the sentence ("S000020").

  Raises:
    UserError: a file is missing or damaged.
  """
  root, findings = pathlib.Path(manual_dir), findings or Findings()
  read_protocol = {"cico": _read_cico, "official": _read_official}[protocol or PROTOCOLS[0]]
  return read_protocol(root, findings, splits)


def _read_official(root, findings, splits):
  collector, info = Collector(findings, splits), _info(root, findings)
  lengths, frames = _lengths(root), _frames(root)
  path = root / SPLIT_FILE
  listed = set()
  for line, row in plain_table.read(path, "|", ("name", "split")):
    where = f"{path}, line {line}"
    split = split_names.split_of(row["split"]) if row else None
    name = _in_place(row["name"], info, findings) if row else f"line {line}"
    if split and split not in splits:
      listed.add(name)
      continue
    with collector.entry(split or "unknown", name):
      if split is None:
        raise UserError(f"{where} names no split (train, dev or test), correct it")
      if name not in info:
        raise UserError(f"{where}: {root / INFO} has no annotation of {clips.shown(name)}")
      listed.add(name)
      clip = _official(name, info[name], f"{root / INFO}, {clips.shown(name)}", lengths, frames)
      collector.add(split, clip, where)
  if unlisted := info.keys() - listed:
    findings.notes.append(
      f"{path} has no split for {len(unlisted)} videos of {root / INFO}, they are left out"
    )
  return collector.result()


def _in_place(name, info, findings):
  """`name`, or the other one of the known variant where only that one has an annotation."""
  if name not in VARIANT or name in info:
    return name
  other = VARIANT[1 - VARIANT.index(name)]
  if other not in info:
    return name
  findings.notes.append(f"{SPLIT_FILE} lists {name}, which has no annotation: {other} is read")
  return other


def _info(root, findings):
  """{name: entry} of the release's pickle."""
  path = root / INFO
  existing_file(path, remedy="get it from the corpus's owner")
  content = safe_pickle.read(path, kind="annotation file")
  entries = content.get("info") if isinstance(content, dict) else None
  if not isinstance(entries, list):
    raise UserError(f"{path} holds no list 'info', get the released file")
  info = {}
  for entry in entries:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
      raise UserError(f"{path}: an entry of 'info' has no 'name', get the released file")
    info[name] = entry
  if twice := len(entries) - len(info):
    findings.notes.append(f"{path} lists {twice} videos twice, the last entry of each is read")
  return info


def _official(name, entry, where, lengths, frames):
  sentence = _joined(entry, "label_char", "", where) or _joined(entry, "label_word", "", where)
  if "label_char" not in entry and "label_word" not in entry:
    raise UserError(f"{where} has neither 'label_char' nor 'label_word', get the released file")
  return Clip(
    video_id=name,
    sentence_id=_part(name, "sentence"),
    sentence=sentence,
    signer=_part(name, "signer"),  # "P0003"; the key 'signer' holds the same number, 3
    glosses=_joined(entry, "label_gloss", " ", where),
    num_frames=released_pickles.num_frames(entry, where, "length") or lengths.get(name, 0),
    fps=FPS,
    video=f"{frames}/{name}",
  )


def _joined(entry, key, separator, where):
  """The tokens under a key as one text, "" where the entry has no such key."""
  tokens = entry.get(key, [])
  if isinstance(tokens, str):
    return tokens if separator else "".join(tokens.split())
  if not isinstance(tokens, list | tuple) or not all(isinstance(token, str) for token in tokens):
    raise UserError(f"{where}: {key!r} is no list of texts, get the released file")
  return separator.join(tokens)


def _lengths(root):
  """{name: number of frames}, as far as the release's table says."""
  path = root / VIDEO_MAP
  if not path.is_file():
    return {}
  rows = plain_table.read(path, "|", ("name",))
  return {
    row["name"]: int(row["length"])
    for _, row in rows
    if row and row.get("length", "").isdecimal() and len(row["length"]) < 10
  }


def _read_cico(root, findings, splits):
  folder, frames = released_pickles.folder_of(root, ANNOTATIONS["cico"]), _frames(root)
  to_read = released_pickles.to_read(folder, splits)
  collector = Collector(findings, to_read)
  info = _info(root, findings) if (root / INFO).is_file() else {}
  for split in to_read:
    for key, where, video in released_pickles.entries(released_pickles.find(folder, split)):
      with collector.entry(split, released_pickles.name(video, key)):
        collector.add(split, _cico(key, where, video, info, frames), where)
  read_now = held_out.complete(collector.result(), folder, splits, VALIDATION_SHARE, findings)
  released_pickles.note_untranslated(read_now, findings)
  return read_now


def _cico(key, where, video, info, frames):
  translation = released_pickles.sentence(video, "text", where)
  name = released_pickles.text(video, "video_name", where)
  clips.check_name(key, where)
  return Clip(
    video_id=name,
    sentence_id=key,
    sentence=released_pickles.sentence(video, "ori_text", where),
    translation=translation,
    signer=_part(name, "signer"),
    glosses=_joined(info.get(name, {}), "label_gloss", " ", where),
    num_frames=released_pickles.num_frames(video, where),
    fps=FPS,
    video=f"{frames}/{name}",
  )


def _part(name, group):
  """The sentence's number or the signer's in a name; without one, the name is the sentence's."""
  match = _NAME.fullmatch(name)
  return match[group] if match else name if group == "sentence" else ""


def _frames(root):
  return next((folder for folder in FRAMES if (root / folder).is_dir()), FRAMES[0])
