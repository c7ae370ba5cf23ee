"""A disk without room ends a run with one sentence; with room, the same command goes on."""

import os
import shutil
import subprocess

import pytest

from tests import program

LIMIT = 800  # bytes: less than results.json has, and enough for a sentence on stderr


def only_sentence(error):
  """The text behind "error: ", when nothing else is an error."""
  assert "Traceback" not in error and "ERROR" not in error, error
  (line,) = [line for line in error.splitlines() if "error" in line.lower()]
  return line.removeprefix("error: ")


def results(workdir):
  return (workdir / "results.json").read_bytes()


def arguments(workdir, data_dir):
  return program.arguments(workdir, data_dir, "cico", steps=12, eval_every=6)


@pytest.fixture(scope="module")
def whole(data_dir, tmp_path_factory):
  """The folder of a run that had room."""
  workdir = tmp_path_factory.mktemp("whole") / "run"
  status, _, error = program.train(arguments(workdir, data_dir))
  assert status == 0, error
  return workdir


def test_files_that_may_not_grow_and_then_may(data_dir, whole, tmp_path):
  args = arguments(tmp_path / "run", data_dir)
  status, _, error = program.run("tests.limited", 20_000, "sign_jax.main", *args)
  assert status == 1
  sentence = only_sentence(error)
  assert sentence.startswith("there is no room for ") and "free some" in sentence
  assert str(tmp_path) in sentence
  status, _, error = program.train(args)
  assert status == 0, error
  assert results(tmp_path / "run") == results(whole)


def test_old_results_and_checkpoints_stay(data_dir, whole, tmp_path):
  workdir = shutil.copytree(whole, tmp_path / "run")
  args = [*arguments(workdir, data_dir), "--mode=evaluate"]
  status, _, error = program.run("tests.limited", LIMIT, "sign_jax.main", *args)
  assert status == 1 and "no room for" in only_sentence(error)
  assert results(workdir) == results(whole)
  files = [p.relative_to(whole) for p in (whole / "checkpoints").rglob("*") if p.is_file()]
  assert files
  for file in files:
    assert (workdir / file).read_bytes() == (whole / file).read_bytes()


@pytest.fixture
def small_disk(tmp_path):
  """A folder of its own on a file system of 64 MiB."""
  folder = tmp_path / "disk"
  folder.mkdir()
  command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
  if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
    pytest.skip("only root mounts file systems")
  yield folder
  subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_is_full_and_then_is_not(small_disk, data_dir, whole):
  args = arguments(small_disk / "run", data_dir)
  (small_disk / "ballast").write_bytes(bytes(66_500_000))
  status, _, error = program.train(args)
  assert status == 1 and "no room for" in only_sentence(error)
  (small_disk / "ballast").unlink()
  status, _, error = program.train(args)
  assert status == 0, error
  assert results(small_disk / "run") == results(whole)
