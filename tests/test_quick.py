"""`make quick` runs something of every room."""

import ast
import pathlib

import pytest

from tests import order, quick
from tests.test_imports import imported

ROOT = pathlib.Path(__file__).parent.parent
ROOMS = sorted(
    path.relative_to(ROOT).as_posix().replace("/", ".")
    for path in [*(ROOT / "sign_jax").iterdir(), ROOT / "data_builders", ROOT / "launch",
                 ROOT / "configs"]
    if (path / "__init__.py").exists()
)  # fmt: skip


@pytest.fixture(scope="module")
def reached():
  """Modules that the files import, and rooms whose tests they are by their folder."""
  files = {argument.partition("::")[0] for argument in quick.arguments()}
  rooms = {f"sign_jax.{file.split('/')[1]}" for file in files}
  return rooms | {name for file in files for name in imported(ROOT / file)}


@pytest.fixture(scope="module")
def tested():
  """Modules that any test imports."""
  return {name for path in (ROOT / "tests").rglob("test_*.py") for name in imported(path)}


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_with_tests_is_represented(room, reached, tested):
  is_in = lambda names: any(f"{name}.".startswith(f"{room}.") for name in names)
  if not is_in(tested):
    pytest.skip(f"no test imports {room} by name")
  assert is_in(reached)


def test_the_files_that_are_named_exist():
  for name in (*quick.FILES, *order.LONGEST):
    assert (ROOT / "tests" / f"{name}.py").is_file()


def test_the_functions_that_are_named_exist():
  for name, functions in quick.FUNCTIONS.items():
    tree = ast.parse((ROOT / "tests" / f"{name}.py").read_text())
    assert {*functions} <= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
