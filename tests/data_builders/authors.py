"""Folders as the authors of CiCo and UPRet give them, with small models that fit them.

Nothing is renamed: annotations lie in `data_h2` and the like, without a `dev.pkl` but PHOENIX's;
features in `sign_features/h2s_domain_agnostic/{train,test}/NAME.pkl`, a dict with `name` and
`feature` for each clip; checkpoints are `pytorch_model.bin`, whose towers' matrices are float16.
"""

import json
import pathlib
import pickle
import shutil

import numpy as np

from sign_jax.data.tokenizer import tokenize
from sign_jax.golden import rebuilt_features
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
  in_block = name.startswith("clip.") and any(part in name for part in _HALF)
  return in_block or name in _HALF_WHOLE


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
