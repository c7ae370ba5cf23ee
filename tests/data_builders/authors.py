"""Folders as the authors of CiCo, UPRet and SEDS give them, with small models that fit them.

Nothing is renamed: annotations lie in `data_h2` and the like, without a `dev.pkl` but PHOENIX's;
features in `sign_features/h2s_domain_agnostic/{train,test}/NAME.pkl`, a dict with `name` and
`feature` for each clip; checkpoints are `pytorch_model.bin`, whose towers' matrices are float16.
SEDS has features in `How2Sign/I3D_features/{train,test}/NAME.pkl`, a row for each window that is
kept of the poses, and these in `How2Sign/RTMpose/Pose_all_24rates/NAME.pkl`, of 256 x 256 pixels.
"""

import json
import pathlib
import pickle
import shutil

import jax
import numpy as np

from sign_jax.data import pose
from sign_jax.data.tokenizer import tokenize
from sign_jax.golden import rebuilt_features
from sign_jax.run import task as run_task
from sign_jax.systems import registry
from sign_jax.weights import convert
from tests import fakes
from tests.data_builders import trees
from tests.weights import checkpoints

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
FOLDERS = {
  "how2sign": ("data_h2", "h2s"), "phoenix14t": ("data_ph", "ph"), "csl_daily": ("data_csl", "csl")
}  # fmt: skip
TEXT_LENGTH = 32
# As the released program's conversion picks them.
_HALF = (".attn.in_proj_", ".attn.out_proj.", ".mlp.c_fc.", ".mlp.c_proj.")
_HALF_WHOLE = (
  "clip.visual.conv1.weight", "clip.visual.conv2_trans.weight", "clip.visual.proj",
  "clip.text_projection",
)  # fmt: skip


def state_dict(system):
  """{released name: float32 array} of towers of two blocks of 128."""
  params = json.loads((GOLDEN / f"{system}_tiny.json").read_text())["params"]
  return rebuilt_features.state_dict(params)


def write_checkpoint(folder, state):
  """Writes pytorch_model.bin; returns its path."""
  folder.mkdir(parents=True, exist_ok=True)
  return checkpoints.save(folder / "pytorch_model.bin", {
    name: np.asarray(value, np.float16 if _is_half(name) else None)
    for name, value in state.items()
  })  # fmt: skip


def _is_half(name):
  in_block = name.startswith(("clip.", "clip_rgb.")) and any(part in name for part in _HALF)
  return in_block or name.replace("clip_rgb.", "clip.") in _HALF_WHOLE


def unpack(root, corpus, state, sentences=12):
  """Writes what the authors' drive has of a corpus; returns {split: {name: features}}."""
  getattr(trees, corpus)(root / "tree", sentences)
  annotations, short = FOLDERS[corpus]
  shutil.move(root / "tree/cico", root / annotations)
  shutil.rmtree(root / "tree")
  if corpus != "phoenix14t":
    (root / annotations / "dev.pkl").unlink()
  make, found = rebuilt_features.Features(state), {}
  for path in sorted((root / annotations).glob("*.pkl")):
    found[path.stem] = {
      video["video_name"]: make(
        video["video_name"], video["num_frames"], tokenize(video["text"], TEXT_LENGTH)
      )
      for video in videos(path)
    }
    for name, streams in found[path.stem].items():
      for stream, feature in streams.items():
        place = root / f"sign_features/{short}_domain_{stream}/{path.stem}/{name}.pkl"
        trees.dump(place, {"name": name, "feature": feature})
  return found


SIZE = 256  # px, of the pictures that the poses are of
FRAMES = (40, 150, 320, 12)  # of clips in turn: few, more than 64 windows, more than 300 frames
# Heads of 64 channels, and eight of eight in the fusion: no file says how many there are.
SMALL_SEDS = {
  "model.embed_dim": 64, "model.video.width": 64, "model.video.heads": 1, "model.video.layers": 1,
  "model.text.width": 64, "model.text.heads": 1, "model.text.layers": 1, "model.pose.width": 4,
}  # fmt: skip


def seds_state_dict():
  """{released name: float32 array} of a small SEDS with drawn weights."""
  config = registry.get("seds").config("how2sign")
  config.update_from_flattened_dict(SMALL_SEDS)
  splits = fakes.splits(pose.Settings((SIZE, SIZE)), dims={"agnostic": 1024})
  shapes = jax.eval_shape(run_task.make(config, splits).init, jax.random.key(0))
  rng = np.random.default_rng(0)
  draw = lambda x: np.abs(0.1 * rng.standard_normal(x.shape)).astype(np.float32)
  state = convert.export(jax.tree.map(draw, shapes), registry.get("seds").names)
  signed = lambda x: x * rng.choice(np.float32([-1, 1]), x.shape)
  return {name: signed(x) if x.ndim > 1 else x for name, x in state.items()}


def unpack_seds(root, sentences=4):
  """Writes what SEDS's drive has of How2Sign; {split: {name: features}}."""
  found = {}
  for split in ("train", "test"):
    rows = trees.how2sign_rows(split, sentences)
    trees.how2sign_pickle(root, split, rows, "seds")
    names = [row["SENTENCE_NAME"] for row in rows]
    found[split] = {name: _seds_clip(root, split, place, name) for place, name in enumerate(names)}
  (root / "seds").rename(root / "data_h2")
  return found


def _seds_clip(root, split, place, name):
  rng, frames = np.random.default_rng(place), FRAMES[place % len(FRAMES)]
  keypoints = rng.uniform(20, 200, (133, 3)) + rng.uniform(-3, 3, (frames, 133, 3))
  keypoints[..., 2] = 0.9
  keypoints = keypoints.astype(np.float32)
  kept = (pose.prepare(keypoints, (SIZE, SIZE), name).clips_start >= 0).sum()
  feature = trees.feature(name, int(kept), 1024)
  images = [f"{i:05d}.jpg" for i in range(frames)]
  folder = root / "How2Sign"
  trees.dump(folder / f"I3D_features/{split}/{name}.pkl", {"name": name, "feature": feature})
  trees.dump(
    folder / f"RTMpose/Pose_all_24rates/{name}.pkl", {"keypoints": keypoints, "img_list": images}
  )
  return feature


def videos(path):
  """The entries of a pickle of annotations, in its order."""
  content = pickle.loads(path.read_bytes())
  return [x for entry in content.values() for x in (entry if isinstance(entry, list) else [entry])]


def sentence_numbers(path):
  """For each video of a pickle of annotations, the number of its sentence."""
  content = pickle.loads(path.read_bytes()).values()
  return np.array([
    number for number, entry in enumerate(content)
    for _ in (entry if isinstance(entry, list) else [entry])
  ])  # fmt: skip
