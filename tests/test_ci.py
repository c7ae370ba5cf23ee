"""What CI runs: the commands of README.md first, in an environment of its own."""

import os
import re
import shutil
import subprocess

import pytest

from tests.program import ROOT

MAKE = """#!/bin/bash
echo "make $*" >> "$LOG"
env | grep -E '^(PYTHON|VIRTUAL_ENV|VENV|WORKDIR|TFDS_|JAX_)' | sort > "$LOG.environment"
[ "$*" != "$FAILS" ]
"""


@pytest.fixture
def ci(tmp_path):
  """run(fails) -> (exit status, what make was asked for, its environment) of `.ci/run`."""
  log, tools = tmp_path / "log", tmp_path / "tools"
  tools.mkdir()
  (tools / "make").write_text(MAKE)
  (tools / "chromium").write_text("")  # else it would be installed
  for tool in tools.iterdir():
    tool.chmod(0o755)

  def run(fails=""):
    environment = {
      **os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "LOG": str(log), "FAILS": fails,
      "TMPDIR": str(tmp_path), "PYTHONPATH": "/somewhere", "VIRTUAL_ENV": "/somewhere",
      "TFDS_DATA_DIR": "/somewhere", "JAX_COMPILATION_CACHE_DIR": "/somewhere",
    }
    status = subprocess.run(["bash", ROOT / ".ci/run"], env=environment, check=False).returncode
    facts = (tmp_path / "log.environment").read_text().splitlines()
    return status, log.read_text().splitlines(), dict(line.split("=", 1) for line in facts)

  return run


def test_the_newcomers_commands_come_first_and_pytorch_last(ci):
  _, asked, _ = ci()
  readme = re.search(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[1]
  commands = [line.partition("#")[0].strip() for line in readme.splitlines()]
  assert commands == ["make train", "make test"]
  first, second = commands
  assert asked == [
    first, "make example", second, "make lint", "make docs", "make test WITH_TORCH=1 TESTS=-m torch"
  ]


def test_nothing_is_left_from_before(ci, tmp_path):
  status, _, environment = ci()
  assert status == 0
  folders = ("VENV", "WORKDIR", "TFDS_DATA_DIR", "JAX_COMPILATION_CACHE_DIR")
  assert all(environment.pop(name).startswith(f"{tmp_path}/") for name in folders)
  assert environment.pop("PYTHONNOUSERSITE") == "1"
  assert not {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"} & environment.keys()
  assert {path.name for path in tmp_path.iterdir()} == {"log", "log.environment", "tools"}


@pytest.mark.parametrize(
  "fails", ["train", "example", "test", "lint", "docs", "test WITH_TORCH=1 TESTS=-m torch"]
)
def test_the_first_failure_ends_it(ci, fails):
  status, asked, _ = ci(fails)
  assert status != 0 and asked[-1] == f"make {fails}"


@pytest.mark.parametrize("status", [0, 1])
def test_a_browser_is_installed_where_that_can_be(tmp_path, status):
  tools, log = tmp_path / "tools", tmp_path / "log"
  tools.mkdir()
  for tool in ("bash", "dirname", "mktemp", "rm"):
    (tools / tool).symlink_to(shutil.which(tool))
  fakes = {
    "id": "echo 0", "make": 'echo "make $*" >> "$LOG"',
    "apt-get": f'echo "apt-get $*" >> "$LOG"; exit {status}',
  }
  for name, line in fakes.items():
    (tools / name).write_text(f"#!{shutil.which('bash')}\n{line}\n")
    (tools / name).chmod(0o755)
  environment = {"PATH": str(tools), "LOG": str(log), "TMPDIR": str(tmp_path)}
  done = subprocess.run([tools / "bash", ROOT / ".ci/run"], env=environment, check=False)
  asked = log.read_text().splitlines()
  installs = [line for line in asked if line.startswith("apt-get")]
  assert done.returncode == 0 and asked[-1].startswith("make test WITH_TORCH=1")
  assert (installs[-1].endswith("--yes chromium")) == (status == 0)


def planned(*words):
  """What make would run."""
  command = ["make", "--dry-run", "--directory", ROOT, "VENV=/nowhere/venv", *words]
  environment = {"PATH": os.environ["PATH"], "HOME": "/home/somebody"}
  return subprocess.run(
    command, env=environment, check=True, capture_output=True, text=True
  ).stdout


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_make_takes_what_ci_passes():
  assert "venv/bin/python -m pytest" in planned("test") and "torch" not in planned("test")
  with_torch = planned("test", "WITH_TORCH=1", "TESTS=-m torch")
  assert "torch==" in with_torch and re.search("pytest .* -m torch$", with_torch, re.M)
  assert not re.search(r"-m torch", planned("test", "WITH_TORCH=1"))
  assert "--workdir /tmp/x" in planned("train", "WORKDIR=/tmp/x")
  assert "venv/bin/python -m mkdocs build --quiet --strict" in planned("docs")


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_make_knows_the_home_folder_where_shells_do_not():
  commands = planned("videos", "VIDEOS=~/my videos", "CAPTIONS=~/captions.csv")
  assert "test -d '/home/somebody/my videos'" in commands
  assert "cp '/home/somebody/captions.csv'" in commands
  assert "--videos '~/my videos'" in commands  # which the program fills in
