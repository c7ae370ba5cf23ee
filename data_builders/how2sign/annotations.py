"""Annotations of How2Sign: instructional videos in American Sign Language."""

import functools
import pathlib
import re

from data_builders.corpus import clips, held_out, places, released_pickles
from data_builders.corpus.clips import Clip
from data_builders.corpus.findings import Collector, Findings
from data_builders.how2sign import realigned
from sign_jax.data import splits as split_names
from sign_jax.errors import UserError

PROTOCOLS = ("cico", "seds", "csv")
# {protocol: {split: (videos, sentences)}}, as counted in the released files.
PUBLISHED = {
  "cico": {"test": (2348, 1969)},
  "seds": {"test": (2342, 1964)},
  "csv": {"test": (2357, None)},
}
LANGUAGE = "en"
PLACES = places.of("h2s", "How2Sign", ("RTMpose/Pose_all_24rates", "RTMpose"))
AUTHORS_FOLDER = "data_h2"  # in CiCo's and UPRet's repositories, and in SEDS's
ANNOTATIONS = {protocol: (protocol, AUTHORS_FOLDER) for protocol in ("cico", "seds")}
VALIDATION_SHARE = 1740 / 31164  # of train, as large as the split that the papers validate on
_VIDEOS = ("raw_videos", "video_level/{}/rgb_front/raw_videos")
_FOLDERS = {"train": "train", "validation": "val", "test": "test"}
_SIGNER = re.compile(r".+-(?P<signer>\d+)-rgb_[a-z]+(_clip\d+)?")


def read(manual_dir, protocol=None, findings=None, splits=split_names.SPLITS):
  """Reads the annotations.

  Args:
    manual_dir: folder with the files of the protocol; where the re-aligned tables lie beside
      pickles, times and the other name of each clip come from them.
    protocol: one of `PROTOCOLS`, None for the first. "cico": CiCo's and UPRet's pickles in `cico/`,
      clips named "{VIDEO_NAME}_clip{i}"; "seds": SEDS's pickles in `seds/`, clips named
      SENTENCE_NAME; "csv": the re-aligned tables, clips named SENTENCE_NAME. Pickles may also lie
      in `data_h2/`, as both repositories have them.
    findings: `Findings`; None stops at the first damage.
    splits: names of the splits to read; the files of others are not opened, but for train.pkl where
      the validation split is held out of it.

  Returns:
    {split: [`Clip`]}; `sentence` is English.

  Raises:
    UserError: a file is missing or damaged.
  """
  root, findings = pathlib.Path(manual_dir), findings or Findings()
  find_video = functools.cache(functools.partial(_video, root))
  protocol = protocol or PROTOCOLS[0]
  if protocol == "csv":
    return _read_tables(root, findings, find_video, splits)
  return _read_pickles(root, protocol, findings, find_video, splits)


def _read_tables(root, findings, find_video, splits):
  collector = Collector(findings, splits)
  for split in splits:
    path, rows = realigned.read(root, split)
    for line, row in rows:
      where = f"{path}, line {line}"
      with collector.entry(split, row.name if row else f"line {line}"):
        if row is None:
          raise UserError(f"{where} has too many or too few values, correct it")
        clip = Clip(row.name, row.sentence_id, row.sentence, signer=_signer(row.name))
        collector.add(split, _completed(clip, row, split, where, find_video), where)
  return collector.result()


def _read_pickles(root, protocol, findings, find_video, splits):
  folder = released_pickles.folder_of(root, ANNOTATIONS[protocol])
  to_read = released_pickles.to_read(folder, splits)
  collector = Collector(findings, to_read)
  is_seds = protocol == "seds"
  for split in to_read:
    rows = realigned.by_name(root, split)
    unknown = 0
    pickle = released_pickles.find(folder, split)
    entries = released_pickles.entries(pickle)
    if not is_seds and folder.name == AUTHORS_FOLDER and any(map(_has_new_name, entries)):
      raise UserError(
        f"{pickle} is SEDS's, with names and videos of its own, and the protocol {protocol} reads "
        "CiCo's: build how2sign/features_seds or how2sign/features_pose_seds"
      )
    for key, where, video in entries:
      name = released_pickles.name(video, key, "new_video_name" if is_seds else "video_name")
      with collector.entry(split, name):
        clip = _of_pickle(key, where, video, is_seds)
        row = next((rows[name] for name in clip.names if name in rows), None)
        unknown += row is None
        if row:
          clip = _completed(clip, row, split, where, find_video)
        # Without times it has no video either: the whole raw video would be another clip.
        collector.add(split, clip, where)
    if rows and unknown:
      findings.notes.append(
        f"{realigned.find(root, split)} does not list {unknown} videos of the protocol {protocol}: "
        "they have no times"
      )
  return held_out.complete(collector.result(), folder, splits, VALIDATION_SHARE, findings)


def _has_new_name(entry):
  return isinstance(entry[2], dict) and "new_video_name" in entry[2]


def _of_pickle(key, where, video, is_seds):
  clips.check_name(key, where)
  text = released_pickles.sentence(video, "text", where)
  name = released_pickles.text(video, "video_name", where)
  names = (name,)
  if is_seds:
    names = tuple(dict.fromkeys((released_pickles.text(video, "new_video_name", where), name)))
  return Clip(
    video_id=names[0],
    sentence_id=key,
    sentence=text,
    signer=_signer(names[0]),
    num_frames=released_pickles.num_frames(video, where),
    other_names=names[1:],
  )


def _completed(clip, row, split, where, find_video):
  """A clip with the times, the raw video and the names of its row."""
  if clip.sentence_id != row.sentence_id:
    # Another version of the table, with other ranks: its times are of other clips.
    raise UserError(
      f"{where}: line {row.line} of the re-aligned table says that {clips.shown(clip.video_id)} is "
      f"of sentence {clips.shown(row.sentence_id)}, get the released table"
    )
  if not 0 <= row.start < row.end:  # NaN compares false
    raise UserError(f"{where} lasts from {row.start} to {row.end} seconds, correct the times")
  clips.check_name(row.video_name, where)
  names = dict.fromkeys((clip.video_id, *clip.other_names, row.name, row.cico_name))
  return clip._replace(
    video=find_video(split, row.video_name),
    start=row.start,
    end=row.end,
    other_names=tuple(name for name in names if name and name != clip.video_id),
  )


def _signer(name):
  match = _SIGNER.fullmatch(name)
  return match["signer"] if match else ""


def _video(root, split, name):
  """Path of a raw frontal video relative to `root`; where there is none, where it should be."""
  folders = [folder.format(_FOLDERS[split]) for folder in _VIDEOS]
  paths = [f"{folder}/{name}.mp4" for folder in folders]
  return next((path for path in paths if (root / path).is_file()), paths[0])
