"""The encoder on features: its segments, and the whole way of its program."""

import contextlib
import json

import numpy as np
import pytest

import sign_jax
from sign_jax import errors, export, extract
from sign_jax.data import feature_files, feature_segments, label_table, recognized_files
from sign_jax.data.feature_files import FeatureFile
from sign_jax.data.label_table import Label
from sign_jax.encoder.feature_encoder import FeatureEncoder
from sign_jax.errors import UserError
from sign_jax.run import trained
from tests import program

DIM, FPS, STRIDE = 6, 24.0, 2


def write(folder, name, feature):
  path = feature_files.path_of(folder, name)
  feature = np.asarray(feature, np.float32)
  content = FeatureFile(feature, STRIDE * (len(feature) - 1) + 16, FPS, STRIDE, "test")
  feature_files.write(path, content)
  return content


@pytest.mark.parametrize(
  "start, end, expected",
  [
    (8 / FPS, 8.5 / FPS, (0, 1)),  # the middle of the first window
    (9.5 / FPS, 14.5 / FPS, (1, 4)),  # frames 10, 12 and 14
    (0.0, 1 / FPS, (0, 1)),  # before every middle: the nearest
    (12.1 / FPS, 13.5 / FPS, (2, 3)),  # between two
    (90 / FPS, 95 / FPS, (9, 10)),
    (0.0, float("inf"), (0, 10)),
  ],
)
def test_a_segment_has_the_windows_whose_middle_it_holds(tmp_path, start, end, expected):
  content = write(tmp_path, "a", np.zeros((10, DIM)))
  assert feature_segments.inside(content, start, end) == slice(*expected)


def test_features_of_other_columns_are_refused(tmp_path):
  write(tmp_path, "a", np.zeros((10, DIM)))
  segments = feature_segments.FeatureSegments(tmp_path, [Label("a.npz", 0, 1, 0)], DIM + 1)
  with pytest.raises(UserError, match="6 columns and data.dim is 7"):
    segments.rows(0)


def corpus(root):
  """Feature files of three classes that are easy to tell apart, and their table of labels."""
  rng = np.random.default_rng(0)
  means = 3 * rng.standard_normal((3, DIM))
  lines = [",".join((*label_table.COLUMNS, "split"))]
  for number in range(24):
    label = number % 3
    write(root, f"v{number}", means[label] + rng.standard_normal((9, DIM)))
    split = ("train", "train", "validation", "test")[number // 6]
    lines.append(f"v{number}.npz,0,1,{label},1,{'abc'[label]},{split}")
  table = root / "labels.csv"
  table.write_text("\n".join(lines) + "\n")
  return table


def test_it_is_trained_stopped_resumed_exported_and_used(tmp_path, monkeypatch):
  workdir, again, file = (tmp_path / name for name in ("run", "again", "encoder.safetensors"))
  table = corpus(tmp_path)
  settings = [
    "--config=configs/feature_encoder.py", f"--config.data.labels={table}",
    f"--config.data.videos={tmp_path}", f"--config.data.dim={DIM}", "--config.steps=40",
    "--config.eval_every=20", "--config.batch_size=6", "--config.optim.lr=0.03",
    "--config.model.widths=16,8",
  ]
  arguments = [*settings, f"--workdir={workdir}"]
  program.stop_at(25, monkeypatch)
  with pytest.raises(SystemExit):
    program.call(monkeypatch, *arguments)
  monkeypatch.undo()
  results = program.call(monkeypatch, *arguments)
  assert results["test/top1"] == results["validation/top1"] == 100
  assert json.loads((workdir / "results.json").read_text())["test/top1"] == 100

  model = sign_jax.load(workdir)
  features = feature_files.read(tmp_path / "v19.npz").feature  # of class 1
  named = model.recognize(features, top=2)
  assert [row[0] for row in named.labels] == ["b"] * 9
  with pytest.raises(UserError, match=r"not \(n, 6\)"):
    model.recognize(features[:, 1:])
  encoded = FeatureEncoder(trained.load(workdir))(np.repeat(features, 12, 0))  # of two parts
  assert encoded.embedding.shape == (108, 8)
  np.testing.assert_allclose(encoded.probabilities.sum(1), 1, rtol=1e-5)
  np.testing.assert_array_equal(encoded.probabilities[::12].argmax(1), named.classes[:, 0])

  check_extraction(tmp_path, workdir, monkeypatch)
  export.main(["--workdir", str(workdir), "--out", str(file)])
  evaluated = program.call(
    monkeypatch, *settings, f"--workdir={again}", "--mode=evaluate",
    f"--config.init.feature_encoder={file}",
  )
  assert evaluated["test/top1"] == 100 and evaluated["test/top5"] == 100
  from_file = sign_jax.load(file, labels=list("abc"))
  np.testing.assert_array_equal(
    from_file.recognize(features, top=2).probabilities, named.probabilities
  )


def check_extraction(root, workdir, monkeypatch):
  """Embeddings and signs of feature files, complete ones once, damaged ones named."""
  source, out, signs = root / "source", root / "out", root / "signs"
  for number in range(3):
    write(source, f"day/v{number}", np.full((9, DIM), number))
  (source / "day" / "bad.npz").write_bytes(b"no archive")
  command = ["--features", source, "--weights", workdir, "--out", out, "--recognized", signs]

  def run():
    with pytest.raises(SystemExit):
      extract.main(list(map(str, command)))

  run()
  written = feature_files.read(out / "day/v1.npz")
  assert written.feature.shape == (9, 8) and written.weights.startswith("run:")
  assert (written.num_frames, written.fps, written.stride) == (32, FPS, STRIDE)
  found = recognized_files.read(signs / "day/v1.npz")
  probabilities = FeatureEncoder(trained.load(workdir))(np.ones((9, DIM))).probabilities
  np.testing.assert_array_equal(found.label, probabilities.argmax(1))
  np.testing.assert_array_equal(found.score, probabilities.max(1))
  # What is there stays, what is missing is made.
  times = {path: path.stat().st_mtime_ns for path in sorted(out.rglob("*.npz"))}
  (signs / "day/v2.npz").unlink()
  run()
  changed = [p.stem for p, time in times.items() if p.stat().st_mtime_ns != time]
  assert len(times) == 3 and changed == ["v2"] and (signs / "day/v2.npz").exists()
  np.savez(signs / "day/v2.npz", label=np.zeros(9, int), score=np.full(9, 2.0), weights="w")
  with pytest.raises(UserError, match="no classes and probabilities"):
    recognized_files.read(signs / "day/v2.npz")
  other = feature_files.read(out / "day/v0.npz")._replace(weights="run:other")
  feature_files.write(out / "day/v0.npz", other)
  with monkeypatch.context() as patch, pytest.raises(UserError, match="made with another encoder"):
    patch.setattr(errors, "one_sentence", contextlib.nullcontext)
    extract.main(list(map(str, command)))


def test_widths_must_be_numbers(monkeypatch):
  with pytest.raises(UserError, match=r"model.widths=\(0,\) must be whole numbers above 0"):
    program.parse(monkeypatch, "--config=configs/feature_encoder.py", "--config.model.widths=0,")


def test_an_encoder_on_features_is_asked_for(tmp_path):
  with pytest.raises(UserError, match="holds no run"):
    FeatureEncoder(trained.load(tmp_path / "none"))
