"""Annotations of MS-ASL: isolated signs of American Sign Language in videos of YouTube."""

import pathlib
import re

from data_builders.corpus import clips
from data_builders.corpus.findings import Findings
from data_builders.isolated import annotation_files, sign_lists, signs
from data_builders.isolated.signs import SignClip
from data_builders.isolated.vocabulary import Vocabulary, check_glosses
from sign_jax.data import splits as split_names
from sign_jax.errors import UserError

SUBSETS = (1000, 500, 200, 100)  # the default first
PROTOCOLS = tuple(map(str, SUBSETS))
# {protocol: {split: videos}}, as counted in the owner's list of test, and as published.
LISTED = {
  "1000": {"train": 16054, "validation": 5287, "test": 4172},
  "500": {"test": 2720}, "200": {"test": 1359}, "100": {"test": 757},
}  # fmt: skip
PUBLISHED = {"1000": LISTED["1000"]}
VIDEOS, CUT = "videos", "clips"  # folders of whole videos, and of cut clips
WHERE = "videos/YOUTUBE_ID.mp4, whole, or clips/test_00012.mp4, cut"  # what videos are called
SPLIT_LIST, CLASSES, SYNONYMS = "MSASL_{}.json", "MSASL_classes.json", "MSASL_synonym.json"
FOLDERS = ("nla_slr", "MSASL_{}", "MSASL")  # of NLA-SLR's own lists
_NAMES = {"train": "train", "validation": "val", "test": "test"}
_YOUTUBE = re.compile(r"(?:[?&]v=|youtu\.be/|/embed/|/shorts/)([\w-]{5,20})(?![\w-])", re.ASCII)


def read(manual_dir, protocol=None, findings=None, splits=split_names.SPLITS):
  """Reads the annotations.

  Args:
    manual_dir: folder with MSASL_{train,val,test}.json and MSASL_classes.json, or with the classes
      and the lists of NLA-SLR. Clips are called by their split and place in the list: test_00012.
    protocol: one of `PROTOCOLS`, how many classes; None for the first.
    findings: `Findings`; None stops at the first damage.
    splits: names of the splits to read; the files of others are not opened.

  Returns:
    {split: [`SignClip`]}.

  Raises:
    UserError: a file is missing or damaged.
  """
  root, findings = pathlib.Path(manual_dir), findings or Findings()
  protocol = protocol or PROTOCOLS[0]
  classes = vocabulary(root, protocol)
  paths = sign_lists.find(root, [folder.format(protocol) for folder in FOLDERS])
  if paths and not any(_path(root, split).is_file() for split in split_names.SPLITS):
    findings.notes.append(f"the clips are those of {next(iter(paths.values())).parent}")
    return sign_lists.read(paths, splits, classes, (CUT, VIDEOS), findings)
  collector, synonyms = signs.Collector(findings, splits), _synonyms(root)
  for split in splits:
    path = _path(root, split)
    remedy = "get it from the corpus's owner, or name the splits that are there with --splits"
    for number, entry in enumerate(annotation_files.read_json(path, list, remedy)):
      where = f"{path}, entry {number}"
      if isinstance(entry, dict) and classes.is_beyond(entry.get("label")):
        continue
      name = f"{_NAMES[split]}_{number:05d}"
      with collector.entry(split, name):
        if not isinstance(entry, dict):
          raise UserError(f"{where} is no clip with a label, get the released file")
        collector.add(split, _clip(name, entry, classes, synonyms, where), where)
  return collector.result()


def vocabulary(manual_dir, protocol=None):
  """The `Vocabulary` of a protocol; raises UserError where the file of classes is damaged."""
  count, path = int(protocol or PROTOCOLS[0]), pathlib.Path(manual_dir) / CLASSES
  glosses = annotation_files.read_json(path, list)
  check_glosses(glosses, count, path)
  return Vocabulary(count, len(glosses), glosses)


def _path(root, split):
  return root / SPLIT_LIST.format(_NAMES[split])


def _synonyms(root):
  """{word: frozenset of the words that the corpus takes for one with it}; {} without the file."""
  path = root / SYNONYMS
  if not path.is_file():
    return {}
  found = {}
  for group in annotation_files.read_json(path, list):
    words = group if isinstance(group, list) else [group]
    if not all(isinstance(word, str) for word in words):
      raise UserError(f"{path} holds no lists of words, get the released file")
    found |= dict.fromkeys(words, frozenset(words))
  return found


def _clip(name, entry, classes, synonyms, where):
  label = classes.label(entry.get("label"), where)
  gloss, text = classes.gloss(label), entry.get("text")
  # Labels are merged already: `text` is the class, `org_text` the word as it was written.
  if text != gloss and gloss not in synonyms.get(text if isinstance(text, str) else "", ()):
    raise UserError(
      f"{where} has the text {clips.shown(text)}, which is neither {clips.shown(gloss)}, the class "
      f"{label}, nor a synonym of it, correct one"
    )
  first, end = (signs.whole_number(entry.get(key), key, where) for key in ("start", "end"))
  fps = entry.get("fps")
  if type(fps) not in (int, float) or not 0 < fps <= 1000:  # NaN compares false
    raise UserError(f"{where} states no possible 'fps', correct it")
  box, size = entry.get("box"), (entry.get("width"), entry.get("height"))
  signer = entry.get("signer_id")
  return SignClip(
    video_id=name,
    label=label,
    gloss=gloss,
    signer=str(signer) if type(signer) is int and signer >= 0 else "",
    places=_places(name, entry.get("url")),
    first_frame=first,
    end_frame=end,
    fps=float(fps),
    box=signs.WHOLE if box is None else _box(box, where),
    size=tuple(signs.whole_number(x, "width or height", where) for x in size) if box else (0, 0),
  )


def _box(value, where):
  """(left, top, right, bottom) of the file's (top, left, bottom, right), all shares of the picture.

  Of the 4,172 boxes of test, 77 % have their third number at exactly 1 (persons are cut off by the
  lower edge), the middle between the second and the fourth is 0.505 on average (they stand in the
  middle), and the first is near 0.09 (the head is a little below the upper edge).
  """
  top, left, bottom, right = (min(max(x, 0.0), 1.0) for x in annotation_files.box(value, where))
  return left, top, right, bottom


def _places(name, url):
  cut = signs.Place(f"{CUT}/{name}", signs.CLIP)
  match = _YOUTUBE.search(url) if isinstance(url, str) else None
  return (cut, signs.Place(f"{VIDEOS}/{match[1]}", signs.VIDEO)) if match else (cut,)
