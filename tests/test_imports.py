"""Imports point downwards, in every folder, and the top of `sign_jax` holds doors alone."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
DOORS = ("main", "extract", "pseudo_labels", "spot", "recognize", "export", "parity", "diagnose")
GROUND = ("errors", "files", "protocols")
# From the ground up. A room imports those of lower floors, and itself.
FLOORS = (
    GROUND,
    ("ops", "metrics"),
    ("untrusted", "video", "modules", "train"),
    ("data", "weights", "golden"),
    ("tasks", "data_builders"),
    ("systems",),
    ("configs",),
    ("run",),
    ("encoder",),
    ("api",),
    ("search",),
    (*DOORS, "launch"),
)
FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}
# errors tells in sentences what files says of paths: neither stands on the other alone.
NEIGHBOURS = {("files", "errors")}
PACKAGES = ("data_builders", "configs", "launch")
# A system may build on another one only here.
BUILDS_ON = {"upret": {"cico"}, "seds": {"cico"}}
NEVER = {
    "sign_jax/data": {"flax", "jax"},
    "sign_jax/metrics": {"flax", "jax"},
    "sign_jax/untrusted": {"flax", "jax"},
    "sign_jax/video": {"flax", "jax"},
    "data_builders": {"flax", "tensorflow"},
}
# Modules that may read a command line.
READ_FLAGS = (*DOORS, "search/__main__", "run/command_line", "encoder/weights")


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


def room_of(name):
  """The room of a module's full name; None outside this project and for `sign_jax` itself."""
  first, *rest = name.split(".")
  if first in PACKAGES:
    return first
  return rest[0] if first == "sign_jax" and rest else None


def module(path):
  return ".".join(path.relative_to(ROOT).with_suffix("").parts)


ALL = [path for folder in ("sign_jax", *PACKAGES) for path in files(folder)]


def test_every_folder_has_a_floor():
  rooms = {room_of(module(path).removesuffix(".__init__")) for path in ALL} - {None}
  assert rooms == set(FLOOR)


@pytest.mark.parametrize("room", FLOOR)
def test_room_imports_only_what_lies_below(room):
  for path in ALL:
    if room_of(module(path).removesuffix(".__init__")) != room:
      continue
    for name in imported(path):
      other = room_of(name)
      if other in FLOOR and other != room and (room, other) not in NEIGHBOURS:
        assert FLOOR[other] < FLOOR[room], f"{path} imports {name}"


def test_the_top_of_the_package_holds_doors_alone():
  tops = {path.stem for path in (ROOT / "sign_jax").glob("*.py")}
  assert tops - {"__init__"} <= {*DOORS, *GROUND}


def test_systems_import_no_other():
  for path in files("sign_jax/systems"):
    own = path.relative_to(ROOT / "sign_jax/systems").parts[0]
    for name in imported(path):
      parts = name.split(".")
      if parts[:2] == ["sign_jax", "systems"] and len(parts) > 2:
        is_folder = (ROOT / "sign_jax/systems" / parts[2]).is_dir()
        known = {own, *BUILDS_ON.get(own, ())}
        assert not is_folder or parts[2] in known, f"{path} imports {name}"


@pytest.mark.parametrize("folder", NEVER)
def test_rooms_without_frameworks(folder):
  for path in files(folder):
    assert not {name.split(".")[0] for name in imported(path)} & NEVER[folder], path


def test_only_main_programs_read_flags():
  for path in files("sign_jax"):
    if str(path.relative_to(ROOT / "sign_jax").with_suffix("")) not in READ_FLAGS:
      reads = {"absl.flags", "argparse"} & set(imported(path))
      assert not reads or "mark_as_parsed" in path.read_text(), path
