"""NLA-SLR from the command line: trained on the simulator's signs, measured, used on a video."""

import json

import numpy as np
import pytest

from data_builders.signing_sim import videos
from sign_jax import recognize
from sign_jax.data.sign_clips import SignClips
from tests import program

pytestmark = pytest.mark.usefixtures("quick_compile")
SMALL = {
    "data.name": "signing_sim/frames_tiny", "data.linear_baseline": False,
    "model.width": 1 / 16, "model.lengths": "short", "model.dtype": "float32",
    "batch_size": 4, "eval_batch_size": 32, "epochs": 0, "steps": 2, "eval_every": 2,
    "log_every": 1,
}


def test_it_is_trained_measured_and_used(signs_dir, tmp_path, monkeypatch, capsys):
  run, settings = tmp_path / "run", {**SMALL, "data.data_dir": signs_dir}
  args = ["--config=configs/nla_slr.py", f"--workdir={run}",
          *(f"--config.{key}={value}" for key, value in settings.items())]  # fmt: skip
  results = program.call(monkeypatch, *args)
  losses = [row for row in program.metrics(run) if "loss" in row]
  assert len(losses) == 2 and all(np.isfinite(row["loss"]) for row in losses)
  for row in losses:
    assert row["loss"] == pytest.approx(row["loss_smoothing"] + row["loss_mixup"], rel=1e-4)
  table = capsys.readouterr().out
  for row in ("per instance", "per class", "all heads, per instance", "look-alikes, unrelated"):
    assert row in table
  assert {"test/top1", "test/top10", "test/class_top5", "test/ensemble_all/top1"} <= set(results)

  three = program.call(monkeypatch, f"--config={'configs/nla_slr.py'}", f"--workdir={run}",
                       "--mode=evaluate", "--config.data.crops=3")  # fmt: skip
  assert three["test/one_crop/top5"] == results["test/top5"] and three["crops"] == 3
  assert json.loads((run / "results-data.crops=3.json").read_text()) == three

  clips = SignClips("signing_sim/frames_tiny", "test", signs_dir, fields=("video", "keypoints"),
                    size=48)  # fmt: skip
  clip = clips.read(0)
  videos.write_video(tmp_path / "sign.mp4", clip["video"])
  np.savez(tmp_path / "sign.npz", keypoints=clip["keypoints"] * np.float32([48, 48, 1]))
  capsys.readouterr()
  recognize.main(["--workdir", str(run), str(tmp_path / "sign.mp4"), "--keypoints",
                  str(tmp_path / "sign.npz"), "--json", "-"])  # fmt: skip
  (found,) = json.loads(capsys.readouterr().out)
  assert len(found["signs"]) == 5 and {sign["gloss"] for sign in found["signs"]} < set(clips.names)
