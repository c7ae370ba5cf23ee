"""Small corpora in the layouts of their releases, as the builders' tests read them."""

import pathlib
import pickle

import numpy as np
from PIL import Image

from tests import videos

DIM = 8
WORDS = ("rain", "falls", "in", "the", "north", "tonight", "and", "sun", "tomorrow", "again")
SPLITS = {"train": "train", "validation": "dev", "test": "test"}


def number(name):
  """A small number that differs between most names."""
  return sum((index + 1) * byte for index, byte in enumerate(name.encode()))


def feature(name, windows=None, dim=DIM):
  """The features of a clip: (windows, dim) float32."""
  rng = np.random.default_rng(number(name))
  return rng.standard_normal((windows or 3 + number(name) % 4, dim)).astype(np.float32)


def pose(name, frames, size=(256, 256)):
  """The pose of a clip: (frames, 133, 3) float32, all over pictures of that width and height."""
  rng = np.random.default_rng(number(name))
  return (rng.uniform(0, 1, (frames, 133, 3)) * [*size, 1]).astype(np.float32)


def num_frames(name):
  """As many frames as the windows of `feature` have at stride 1."""
  return len(feature(name)) + 15


def dump(path, content):
  """Writes a pickle; returns its path."""
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(pickle.dumps(content))
  return path


def write_lines(path, lines):
  """Writes a text file; returns its path."""
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text("\n".join(lines) + "\n", encoding="utf-8")
  return path


def write_features(root, names, folder="agnostic", sign=1):
  """Writes the pickles that CiCo releases: one for each clip, {split: names}."""
  for split, members in names.items():
    for name in members:
      content = {"name": name, "feature": sign * feature(name)}
      dump(root / "features" / folder / SPLITS[split] / f"{name}.pkl", content)


def write_poses(root, names, size=(256, 256)):
  """Writes the pickles that SEDS releases, for How2Sign of pictures of this size."""
  for split, members in names.items():
    for name in members:
      images = [f"images{index:04d}.png" for index in range(num_frames(name))]
      content = {"keypoints": pose(name, len(images), size), "img_list": images}
      dump(root / "pose" / SPLITS[split] / f"{name}.pkl", content)


def sentence(index):
  """The index-th sentence; the first begins with a quotation mark, the second holds one."""
  words = " ".join(WORDS[(index + shift) % len(WORDS)] for shift in range(4))
  traps = {0: f'"Oh no, {words}', 1: f'{words}, 6" deep'}
  return traps.get(index, f"{words}, number {index}.")


# How2Sign: every sentence by two signers, in two raw videos of each split.

HOW2SIGN_HEADER = (
  "VIDEO_ID\tVIDEO_NAME\tSENTENCE_ID\tSENTENCE_NAME\tSTART_REALIGNED\tEND_REALIGNED\tSENTENCE"
)


def how2sign_rows(split, sentences=4):
  """Rows of a table: dicts; sentence 1 comes before sentence 0 in the video."""
  first = 100 * list(SPLITS).index(split)
  rows = []
  for signer in (5, 8):
    video = f"-{split[:3]}Id_x-{signer}-rgb_front"
    for index in range(sentences):
      start = 0.2 * (index ^ 1)
      rows.append({
        "VIDEO_ID": f"-{split[:3]}Id_x",
        "VIDEO_NAME": video,
        "SENTENCE_ID": f"-{split[:3]}Id_x_{index}",
        "SENTENCE_NAME": f"-{split[:3]}Id_x_{index}-{signer}-rgb_front",
        "START_REALIGNED": f"{start:.2f}",
        "END_REALIGNED": f"{start + 0.2:.2f}",
        "SENTENCE": sentence(first + index),
      })  # fmt: skip
  return rows


def cico_name(row):
  """The name that CiCo gives to a row of `how2sign_rows`."""
  index = int(row["SENTENCE_ID"].rpartition("_")[2])
  return f"{row['VIDEO_NAME']}_clip{index ^ 1}"


def how2sign_table(root, split, rows, header=HOW2SIGN_HEADER):
  """Writes how2sign_realigned_{train,val,test}.csv."""
  name = {"validation": "val"}.get(split, split)
  lines = ["\t".join(row.values()) for row in rows]
  return write_lines(root / f"how2sign_realigned_{name}.csv", [header, *lines])


def how2sign_pickle(root, split, rows, protocol="cico"):
  """Writes cico/ or seds/{train,dev,test}.pkl."""
  content = {}
  for row in rows:
    name = cico_name(row)
    entry = {"text": row["SENTENCE"], "num_frames": num_frames(name), "video_name": name}
    if protocol == "seds":
      entry["new_video_name"] = row["SENTENCE_NAME"]
    content.setdefault(row["SENTENCE_ID"], []).append(entry)
  return dump(root / protocol / f"{SPLITS[split]}.pkl", content)


def how2sign(root, sentences=4, with_videos=False):
  """Makes the tree of a user of How2Sign; returns {split: CiCo's names}."""
  root, names = pathlib.Path(root), {}
  for split in SPLITS:
    rows = how2sign_rows(split, sentences)
    how2sign_table(root, split, rows)
    how2sign_pickle(root, split, rows)
    how2sign_pickle(root, split, rows, "seds")
    names[split] = [cico_name(row) for row in rows]
    for name in {row["VIDEO_NAME"] for row in rows} if with_videos else ():
      videos.render(root / "raw_videos" / f"{name}.mp4", 5 * sentences, seed=number(name))
  write_features(root, names)
  return names


# PHOENIX-2014T: each video has a sentence of its own; sentences 0 and 2 of a split are equal.

PHOENIX_HEADER = "name|video|start|end|speaker|orth|translation"


def phoenix_names(split, videos_per_split=5):
  days = range(1, videos_per_split + 1)
  return [f"{day:02d}April_2010_{split.title()}_tagesschau-{day}" for day in days]


def phoenix_row(split, index, name):
  text = f'"heute {sentence(index % 2).lower()} und 3 grad in köln {split}'
  return f"{name}|{name}/1/*.png|-1|-1|Signer0{1 + index % 3}|HEUTE REGEN NORD{index}|{text}"


def phoenix_pictures(root, split, name, count=3):
  folder = root / "features/fullFrame-210x260px" / SPLITS[split] / name
  folder.mkdir(parents=True, exist_ok=True)
  for index in range(1, count + 1):
    picture = Image.new("RGB", (21, 26), (index, number(name) % 256, 0))
    picture.save(folder / f"images{index:04d}.png")
  return folder


def phoenix14t(root, videos_per_split=5, with_videos=False):
  """Makes the release's tree and CiCo's pickles; returns {split: names}."""
  root = pathlib.Path(root)
  names = {split: phoenix_names(split, videos_per_split) for split in SPLITS}
  pickles = {}
  for split, members in names.items():
    lines = [phoenix_row(split, index, name) for index, name in enumerate(members)]
    path = root / f"annotations/manual/PHOENIX-2014-T.{SPLITS[split]}.corpus.csv"
    write_lines(path, [PHOENIX_HEADER, *lines])
    pickles[split] = {
      name: {
        "video_name": name,
        "ori_text": line.rpartition("|")[2],
        "text": sentence(index % 2),
        "num_frames": num_frames(name),
      }
      for index, (name, line) in enumerate(zip(members, lines, strict=True))
    }
    for name in members if with_videos else ():
      phoenix_pictures(root, split, name)
  stray = root / "features/fullFrame-210x260px/train/createDnnTrainingLabels-profile.py.lprof"
  write_lines(stray, ["Timer unit: 1e-06 s"])
  pickles["validation"] = {**pickles["train"], **pickles["validation"]}  # as it is released
  for split, content in pickles.items():
    dump(root / "cico" / f"{SPLITS[split]}.pkl", content)
  write_features(root, names)
  return names


# PHOENIX-2014: glosses and no sentences. Some have double spaces, or a quotation mark.

PHOENIX14_HEADER = "id|folder|signer|annotation"
PHOENIX14_GLOSSES = (
  "__ON__ MORGEN  REGEN REGEN loc-NORD", '"HEUTE SONNE', "SCHNEE KOMMEN __EMOTION__", "IN WIND",
)  # fmt: skip


def phoenix14_names(split, videos_per_split=4):
  days = range(1, videos_per_split + 1)
  return [f"{day:02d}April_2010_{split.title()}_heute_default-{day}" for day in days]


def phoenix14_row(index, name):
  return f"{name}|{name}/1/*.png|Signer0{1 + index}|{PHOENIX14_GLOSSES[index]}"


def phoenix14_pictures(root, split, name, count=24, size=(21, 26)):
  """Writes the frames of a video, counted from 0, and a file that is none; returns their folder."""
  folder = root / "features/fullFrame-210x260px" / SPLITS[split] / name / "1"
  folder.mkdir(parents=True, exist_ok=True)
  for index in range(count):
    picture = Image.new("RGB", size, (index, number(name) % 256, 0))
    picture.save(folder / f"{name.rpartition('_')[0]}.avi_pid0_fn{index:06d}-0.png")
  write_lines(folder / "createDnnTrainingLabels.lprof", [""])
  return folder


def phoenix14_flow(root, split, name, count=24):
  """Writes pictures of flow for a video; returns their folder."""
  folder = root / "flow/features/fullFrame-210x260px" / SPLITS[split] / name / "1"
  folder.mkdir(parents=True)
  for index in range(count):
    Image.new("RGB", (21, 26), (128, 128, index)).save(folder / f"{index:06d}.png")
  return folder


def phoenix14(root, videos_per_split=4):
  """Makes the release's tree; returns {split: names}."""
  root = pathlib.Path(root)
  names = {split: phoenix14_names(split, videos_per_split) for split in SPLITS}
  for split, members in names.items():
    lines = [phoenix14_row(index, name) for index, name in enumerate(members)]
    path = root / f"annotations/manual/{SPLITS[split]}.corpus.csv"
    write_lines(path, [PHOENIX14_HEADER, *lines])
    for name in members:
      phoenix14_pictures(root, split, name)
  return names


# CSL-Daily: every sentence by two signers.

CSL_TEXTS = ("他今年四岁。", "今天星期几？", "我要去超市，你去吗？", "他每天回来都很累。")


def csl_names(split, sentences=3):
  first = 10 + 100 * list(SPLITS).index(split)
  numbers = range(first, first + sentences)
  return [f"S{number:06d}_P000{signer}_T00" for number in numbers for signer in (4, 8)]


def csl_text(name):
  return CSL_TEXTS[int(name[1:7]) % len(CSL_TEXTS)]


def csl_info(name):
  text = csl_text(name)
  return {
    "name": name, "length": num_frames(name), "label_gloss": ["他", "今年", str(int(name[1:7]))],
    "label_char": list(text), "label_word": [text[:2], text[2:]], "label_postag": ["r", "w"],
    "signer": int(name[9:12]), "time": 0,
  }  # fmt: skip


def csl_frames(root, name, count=3, folder="sentence/frames_512x512"):
  path = root / folder / name
  path.mkdir(parents=True, exist_ok=True)
  for index in range(count):
    Image.new("RGB", (32, 32), (index, number(name) % 256, 0)).save(path / f"{index:06d}.jpg")
  return path


def csl_daily(root, sentences=3, with_videos=False):
  """Makes the release's tree and CiCo's pickles; returns {split: names}."""
  root = pathlib.Path(root)
  names = {split: csl_names(split, sentences) for split in SPLITS}
  everything = [name for members in names.values() for name in members]
  dump(root / "sentence_label/csl2020ct_v2.pkl", {"info": [csl_info(name) for name in everything]})
  lines = [f"{name}|{SPLITS[split]}" for split, members in names.items() for name in members]
  write_lines(root / "sentence_label/split_1.txt", ["name|split", *lines])
  rows = [f"{i}|{name}|{num_frames(name)}|他|他|他|r" for i, name in enumerate(everything)]
  header = "index|name|length|gloss|char|word|postag"
  write_lines(root / "sentence_label/video_map.txt", [header, *rows])
  for split, members in names.items():
    content = {}
    for name in members:
      content.setdefault(name[:7], []).append({
        "video_name": name, "ori_text": csl_text(name), "text": sentence(int(name[1:7])),
        "num_frames": num_frames(name),
      })  # fmt: skip
    dump(root / "cico" / f"{SPLITS[split]}.pkl", content)
    for name in members if with_videos else ():
      csl_frames(root, name)
  write_features(root, names)
  return names
