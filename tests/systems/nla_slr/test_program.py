"""NLA-SLR from the command line: trained on the simulator's signs, measured, used on a video."""

import json

import numpy as np
import pytest

from data_builders.signing_sim import videos
from sign_jax import export, recognize
from sign_jax.data.sign_clips import SignClips
from tests import program

pytestmark = pytest.mark.usefixtures("quick_compile")
SMALL = {
    "data.name": "signing_sim/frames_tiny", "data.linear_baseline": False,
    # One stream compiles in half the time of two; `tests/test_recognize.py` reads both modalities.
    "model.modalities": "keypoint", "model.lengths": "short", "model.width": 1 / 16,
    "model.intra_mixup": 0.75, "data.jitter": 0.3,  # which the simulator's settings leave out
    "model.dtype": "float32",
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
  for row in ("per instance", "per class", "look-alikes, unrelated", "all other signs"):
    assert row in table
  assert {"test/top1", "test/top10", "test/class_top5", "test/others/top1"} <= set(results)

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

  hub = tmp_path / "hub"
  export.main(["--workdir", str(run), "--out", str(hub), "--format", "hub"])
  assert ", keypoints=" in (hub / "README.md").read_text()
  capsys.readouterr()
  recognize.main(["--workdir", str(hub), str(tmp_path / "sign.mp4"), "--keypoints",
                  str(tmp_path / "sign.npz"), "--json", "-"])  # fmt: skip
  assert json.loads(capsys.readouterr().out) == [found]
