"""Annotations of WLASL: isolated signs of American Sign Language."""

import contextlib
import pathlib

from data_builders.corpus import clips, plain_table
from data_builders.corpus.findings import Findings
from data_builders.isolated import annotation_files, sign_lists, signs
from data_builders.isolated.signs import SignClip
from data_builders.isolated.vocabulary import Vocabulary, check_glosses
from sign_jax.data import splits as split_names
from sign_jax.errors import UserError

SUBSETS = (2000, 1000, 300, 100)  # the default first
PROTOCOLS = tuple(map(str, SUBSETS))
# {protocol: {split: videos}} of the owner's lists, and of the paper that NLA-SLR comes from, whose
# authors could not get a few of these videos.
LISTED = {
  "2000": {"train": 14296, "validation": 3920, "test": 2879},
  "100": {"train": 1442, "validation": 338, "test": 258},
}
PUBLISHED = {"2000": {"train": 14289, "validation": 3916, "test": 2878}}
VIDEOS = "videos"
WHERE = "videos/VIDEO_ID.mp4"  # what videos are called
CLASS_LIST, FULL_LIST, SPLIT_LIST = "wlasl_class_list.txt", "WLASL_v0.3.json", "nslt_{}.json"
FOLDERS = ("nla_slr", "WLASL_{}")  # of NLA-SLR's own lists
EXCESS = 2  # NLA-SLR's lists state so many frames more than there are
_TO_END = -1  # frame_end of a video that is one clip


def read(manual_dir, protocol=None, findings=None, splits=split_names.SPLITS):
  """Reads the annotations.

  Args:
    manual_dir: folder with nslt_N.json and the list of classes, or WLASL_v0.3.json, or the lists of
      NLA-SLR; the first of these that is there says which clips there are. WLASL_v0.3.json beside
      nslt_N.json gives boxes and signers.
    protocol: one of `PROTOCOLS`, how many glosses; None for the first.
    findings: `Findings`; None stops at the first damage.
    splits: names of the splits to read.

  Returns:
    {split: [`SignClip`]}.

  Raises:
    UserError: a file is missing or damaged.
  """
  root, findings = pathlib.Path(manual_dir), findings or Findings()
  count = int(protocol or PROTOCOLS[0])
  classes, path = vocabulary(root, protocol), _split_list(root, count)
  if path:
    own = SPLIT_LIST.format(count)
    less = f" with labels below {count}; {own} may list a few less" if path.name != own else ""
    findings.notes.append(f"the clips are those of {path.name}{less}")
    return _read_split_list(path, classes, findings, splits, _details(root, findings))
  if full := _full_list(root):
    findings.notes.append(f"the clips are those of {full.name}")
    return _read_full_list(full, classes, findings, splits)
  paths = _nla_slr_lists(root, count)
  findings.notes.append(f"the clips are those of {next(iter(paths.values())).parent}")
  return sign_lists.read(paths, splits, classes, (VIDEOS,), findings, EXCESS)


def vocabulary(manual_dir, protocol=None):
  """The `Vocabulary` of a protocol.

  Raises:
    UserError: nothing names the classes, or a list is damaged.
  """
  root, count = pathlib.Path(manual_dir), int(protocol or PROTOCOLS[0])
  if (root / CLASS_LIST).is_file() or not _full_list(root):
    glosses = _class_list(root / CLASS_LIST)
  else:
    glosses = _most_frequent(_full_list(root))
  check_glosses(glosses, count, root / CLASS_LIST)
  path = _split_list(root, count)
  total = int(path.stem.rpartition("_")[2]) if path else len(glosses)
  return Vocabulary(count, max(min(total, len(glosses)), count), glosses)


def _split_list(root, count):
  """The smallest nslt_N.json that holds a subset: each holds those before it. None without any."""
  paths = [root / SPLIT_LIST.format(n) for n in sorted(SUBSETS) if n >= count]
  return next((path for path in paths if path.is_file()), None)


def _full_list(root):
  """WLASL_v0.3.json, or that of another version, or None."""
  return next(iter([*root.glob(FULL_LIST), *sorted(root.glob("WLASL_v*.json"))]), None)


def _nla_slr_lists(root, count):
  paths = sign_lists.find(root, [folder.format(count) for folder in FOLDERS])
  if not paths:
    raise UserError(
      f"{root} holds no list of clips: put {SPLIT_LIST.format(count)} with {CLASS_LIST} there, or "
      f"{FULL_LIST}, both from the corpus's owner"
    )
  return paths


def _class_list(path):
  """The glosses of lines of a label and a gloss, by label."""
  rows = plain_table.lines(path)
  glosses = []
  for number, line in rows:
    label, _, gloss = line.partition("\t")
    if label.strip() != str(len(glosses)):
      raise UserError(
        f"{path}, line {number}: {clips.shown(line[:80])} is no label, which should be "
        f"{len(glosses)}, a tabulator and a gloss, get the released file"
      )
    glosses.append(gloss.strip())
  return glosses


def _glosses_of(path):
  """Yields (gloss, instances, where) of the full list."""
  for number, entry in enumerate(annotation_files.read_json(path, list)):
    where = f"{path}, entry {number}"
    gloss = entry.get("gloss") if isinstance(entry, dict) else None
    instances = entry.get("instances") if isinstance(entry, dict) else None
    if not isinstance(gloss, str) or not isinstance(instances, list):
      raise UserError(f"{where} has no gloss and no list of instances, get the released file")
    yield gloss.strip(), instances, where


def _most_frequent(path):
  """All glosses of the full list, those with most instances first; equal ones in its order."""
  counts = [(gloss, len(instances)) for gloss, instances, _ in _glosses_of(path)]
  return [gloss for gloss, _ in sorted(counts, key=lambda pair: -pair[1])]


def _read_split_list(path, classes, findings, splits, details):
  collector = signs.Collector(findings, splits)
  for name, entry in annotation_files.read_json(path, dict).items():
    where = f"{path}, {clips.shown(name)}"
    split = split_names.split_of(entry.get("subset")) if isinstance(entry, dict) else None
    action = entry.get("action") if isinstance(entry, dict) else None
    is_action = isinstance(action, list) and len(action) == 3
    if split and split not in splits or is_action and classes.is_beyond(action[0]):
      continue
    with collector.entry(split or "unknown", name):
      if not split or not is_action:
        raise UserError(f"{where} has no subset or no action of three numbers, correct it")
      found = details.get(name, {})
      clip = _clip(name, action, classes, found.get("signer_id"), found.get("bbox"), where)
      collector.add(split, clip, where)
  return collector.result()


def _read_full_list(path, classes, findings, splits):
  collector = signs.Collector(findings, splits)
  for gloss, instances, where in _glosses_of(path):
    if classes.is_beyond(gloss):
      continue
    for entry in instances:
      split = split_names.split_of(entry.get("split")) if isinstance(entry, dict) else None
      name = entry.get("video_id") if isinstance(entry, dict) else None
      if split and split not in splits:
        continue
      at = f"{where}, {clips.shown(name)}"
      with collector.entry(split or "unknown", name):
        if not split:
          raise UserError(f"{at} has no split, correct it")
        action = gloss, entry.get("frame_start"), entry.get("frame_end")
        collector.add(split, _clip(name, action, classes, entry.get("signer_id"),
                                   entry.get("bbox"), at), at)  # fmt: skip
  return collector.result()


def _details(root, findings):
  """{video_id: instance} of the full list, if it is there; of use beside a list of splits."""
  path = _full_list(root)
  if not path:
    return {}
  findings.notes.append(f"boxes and signers are those of {path.name}")
  found = {}
  for _, instances, _ in _glosses_of(path):
    for entry in instances:
      with contextlib.suppress(AttributeError, TypeError):  # it is none, or its id is no text
        found[entry.get("video_id")] = entry
  return found


def _clip(name, action, classes, signer, box, where):
  """`action` is a label or gloss, the first frame, counted from 1, and the last or `_TO_END`."""
  clips.check_name(name, where)
  label = classes.label(action[0], where)
  first, last = (signs.whole_number(x, "a frame", where) for x in action[1:])
  if first < 1 or last != _TO_END and last < first:
    raise UserError(f"{where} lasts from frame {first} to frame {last}, correct it")
  return SignClip(
    video_id=name,
    label=label,
    gloss=classes.gloss(label),
    signer=str(signer) if type(signer) is int else "",
    places=(signs.Place(f"{VIDEOS}/{name}", signs.EITHER),),
    first_frame=first - 1,
    end_frame=0 if last == _TO_END else last,
    pixels=signs.WHOLE if box is None else annotation_files.box(box, where),
  )
