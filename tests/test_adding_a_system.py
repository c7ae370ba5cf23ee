"""docs/adding_a_system.md, done: systems from outside the package train, export and are checked.

The files are the page's own blocks, written into a folder that is no part of this project.
"""

import hashlib
import json
import re
import tomllib

import numpy as np
import pytest

from sign_jax.weights import readers
from tests import program, videos
from tests.program import ROOT

PAGE = ROOT / "docs" / "adding_a_system.md"
BLOCK = re.compile(r'^```\w+ title="(?P<name>[^"]+)"\n(?P<text>.*?)^```\n', re.S | re.M)
SMALL = {
  "data.name": "signing_sim/tiny", "data.video_length": 16, "data.text_length": 12,
  "batch_size": 8, "eval_batch_size": 8, "epochs": 0, "steps": 60, "eval_every": 20,
}


def package():
  """Digests of the files of `sign_jax`."""
  return {
    path: hashlib.sha256(path.read_bytes()).hexdigest()
    for path in (ROOT / "sign_jax").rglob("*") if path.is_file() and path.suffix != ".pyc"
  }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """The page's files, and what `pip install --editable` leaves of the entry points."""
  root, before = tmp_path_factory.mktemp("outside"), package()
  for block in BLOCK.finditer(PAGE.read_text()):
    path = root / block["name"]
    path.parent.mkdir(exist_ok=True)
    path.write_text(block["text"])
  project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
  points = project["entry-points"]["sign_jax.systems"]
  info = root / "outside-1.0.dist-info"
  info.mkdir()
  (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
  (info / "entry_points.txt").write_text(
    "[sign_jax.systems]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
  )
  yield root
  assert package() == before


def run(folder, *args):
  """stdout of `python -m ARGS` where the folder can be imported."""
  status, out, error = program.run("tests.elsewhere", folder, *args)
  assert status == 0, error
  return out


def flags(settings):
  return [f"--config.{key}={value}" for key, value in settings.items()]


def results(workdir):
  return json.loads((workdir / "results.json").read_text())


def test_a_retrieval_system_trains_evaluates_and_is_exported(folder, data_dir):
  workdir = folder / "runs/pooled"
  args = ["sign_jax.main", "--config", "pooled_config.py", "--workdir", workdir]
  out = run(folder, *args, *flags(SMALL | {"data.data_dir": data_dir, "gradient_cache.chunks": 2}))
  assert "text to video" in out
  trained = results(workdir)
  assert trained["validation/t2v/R@1"] > 100 * 3 / 24  # chance is one of 24
  (workdir / "results.json").unlink()
  run(folder, *args, "--mode", "evaluate")
  assert results(workdir) == trained
  file = folder / "pooled.safetensors"
  run(folder, "sign_jax.export", "--workdir", workdir, "--out", file)
  state = readers.read(file)
  assert {name: x.shape for name, x in state.items()} == {
    "video.weight": (32, state["video.weight"].shape[1]), "video.bias": (32,),
    "words.weight": (49408, 32),
  }  # fmt: skip
  # The file goes in again, and gives the same numbers without training.
  again = folder / "runs/again"
  run(folder, *args[:-1], again, "--mode", "evaluate", f"--config.init.model={file}",
      *flags(SMALL | {"data.data_dir": data_dir}))  # fmt: skip
  for name, value in results(again).items():
    if name.startswith("test/"):
      assert value == trained[name], name


def test_its_golden_case_is_checked(folder):
  run(folder, "pooled.original", "case")
  said = run(folder, "sign_jax.parity", "pooled", "case")
  assert re.search(r"[1-9]\d* quantities agree, 0 do not", said)
  arrays = dict(np.load(folder / "case.npz"))
  name = next(iter(arrays))
  np.savez(folder / "case.npz", **arrays | {name: arrays[name] * 1.01})
  with pytest.raises(AssertionError):
    run(folder, "sign_jax.parity", "pooled", "case")


def test_a_system_that_recognises_trains_and_evaluates(folder):
  rows = ["video,start,end,label,split"]
  for number in range(8):
    videos.render(folder / f"videos/{number}.mp4", 20, seed=number)
    split = "train" if number < 6 else "validation"
    rows.append(f"{number}.mp4,0,0.8,{number % 2},{split}")
  (folder / "labels.csv").write_text("\n".join(rows) + "\n")
  workdir = folder / "runs/colours"
  settings = {
    "data.labels": "labels.csv", "data.videos": "videos", "data.size": 32, "batch_size": 2,
    "eval_batch_size": 2, "epochs": 0, "steps": 6, "eval_every": 3, "log_every": 1,
  }
  args = ["sign_jax.main", "--config", "colours_config.py", "--workdir", workdir]
  run(folder, *args, *flags(settings))
  assert "validation/top1" in results(workdir)
  metrics = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
  losses = [row["loss"] for row in metrics if "loss" in row]
  assert len(losses) == 6 and np.isfinite(losses).all()
  noted = json.loads((workdir / "config.json").read_text())["inputs"]
  assert noted == {"video": [[16, 32, 32, 3], "uint8"], "classes": 2}
