"""SPOT-ALIGN from the command line: trained with every switch moved, selected, exported, read."""

import json

import numpy as np
import pytest

from sign_jax import export
from sign_jax.weights import readers
from tests import program

pytestmark = pytest.mark.usefixtures("quick_compile")
SWITCHES = {
    "model.embed_dim": 8, "model.text.clusters": 2, "model.text.width": 4,
    "model.text.ghost_clusters": 2, "model.text.mask_padding": True,
    "model.text.embedding": "learned", "model.text.lemmas": "none",
    "model.video.aggregation": "max", "model.video.projection": "reduce_geu",
    "model.loss": "batch", "model.dtype": "float32",
}
SMALL = {
    **SWITCHES, "data.name": "signing_sim/tiny", "data.video_length": 8, "data.text_length": 6,
    "batch_size": 8, "eval_batch_size": 8, "steps": 6, "eval_every": 3, "log_every": 1,
}
RECALLS = ("R@1", "R@5", "R@10")


def arguments(workdir, data_dir, **changes):
  settings = {**SMALL, "data.data_dir": data_dir, **changes}
  return ["--config=configs/spot_align.py", f"--workdir={workdir}",
          *(f"--config.{key}={value}" for key, value in settings.items())]  # fmt: skip


def test_it_is_trained_selected_and_exported(data_dir, tmp_path, monkeypatch):
  run = tmp_path / "run"
  results = program.call(monkeypatch, *arguments(run, data_dir))
  for split in ("validation", "test"):
    recalls = [results[f"{split}/t2v/{name}"] for name in RECALLS]
    assert results[f"{split}/t2v/geometric_mean"] == pytest.approx(np.prod(recalls) ** (1 / 3))
  rows = program.metrics(run)
  losses = [row for row in rows if "loss" in row]
  assert len(losses) == 6 and all(np.isfinite(row["loss"]) for row in losses)
  rates = [row["learning_rate"] for row in losses]
  assert rates == pytest.approx([4e-3 * 0.95 ** (step // steps_of_epoch()) for step in range(6)])
  judged = {row["step"]: row["validation/t2v/geometric_mean"] for row in rows
            if "validation/t2v/geometric_mean" in row}  # fmt: skip
  assert judged.keys() == {3, 6}
  best = max(judged, key=lambda step: (judged[step], -step))  # of equal ones the first
  assert json.loads((run / "results.json").read_text())["best_step"] == best

  file = tmp_path / "released.safetensors"
  export.main(["--workdir", str(run), "--out", str(file)])
  state = readers.read(file)
  assert state["ce.video_dim_reduce.0.fc.weight"].shape == (8, 32)
  assert state["text_pooling.clusters"].shape == (4, 4)
  assert "ce.video_GU.0.fc.weight" not in state
  again = program.call(
      monkeypatch, *arguments(tmp_path / "again", data_dir, **{"init.model": file}),
      "--mode=evaluate",
  )
  for name, value in results.items():
    if name.startswith("test/"):
      assert again[name] == pytest.approx(value), name


def steps_of_epoch():
  """Of the 40 training videos of signing_sim/tiny, an incomplete batch being dropped."""
  return 40 // SMALL["batch_size"]
