"""Small files of poses that ask for much: `python -m tests.data_builders.crafted_poses KIND`.

Prints a JSON list, {name, bytes, peak (MB above what the imports take), seconds (of CPU), said} for
each file, "said" being the sentence or "read". Read with one kind in a process, as memory that was
taken once stays counted.
"""

import gzip
import io
import json
import pathlib
import pickle
import resource
import struct
import sys
import tempfile
import time

import numpy as np

from data_builders.attachments import poses
from sign_jax.errors import UserError
from tests.data_builders.test_attachments_pose_files import header

MB = 1 << 20
FOUR = 4 * MB - 100  # the most that a frame of OpenPose may have


def filled(unit, size=FOUR, start='{"people": [', end="]}"):
  """JSON of about `size` bytes: many units, separated by commas."""
  count = size // (len(unit) + 1)
  return start + ",".join([unit] * count) + end


HAND = '{"hand_left_keypoints_2d": [' + ",".join(["1"] * 63) + "]}"
DIGITS = "9" * 100_000
OPENPOSE = {
  "1.4 million people without anything": [filled("{}")],
  "people that are lists": [filled("[]")],
  "people that are numbers": [filled("1")],
  "people that are nothing": [filled("null")],
  "people with one key": [filled('{"":0}')],
  "people with other keys": [filled('{"a":[],"b":{}}')],
  "lists in lists": ['{"people": ' + "[" * (FOUR // 2) + "]" * (FOUR // 2) + "}"],
  "lists in lists without end": ["[" * FOUR],
  "many keys": ["{" + ",".join(f'"{i}":0' for i in range(400_000)) + "}"],
  "the same key again and again": [filled('"people":[]', start="{", end="}")],
  "keypoints without end": [filled("1.5", start='{"people":[{"pose_keypoints_2d":[', end="]}]}")],
  "short text": [filled('"a"')],
  "one long text": [json.dumps({"people": [], "version": "x" * (FOUR - 100)})],
  "a text of escapes": ['{"people": [], "version": "' + "\\u1234" * (FOUR // 7) + '"}'],
  "long numbers": [filled(DIGITS, start='{"people":[{"pose_keypoints_2d":[', end="]}]}")],
  "blanks": ['{"people": [' + " " * FOUR + "]}"],
  "more bytes than a frame has": [filled("{}", 5 * MB)],
  "999 people without anything in each of 500 frames": [filled("{}", 2997)] * 500,
  "999 people with a hand in each of 20 frames": [filled(HAND, 999 * (len(HAND) + 1))] * 20,
  "nobody in 5000 frames": ['{"people": []}'] * 5000,
  "no text": [b"\xff\xfe" * (FOUR // 2)],
}  # fmt: skip


def openpose(root):
  for number, (name, frames) in enumerate(OPENPOSE.items()):
    folder = root / str(number)
    folder.mkdir()
    for frame, content in enumerate(frames):
      data = content if isinstance(content, bytes) else content.encode()
      (folder / f"a_{frame}_keypoints.json").write_bytes(data)
    yield name, folder


NOSE = {"POSE_LANDMARKS": ["NOSE"]}
START = header({})[:10]


def component(points=b"", limbs=b"", colours=b"", counts=(0, 0, 0), form="XYC"):
  name = struct.pack("<H", 14) + b"POSE_LANDMARKS" + struct.pack("<H", len(form)) + form.encode()
  return name + struct.pack("<HHH", *counts) + points + limbs + colours


def body(frames, people, points=1, dims=2, claimed=None):
  data = np.ones(frames * people * points * (dims + 1), "<f4").tobytes()
  return struct.pack("<fIH", 25, claimed or frames, people) + data


MANY = 65535
POSE = {
  "65535 components": START + struct.pack("<H", MANY) + bytes(4 * MB),
  "components with 65535 points without names": START + struct.pack("<H", 30)
    + component(bytes(2 * MANY), counts=(MANY, 0, 0)) * 30,
  "components with 65535 lines": START + struct.pack("<H", 15)
    + component(limbs=bytes(4 * MANY), counts=(0, MANY, 0)) * 15,
  "components with 65535 colours": START + struct.pack("<H", 10)
    + component(colours=bytes(6 * MANY), counts=(0, 0, MANY)) * 10,
  "a name of 65535 letters": START + struct.pack("<HH", 1, MANY) + b"a" * MANY,
  "a format of 65535 letters": START + struct.pack("<H", 1)
    + component(struct.pack("<H", 4) + b"NOSE", counts=(1, 0, 0), form="X" * MANY)
    + body(15, 1, dims=MANY - 1),
  "65535 people": header(NOSE, form="XYC") + body(1, MANY),
  "1001 people": header(NOSE, form="XYC") + body(300, 1001),
  "900 people in 300 frames": header(NOSE, form="XYC") + body(300, 900),
  "300,000 frames": header(NOSE, form="XYC") + body(300_000, 1),
  "150,000 frames": header(NOSE, form="XYC") + body(150_000, 1),
  "frames of nobody": header(NOSE, form="XYC") + struct.pack("<fIH", 25, 2**32 - 1, 0),
  "frames without points": header({"POSE_LANDMARKS": []}, form="XYC")
    + struct.pack("<fIH", 25, 2**32 - 1, MANY),
  "2^32 frames": header(NOSE, form="XYC") + body(9, 1, claimed=2**32 - 1),
  "a product that overflows": header(NOSE, form="XYC") + body(9, 1, claimed=2**32 - 1)[:6]
    + b"\xff\xff" + bytes(MB),
  "version 0.1, 65535 frames and people": header(NOSE, 0.1, "XYC")
    + struct.pack("<HHH", 25, MANY, MANY) + bytes(4 * MB),
  "version 0.0": header(NOSE, 0.0, "XYC") + struct.pack("<HH", 25, MANY) + bytes(4 * MB),
  "10,000 people whom nobody sees": header(NOSE, form="XYC") + struct.pack("<fIH", 25, 9, 10_000)
    + bytes(9 * 10_000 * 12),
  "zeros": bytes(4 * MB),
  "ones": b"\xff" * 4 * MB,
}  # fmt: skip


def pose(root):
  for number, (name, content) in enumerate(POSE.items()):
    path = root / f"{number}.pose"
    path.write_bytes(content)
    yield name, path


def again(value, *counts):
  """A list of a list ... of one value: a pickle holds it once."""
  for count in counts:
    value = [value] * count
  return value


def instances(depth):
  return {"instances": again(instances(depth - 1), 900)} if depth else {}


PERSON = np.ones((133, 2), np.float32)
POINTS = [[1.0, 2.0]] * 133
PICKLES = {
  "9.4 million empty sets": lambda: gzip.compress(b"\x80\x04(" + b"\x8f" * 9_400_000 + b"l."),
  "9.4 million empty lists": lambda: gzip.compress(b"\x80\x04(" + b"]" * 9_400_000 + b"l."),
  "300 MB of zeros": lambda: gzip.compress(pickle.dumps(np.zeros((188_000, 133, 3), "f4")), 1),
  "one person 50,000 times": lambda: {"keypoints": again(PERSON[None], 50_000)},
  "one person 900 times in 60 frames": lambda: again(PERSON, 900, 60),
  "lists of one person": lambda: again(POINTS, 900, 60),
  "lists in lists of one list": lambda: again([], 900, 900, 900, 900, 900),
  "lists of one dict": lambda: again({}, 900, 900, 900, 900, 900),
  "dicts in lists in dicts": lambda: [instances(5)] * 900,
  "a dict in itself": lambda: b"\x80\x04}\x94\x8c\x09instances]\x94h\x00as.",
  "a list in itself": lambda: b"\x80\x04]\x94h\x00a.",
  "two million frames of nobody": lambda: again(None, 2_000_000),
  "190,000 frames of nobody": lambda: {"keypoints": again(None, 190_000)},
  "numbered frames of nobody": lambda: dict.fromkeys(range(150_000)),
  "a frame and another far from it": lambda: {0: None, 2**59: None},
  "long lists of one number": lambda: again(1.0, 3000, 900, 900),
  "long text for numbers": lambda: again("1" * 100_000, 2, 133, 1, 900),
  "numbers of 10,000 digits": lambda: again(10**10_000, 2, 133, 1, 900),
  "objects": lambda: {"keypoints": np.array([again(POINTS, 900), None], object)},
  "scores of another shape": lambda: {"keypoints": again(PERSON, 900, 20),
                                      "scores": again(np.ones(133), 900, 20)[1:]},
  "people without points": lambda: {"keypoints": np.zeros((30_000, 900, 0, 2), "f4")},
  "keypoints of nothing": lambda: {"keypoints": np.zeros((2**40, 0, 133, 2), "f4")},
  "names of 100,000 letters": lambda: {f"{i}x" * 50_000: None for i in range(5)},
}  # fmt: skip


def pickles(root):
  for number, (name, make) in enumerate(PICKLES.items()):
    content = make()
    path = root / f"{number}.pkl"
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
    yield name, path


KINDS = {"openpose": openpose, "pose": pose, "pickles": pickles}


def size(path):
  return sum(x.stat().st_size for x in (path.iterdir() if path.is_dir() else [path]))


def peak():
  """The most memory, in MB, that this process had."""
  status = pathlib.Path("/proc/self/status")
  if status.exists():  # what getrusage says includes the process that started this one
    return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read(path):
  """What came of a file: the sentence, or "read"."""
  try:
    poses.PoseFolder.read(path)
  except UserError as error:
    return str(error)
  return "read"


def make(kind, root):
  """Writes the files in another process, whose memory does not count; [(name, path)]."""
  return [(name, str(path)) for name, path in KINDS[kind](pathlib.Path(root))]


def main(kind, root, files):
  warm = io.BytesIO()
  np.save(warm, np.zeros(9))  # what numpy loads only when asked
  base, found = peak(), []
  for name, path in files:
    start = time.process_time()
    said = read(pathlib.Path(path))
    seconds = time.process_time() - start
    found.append({"name": name, "bytes": size(pathlib.Path(path)), "peak": peak() - base,
                  "seconds": seconds, "said": said.replace(root, "")})  # fmt: skip
  print(json.dumps(found))


if __name__ == "__main__":
  if len(sys.argv) == 3:  # the process that reads: KIND, and a file with what there is to read
    listed = json.loads(pathlib.Path(sys.argv[2]).read_text())
    main(sys.argv[1], str(pathlib.Path(sys.argv[2]).parent), listed)
  else:
    import subprocess

    with tempfile.TemporaryDirectory() as root:
      note = pathlib.Path(root) / "files.json"
      note.write_text(json.dumps(make(sys.argv[1], root)))
      subprocess.run([sys.executable, "-m", __spec__.name, sys.argv[1], str(note)], check=True)
