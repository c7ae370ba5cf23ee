"""The derived pickles that researchers hold, in the layouts of their owners' code."""

import gzip
import os
import pickle
import sys

import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.untrusted import safe_pickle
from tests.untrusted import tensors
from tests.untrusted.pickles import Call

RNG = np.random.default_rng(0)
FILES = {
  "NLA-SLR annotations": [
    {"name": "WLASL2000/05237", "label": "book", "seq_len": 66, "video_file": "05237.mp4"},
    {"name": "NMFs-CSL/000_1", "label": 0, "seq_len": np.int64(81), "video_file": "000_1"},
    {"name": "手语", "label": "grüßen", "seq_len": 2, "video_file": "a/手语.mp4"},
  ],
  "NLA-SLR keypoints": {
    "05237": RNG.normal(size=(4, 133, 3)).astype(np.float32),
    "000_1": RNG.normal(size=(1, 133, 3)),
    "empty": np.zeros((0, 133, 3), np.float32),
  },
  "SEDS How2Sign": {
    "-g0iPSnQt6w_1": [
      {"video_name": "-g0iPSnQt6w_clip1", "new_video_name": "-g0iPSnQt6w_1-1-rgb_front",
       "text": "We're here.", "ori_text": "We're here.", "num_frames": 90, "number": 2.5}
    ]
  },
  "SEDS PHOENIX": {
    "11August_2010": {"video_name": "11August_2010", "new_video_name": "11August_2010",
                      "text": "und nun", "ori_text": "und nun", "num_frames": 120}
  },
  "RTMPose": {
    "keypoints": RNG.normal(size=(3, 133, 3)).astype(np.float32),
    "img_list": ["000.png", "001.png", "002.png"],
  },
  "RTMPose, names in an array": {
    "keypoints": RNG.normal(size=(2, 133, 3)),
    "img_list": np.array(["000.png", "001.png"]),
  },
  "CiCo features": {"name": "-g0iPSnQt6w_clip1",
                    "feature": RNG.normal(size=(5, 1024)).astype(np.float32)},
  "TwoStream without features": [
    {"name": "train/01April", "signer": "Signer08", "gloss": "JETZT WETTER", "text": "und nun",
     "num_frames": 64, "sign": RNG.normal(size=(64, 8)).astype(np.float32)}
  ],
}  # fmt: skip


def assert_same(actual, expected):
  """Equal in every kind, name and number."""
  assert type(actual) is type(expected)
  if isinstance(expected, dict):
    assert list(actual) == list(expected)
    for key, value in expected.items():
      assert_same(actual[key], value)
  elif isinstance(expected, list):
    assert len(actual) == len(expected)
    for found, value in zip(actual, expected, strict=True):
      assert_same(found, value)
  elif isinstance(expected, np.ndarray):
    assert actual.dtype == expected.dtype and actual.shape == expected.shape
    np.testing.assert_array_equal(actual, expected)
  else:
    assert actual == expected


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("what", FILES)
def test_files_come_back(tmp_path, what, protocol):
  data, path = pickle.dumps(FILES[what], protocol), tmp_path / "file.pkl"
  for content in (data, gzip.compress(data)):
    path.write_bytes(content)
    for with_tensors in (False, True):
      assert_same(safe_pickle.read(path, kind=what, tensors=with_tensors), FILES[what])


@pytest.mark.parametrize("what", FILES)
def test_damage_and_code_are_named(tmp_path, what):
  path, trap = tmp_path / "file.pkl", tmp_path / "trap"
  data = pickle.dumps(FILES[what])
  for damaged in (data[: len(data) // 2], gzip.compress(data)[:-20], b""):
    path.write_bytes(damaged)
    with pytest.raises(UserError, match=f"file.pkl is no complete {what}"):
      safe_pickle.read(path, kind=what, tensors=True)
  path.write_bytes(pickle.dumps([FILES[what], Call(os.mkdir, str(trap))]))
  with pytest.raises(UserError, match=f"file.pkl asks for (posix|nt).mkdir, which no {what}"):
    safe_pickle.read(path, kind=what, tensors=True)
  assert not trap.exists()


def entry(sign):
  """An entry of TwoStream's annotations."""
  return {"name": "train/01April", "signer": "Signer08", "gloss": "JETZT", "text": "und nun",
          "num_frames": 2, "sign": sign}  # fmt: skip


def test_twostreams_annotations_as_pytorch_pickles_them(tmp_path, monkeypatch):
  torch = pytest.importorskip("torch")
  sign = torch.arange(8.0).reshape(2, 4)
  path = tmp_path / "phoenix.train"
  with gzip.open(path, "wb") as file:
    pickle.dump([entry(sign), entry(sign.half() + 1), entry(None)], file)
  monkeypatch.setitem(sys.modules, "torch", None)
  actual = safe_pickle.read(path, kind="annotation file", tensors=True)
  table = sign.numpy()
  assert_same(actual, [entry(table), entry(table.astype(np.float16) + 1), entry(None)])


def test_twostreams_annotations_without_pytorch(tmp_path):
  path = tmp_path / "phoenix.train"
  opcodes = tensors.Raw(
    b"]" + tensors.put(entry(0)) + tensors.put("sign") + tensors.tensor() + b"sa"
  )
  path.write_bytes(gzip.compress(tensors.whole(opcodes)))
  actual = safe_pickle.read(path, kind="annotation file", tensors=True)
  assert_same(actual, [entry(tensors.NUMBERS)])
  with pytest.raises(UserError, match="asks for torch._utils._rebuild_tensor_v2, which no annot"):
    safe_pickle.read(path, kind="annotation file")
