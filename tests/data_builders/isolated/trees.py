"""Small corpora of isolated signs in the layouts of their releases."""

import json

import numpy as np

from data_builders import build
from tests import videos
from tests.data_builders.trees import dump, write_lines

GLOSSES = [f"gloss {number}" for number in range(300)]
SIZE = (64, 48)  # width, height of the videos


def keypoints(name, frames):
  """(frames, 133, 3) float32 in pixels, of a clip."""
  rng = np.random.default_rng(sum(name.encode()))
  return (rng.uniform(0, 1, (frames, 133, 3)) * [*SIZE, 1]).astype(np.float32)


def write_json(path, content):
  """Writes a JSON file; returns its path."""
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(json.dumps(content))
  return path


# WLASL: id -> (split, label, first and last frame from 1, frames of the file or None: missing)
WLASL = {
  "00001": ("train", 0, 1, 12, 12),
  "00002": ("train", 1, 101, 110, 10),  # cut already
  "00003": ("train", 2, 5, 14, 20),  # a part of a longer video
  "00004": ("train", 2, 1, 12, None),
  "00005": ("train", 150, 1, 9, 9),  # of the larger subset alone
  "00006": ("val", 1, 1, 12, 12),
  "00007": ("test", 0, 1, 12, 12),
  "00008": ("test", 99, 1, 12, 12),
}
OF_100 = {name: entry for name, entry in WLASL.items() if entry[1] < 100 and entry[4]}


def wlasl(root, kind="nslt", with_videos=True):
  """Makes the tree of a user of WLASL; `kind` of lists is "nslt", "full" or "nla_slr"."""
  write_lines(root / "wlasl_class_list.txt", [f"{n}\t{gloss}" for n, gloss in enumerate(GLOSSES)])
  {"nslt": _nslt, "full": wlasl_full, "nla_slr": _nla_slr}[kind](root)
  for name, (*_, frames) in WLASL.items():
    if frames and with_videos:
      videos.render(root / f"videos/{name}.mp4", frames, SIZE[::-1])
  return root


def _nslt(root):
  entries = {
    name: {"subset": split, "action": [label, first, last]}
    for name, (split, label, first, last, _) in WLASL.items()
  }
  write_json(root / "nslt_300.json", entries)


def wlasl_full(root):
  """Writes the full list, whose frames of whole videos are 1 and -1."""
  instances = {gloss: [] for gloss in GLOSSES}
  for name, (split, label, first, last, frames) in WLASL.items():
    instances[GLOSSES[label]].append({
      "bbox": [16, 12, 48, 48], "fps": 25, "frame_start": first,
      "frame_end": -1 if last == frames else last, "instance_id": 0, "signer_id": 7,
      "source": "web", "split": split, "url": "https://example.org/a.mp4", "variation_id": 0,
      "video_id": name,
    })  # fmt: skip
  content = [{"gloss": gloss, "instances": found} for gloss, found in instances.items()]
  write_json(root / "WLASL_v0.3.json", content)


def _nla_slr(root):
  lists = {"train": [], "val": [], "test": []}
  for name, (split, label, first, last, _) in WLASL.items():
    lists[split].append({
      "name": name, "label": label, "seq_len": last - first + 3, "video_file": f"/far/{name}.mp4",
    })  # fmt: skip
  for split, entries in lists.items():
    dump(root / f"nla_slr/{split.replace('val', 'dev')}.pkl", entries)


def wlasl_keypoints(root, **changes):
  """Writes the pickle of all clips; `changes`: {name: keypoints, None for none}."""
  found = {
    name: changes.get(name, keypoints(name, frames)) for name, (*_, frames) in OF_100.items()
  }
  return dump(root / "keypoints.pkl", {k: v for k, v in found.items() if v is not None})


# MS-ASL: whole videos at 25 frames per second, annotated at 50.

MSASL = {
  "train": [(0, 0.4, 0.8, "aaaaaaaaaaa"), (1, 0.0, 0.4, "aaaaaaaaaaa"), (120, 0.0, 0.4, "c" * 11)],
  "val": [(1, 0.0, 0.48, "-bbbbbbbbb_")],
  "test": [(0, 0.2, 0.6, "-bbbbbbbbb_"), (1, 0.0, 0.4, "missing_one")],
}  # fmt: skip
BOX = [0.25, 0.125, 1.0, 0.875]  # top, left, bottom, right


def msasl(root, with_videos=True, **changes):
  """Makes the tree of a user of MS-ASL; `changes` are of every entry."""
  write_json(root / "MSASL_classes.json", GLOSSES[:130])
  for split, entries in MSASL.items():
    content = [{
      "org_text": "X", "clean_text": "x", "start_time": start, "end_time": end, "signer_id": 20,
      "signer": -1, "start": round(50 * start), "end": round(50 * end), "file": "title",
      "label": label, "height": 48.0, "fps": 50.0, "text": GLOSSES[label], "box": BOX,
      "width": 64.0, "url": f"www.youtube.com/watch?v={video}", **changes,
    } for label, start, end, video in entries]  # fmt: skip
    write_json(root / f"MSASL_{split}.json", content)
  for name in ("aaaaaaaaaaa", "-bbbbbbbbb_") if with_videos else ():
    videos.render(root / f"videos/{name}.mp4", 25, SIZE[::-1])
  return root


# NMFs-CSL: folders of pictures, no names of classes.

NMFS = {"train": 24, "test": 3}  # numbers of clips


def nmfs_csl(root, first_label=0, missing=()):
  """Makes the tree of a user of NMFs-CSL, without the folders in `missing`."""
  picture = np.zeros((24, 32, 3), np.uint8)
  for split, count in NMFS.items():
    labels = [first_label, 1066 + first_label, *range(1 + first_label, count)][:count]
    folders = [f"P01/{split}_{number:02d}" for number in range(count)]
    lines = [f"{folder} {label}" for folder, label in zip(folders, labels, strict=True)]
    write_lines(root / f"{split}.txt", lines)
    for folder in folders:
      if folder not in missing:
        videos.picture_folder(root / "frames" / folder, [picture] * 3, "image_{:05d}.jpg")
  return root


def examples(name, root, split, **options):
  """{video_id: example} of a split; the data set is built in `root / "tfds"`."""
  builder, _ = build.prepare(name, None, root / "tfds", root, **options)
  return {example["video_id"].decode(): example for example in builder.as_data_source(split)}
