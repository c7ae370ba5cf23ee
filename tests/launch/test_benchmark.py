"""The benchmarks' command line, and a small run."""

import json
import sys
import time
import types

import numpy as np
import pytest

from launch import benchmark, benchmarks
from launch.benchmarks import _measure, _sign_clips, input_pipeline, similarity, spotting, transport
from launch.benchmarks import compile as compile_benchmark
from sign_jax.errors import UserError
from tests import forked, program


@pytest.fixture
def tiny(monkeypatch):
  monkeypatch.setattr(input_pipeline, "DIM", 8)


def test_a_whole_run_is_a_table_and_a_file(tiny, tmp_path, capsys):
  path = tmp_path / "speed.json"
  benchmark.main(["input_pipeline", "--examples=24", "--batch_size=8", "--batches=2",
                  "--workers=1", f"--json={path}"])
  out = capsys.readouterr()
  result = json.loads(path.read_text())
  ways = ["pickle files", "disk", "disk, 1 workers", "host memory", "device memory"]
  assert [row["features from"] for row in result["rows"]] == ways
  speeds = [row["examples/s"] for row in result["rows"]]
  assert all(speed > 0 for speed in speeds)
  for row in result["rows"]:
    assert row["times pickles"] == pytest.approx(row["examples/s"] / speeds[0])
    assert row["features from"] in out.out
  assert result["benchmark"] == "input_pipeline" and result["versions"]["jax"]
  assert result["machine"].keys() == {
    "cores", "memory_gib", "architecture", "system", "devices", "load", "keeps_freed_memory"
  }
  assert not result["machine"]["keeps_freed_memory"]
  assert result["settings"]["examples"] == 24 and len(result["date"]) == 10
  assert "batch/s" in out.err  # a bar


def test_memory_is_kept_unless_the_command_line_says_otherwise(monkeypatch, tmp_path):
  seen = []
  monkeypatch.setattr(benchmark, "measure", lambda *given: seen.append(given[-1]))
  monkeypatch.setattr(benchmark, "_report", lambda *given: None)
  for options in ([], ["--default_allocator"]):
    benchmark.main(["transport", *options], keep_freed=lambda: True)
  assert seen == [True, False]


SMALL = [
  f"--set=model.{key}" for key in (
    "embed_dim=32", "video.width=32", "video.heads=2", "video.layers=1", "text.width=32",
    "text.heads=2", "text.layers=1",
  )
]  # fmt: skip


def measured(tmp_path, *arguments):
  """What a benchmark writes."""
  path = tmp_path / "result.json"
  benchmark.main([*arguments, f"--json={path}"])
  return json.loads(path.read_text())


def check(result, ways, reference="PyTorch"):
  """Rows in that order, with rates and ratios that follow from the seconds of all rounds."""
  assert [row["way"] for row in result["rows"]] == ways
  best = {name: min(x for x, _ in times) for name, times in result["seconds"].items()}
  for row in result["rows"]:
    name = row["way"]
    assert len(result["seconds"][name]) == result["settings"]["repeats"]
    assert row["best s"] == best[name] > 0
    assert row[f"times {reference}"] == pytest.approx(best[reference] / best[name])


def test_similarity(quick_compile, tmp_path):
  pytest.importorskip("torch")
  result = measured(tmp_path, "similarity", "--batch_size=6", "--video_tokens=5",
                    "--text_tokens=4", "--width=8", "--repeats=2")  # fmt: skip
  check(result, ["ours", "PyTorch"])
  assert result["largest_difference"] < 1e-5
  ours, theirs = result["rows"]
  # At least the tensors of similarities, which PyTorch keeps.
  assert theirs["MiB"] * 2**20 > 4 * 6 * 6 * 5 * 4 * 4
  assert ours["of PyTorch's memory"] == pytest.approx(ours["MiB"] / theirs["MiB"])


def test_transport(quick_compile, tmp_path):
  pytest.importorskip("torch")
  result = measured(tmp_path, "transport", "--batch_size=4", "--repeats=1")
  check(result, [*transport.SOLVERS, transport.STOPPING, "PyTorch"])
  error = {row["way"]: row["error"] for row in result["rows"]}
  assert error["closed_form"] == 0 and error["ott"] < 1e-2
  assert error["released"] == pytest.approx(error["PyTorch"], abs=1e-5)


SPOTTING = ["spotting", "--windows=40", "--subtitle=20", "--exemplars=12", "--words=4", "--dim=16",
            "--threshold=0.5", "--more=2", "--repeats=2"]  # fmt: skip


@pytest.fixture
def in_this_process(monkeypatch):
  """What is measured in processes of their own, here: they take seconds to start."""
  monkeypatch.setattr(spotting, "_memory", spotting._memory_here)


def test_spotting(quick_compile, in_this_process, tmp_path):
  pytest.importorskip("torch")
  result = measured(tmp_path, *SPOTTING)
  last = result["rows"].pop()
  check(result, ["ours", "NumPy", "PyTorch"], "NumPy")
  assert last["way"] == "ours, 2 times the windows" and last["best s"] == ""
  for row in result["rows"]:
    assert row["annotations"] > 0 and row["largest difference"] < 1e-5
    assert row["MiB"] >= 0


def test_spotting_without_pytorch_leaves_it_out(
  quick_compile, in_this_process, tmp_path, monkeypatch, capsys
):
  monkeypatch.setitem(sys.modules, "torch", None)
  result = measured(tmp_path, *SPOTTING, "--float32")
  assert [row["way"] for row in result["rows"][:2]] == ["ours", "NumPy"]
  assert result["rows"][0]["largest difference"] < 1e-5
  assert len(result["rows"]) == 3 and "PyTorch is not installed" in capsys.readouterr().out


def test_spotting_tells_where_others_are_found():
  one = spotting.Annotations(np.array([[0, 1, 2, 3]]), np.float32([0.9]))
  near, other = one._replace(scores=one.scores - 0.25), one._replace(places=one.places + 1)
  assert spotting._difference(near, one) == pytest.approx(0.25)
  assert spotting._difference(other, one) == "other annotations"


def test_ctc_decode(quick_compile, tmp_path):
  result = measured(tmp_path, "ctc_decode", "--batch_size=2", "--steps=6", "--classes=5",
                    "--repeats=1")  # fmt: skip
  ways = ["ours, standard", "Python, standard", "ours, tensorflow", "Python, tensorflow",
          "ours, best path"]  # fmt: skip
  check(result, ways, "Python, standard")


def test_i3d(quick_compile, tmp_path):
  pytest.importorskip("torch")
  result = measured(tmp_path, "i3d", "--batch_size=1", "--size=32", "--network_width=0.125",
                    "--repeats=1")  # fmt: skip
  check(result, ["ours", "PyTorch"])
  assert result["largest_difference"] < 1e-4


def test_upret_step(quick_compile, tmp_path, monkeypatch):
  torch = pytest.importorskip("torch")

  def fail(module):
    raise RuntimeError("no compiler")

  monkeypatch.setattr(torch, "compile", fail)
  # Without transport there are no distributions either, which are half of what is compiled.
  quick = "--set=model.ot.weight=0.0"
  result = measured(tmp_path, "upret_step", "--batch_size=4", "--repeats=1", quick, *SMALL)
  missing = result["rows"].pop()
  check(result, ["ours", "PyTorch"])
  assert missing["way"] == "PyTorch compiled: RuntimeError: no compiler"
  assert {row["utilisation"] for row in result["rows"]} == {"unmeasured"}
  assert "H200" in result["unmeasured"][0]
  assert result["model_flops"] > 3 * 2 * 2 * 4 * 4 * 65 * 32 * 32  # of the similarity alone


def test_compile(tmp_path, monkeypatch):
  def run(command, env, **_):
    """A process of its own, with imports that it shares with others."""
    assert command[:2] == [sys.executable, "-m"]
    child = forked.start(*command[2:], environment=program.environment() | {
      "JAX_COMPILATION_CACHE_DIR": env["JAX_COMPILATION_CACHE_DIR"]
    })
    out, error = child.communicate()
    return types.SimpleNamespace(returncode=child.returncode, stdout=out, stderr=error)

  monkeypatch.setattr(compile_benchmark, "subprocess", types.SimpleNamespace(run=run))
  quick = "--set=model.ot.weight=0.0"
  result = measured(tmp_path, "compile", "--batch_size=2", quick, *SMALL)
  empty, filled = result["rows"]
  assert (empty["cache"], filled["cache"]) == ("empty", "filled")
  assert filled["times empty"] == pytest.approx(empty["first step s"] / filled["first step s"])


def test_without_the_reference_a_sentence_says_so(monkeypatch):
  monkeypatch.setitem(sys.modules, "torch", None)
  with pytest.raises(UserError, match="compares with PyTorch, and torch is missing"):
    similarity.run(types.SimpleNamespace(
      batch_size=1, video_tokens=2, text_tokens=2, width=4, repeats=1, no_padding=True
    ))


@pytest.mark.parametrize(("arguments", "message"), [
  (["spotting", "--words=7"], "--exemplars must be a multiple of --words"),
  (["similarity", "--width=0"], "--width must be at least 1"),
  (["upret_step", "--set=model.nothing"], "--set model.nothing: give KEY=VALUE"),
  (["input_pipline"], "no benchmark 'input_pipline' (did you mean 'input_pipeline'?)"),
  (["../x"], "no benchmark '../x'"),
  (["--json=x"], "the first argument is the benchmark's name"),
  (["input_pipeline", "--examples=0"], "--examples must be at least 1"),
  (["input_pipeline", "--json=/nowhere/at/all.json"], "--json: there is no folder /nowhere"),
  (["input_pipeline", "--data_name=absent", "--data_dir=."], "'absent' is not built"),
  (["input_pipeline", "--examples=4", "--batch_size=8"], "a batch of 8 needs as many sentences"),
])
def test_mistakes_end_with_one_sentence(tiny, capsys, arguments, message):
  with pytest.raises(SystemExit) as caught:
    benchmark.main(arguments if arguments != ["--json=x"] else ["--json=x", "input_pipeline"])
  assert caught.value.code == 1
  last = capsys.readouterr().err.strip().splitlines()[-1]
  assert last.startswith("error: ") and message in last


def test_a_module_in_the_folder_is_a_benchmark(monkeypatch, capsys):
  module = types.ModuleType("new", "Counts.")
  module.add_arguments = lambda parser: parser.add_argument("--size", type=int, default=3)
  module.run = lambda args: {"settings": {}, "rows": [{"what": "size", "number": args.size * 1e6}]}
  monkeypatch.setitem(sys.modules, "launch.benchmarks.new", module)
  monkeypatch.setattr(benchmarks, "names", lambda: ["input_pipeline", "new"])
  benchmark.main(["new", "--size=12"])
  assert capsys.readouterr().out.splitlines()[1].split() == ["size", "1.2e+07"]


def test_the_step_is_float32_as_pytorchs_unless_it_is_asked_for():
  assert _measure.upret_config(8).optim.precision == "float32"
  changed = _measure.upret_config(8, ["optim.precision='released_float16'"])
  assert changed.optim.precision == "released_float16"


class _Trainer:
  """Takes steps that compute nothing; `tests/systems/nla_slr/test_program.py` takes real ones."""

  def __init__(self, task, config):
    self.place, self.create = (lambda batch: batch), (lambda: 0)

  def step(self, state, batch):
    assert batch["video"].shape == (2, 16, 64, 64, 3)
    time.sleep(0.01)
    return state + 1, {"loss": 0.0}


def test_training_on_signs_says_how_long_it_waits_for_videos(tmp_path, monkeypatch):
  monkeypatch.setattr(_sign_clips, "Trainer", _Trainer)
  monkeypatch.setattr(_sign_clips, "_SIDE", 64)
  monkeypatch.setattr(_sign_clips, "_FRAMES", 18)
  result = measured(tmp_path, "input_pipeline", "--signs", "--examples=4", "--batch_size=2",
                    "--batches=2", "--network_width=0.0625", "--frames=16",
                    "--size=32")  # fmt: skip
  one, decoded, memory = result["rows"]
  assert [row["clips from"] for row in result["rows"]] == [
    "one batch, kept on the device", "videos, decoded", "host memory"]
  assert one["times one batch"] == 1 and one["median wait s"] < 0.01
  for row in (decoded, memory):
    assert 0 <= row["share waited"] < 1 and row["median step s"] > 0
    assert row["longest wait s"] >= row["median wait s"]


@pytest.mark.parametrize("other", [40.1, float("nan")])
def test_ways_that_compute_something_else_are_refused(other):
  _measure._check_same({"ours": 40.01, "PyTorch": 40.0}, "PyTorch")
  with pytest.raises(UserError, match="ours and PyTorch do not compute the same"):
    _measure._check_same({"ours": other, "PyTorch": 40.0}, "PyTorch")
