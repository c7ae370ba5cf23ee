"""Imports point downwards: ops < modules < models < tasks < train < main."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
ALL_MAY = ("errors", "files", "sentences")
# What each room may import besides itself and these.
ALLOWED = {
    "ops": set(),
    "modules": {"ops"},
    "models": {"ops", "modules"},
    "metrics": set(),
    "data": set(),
    "weights": {"data", "modules", "models"},
    "tasks": {"ops", "modules", "models", "metrics", "data", "weights"},
    "train": set(),
}
NEVER = {
    "data": {"flax", "jax"},
    "metrics": {"flax", "jax"},
    "data_builders": {"flax", "tensorflow"},
}

# Modules that may read a command line.
PROGRAMS = (
    "main.py", "extract.py", "pseudo_labels.py", "encoder_weights.py", "export.py", "parity.py",
    "diagnose.py",
)


def imported(path):
  """Full names of the modules that a file imports, at any depth."""
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      yield node.module
      yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files(folder):
  return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("room", ALLOWED)
def test_room_imports_only_what_lies_below(room):
  paths = files(f"sign_jax/{room}")
  assert paths
  for path in paths:
    for name in imported(path):
      parts = name.split(".")
      if parts[0] in ("configs", "launch", "data_builders"):
        raise AssertionError(f"{path} imports {name}")
      if parts[0] == "sign_jax" and len(parts) > 1 and parts[1] not in ALL_MAY:
        assert parts[1] in {room, *ALLOWED[room]}, f"{path} imports {name}"


def test_train_sees_tasks_only_through_base():
  for path in files("sign_jax/train"):
    tasks = [name for name in imported(path) if name.startswith("sign_jax.tasks")]
    assert all(name.startswith("sign_jax.tasks.base") for name in tasks), path


@pytest.mark.parametrize("folder", NEVER)
def test_rooms_without_frameworks(folder):
  root = folder if folder == "data_builders" else f"sign_jax/{folder}"
  for path in files(root):
    assert not {name.split(".")[0] for name in imported(path)} & NEVER[folder], path


def test_only_main_programs_read_flags():
  for path in files("sign_jax"):
    if path.name not in PROGRAMS:
      reads = {"absl.flags", "argparse"} & set(imported(path))
      assert not reads or "mark_as_parsed" in path.read_text(), path
