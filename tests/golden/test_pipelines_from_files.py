"""642 sentences from files as the authors give them: build, evaluate, the released numbers."""

import shutil

import numpy as np
import pytest

from data_builders import build
from sign_jax.data import tokenizer
from sign_jax.golden import compare, rebuilt_features, seeded
from sign_jax.tasks.retrieval import Retrieval
from tests import program
from tests.cases import GOLDEN
from tests.data_builders import trees
from tests.weights import checkpoints

STEM = GOLDEN / "e2e/upret_phoenix14t"
NAMES = {"R@1": "R1", "R@5": "R5", "R@10": "R10", "MedR": "MR", "MnR": "MeanR"}
# Largest difference of a score, relative to the largest score.
NEAR = 1e-6


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
  """A folder with the data set in it, built from annotations and features."""
  root = tmp_path_factory.mktemp("built")
  facts, _ = compare.read_case(STEM)
  inputs = rebuilt_features.read_inputs(facts["inputs"])
  make, annotations = rebuilt_features.Features(seeded.state_dict(facts)), {}
  for name, frames, ids in zip(*inputs, strict=True):
    text = tokenizer.decode(ids)
    annotations[str(name)] = {
      "video_name": str(name), "text": text, "ori_text": text, "num_frames": int(frames),
    }  # fmt: skip
    for stream, rows in make(str(name), frames, ids).items():
      path = root / f"files/features/{stream}/test/{name}.npy"
      path.parent.mkdir(parents=True, exist_ok=True)
      np.save(path, rows)
  trees.dump(root / "files/cico/test.pkl", annotations)
  build.main([
    "phoenix14t", "--manual_dir", str(root / "files"), "--data_dir", str(root / "tfds"),
    "--splits", "test", "--feature_dtype", "float32",
  ])  # fmt: skip
  shutil.rmtree(root / "files")
  yield root / "tfds"
  shutil.rmtree(root)


def test_evaluation_gives_the_released_numbers(data_dir, tmp_path, monkeypatch):
  facts, arrays = compare.read_case(STEM)
  weights = checkpoints.save(tmp_path / "pytorch_model.bin", seeded.state_dict(facts))
  scores, similarity = [], Retrieval.similarity
  keep = lambda *args: scores.append(similarity(*args)) or scores[-1]
  monkeypatch.setattr(Retrieval, "similarity", keep)
  results = program.call(
    monkeypatch, "--config=configs/upret.py:phoenix14t", f"--workdir={tmp_path / 'run'}",
    "--mode=evaluate", f"--config.init.model={weights}", f"--config.data.data_dir={data_dir}",
    "--config.ties=released",
  )  # fmt: skip
  (found,) = scores
  part = found[:: facts["rows_step"], :: facts["columns_step"]]
  assert np.abs(part - arrays["part"]).max() < NEAR * np.abs(arrays["part"]).max()
  for way in ("t2v", "v2t"):
    for name, released in NAMES.items():
      # Some of the released metrics were computed in float32.
      assert results[f"test/{way}/{name}"] == pytest.approx(facts[way][released], rel=1e-7)
