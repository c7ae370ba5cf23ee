"""The benchmarks' command line, and a small run."""

import json
import sys
import types

import pytest

from launch import benchmark, benchmarks
from launch.benchmarks import input_pipeline


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
    "cores", "memory_gib", "architecture", "system", "devices", "load"
  }
  assert result["settings"]["examples"] == 24 and len(result["date"]) == 10
  assert "batch/s" in out.err  # a bar


@pytest.mark.parametrize(("arguments", "message"), [
  (["input_pipline"], "no benchmark 'input_pipline' (did you mean 'input_pipeline'?)"),
  (["../x"], "no benchmark '../x'"),
  (["--json=x"], "the first argument is the benchmark's name"),
  (["input_pipeline", "--examples=0"], "--examples must be at least 1"),
  (["input_pipeline", "--json=/nowhere/at/all.json"], "there is no folder for --json"),
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
