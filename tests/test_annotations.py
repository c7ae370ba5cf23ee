"""Public functions have annotations in the rooms that compute, and docstrings everywhere."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
ROOMS = ("ops", "modules", "metrics", "train", "systems", "tasks", "api")
ANNOTATED = tuple(f"sign_jax/{room}" for room in ROOMS)
DOCUMENTED = ("sign_jax", "configs", "data_builders", "launch")
LEAST_DOCUMENTED = 91  # percent


def is_public(name):
  return not name.startswith("_") or name.startswith("__")


def public_functions(path):
  """[(name, node)] of a file's functions, and of the methods of its classes, that are public."""

  def within(body, prefix):
    for node in body:
      if isinstance(node, ast.FunctionDef) and is_public(node.name):
        yield prefix + node.name, node
      elif isinstance(node, ast.ClassDef) and is_public(node.name):
        yield from within(node.body, f"{prefix}{node.name}.")

  yield from within(ast.parse(path.read_text()).body, f"{path.relative_to(ROOT)}: ")


def functions_in(*folders):
  return [
    found
    for folder in folders
    for path in sorted((ROOT / folder).rglob("*.py"))
    for found in public_functions(path)
  ]


def is_annotated(node):
  """Whether all arguments, but the one that a method is bound to, and the result have a type."""
  given = node.args
  named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
  asked = [x for x in named if x is not None and x.arg not in ("self", "cls")]
  return node.returns is not None and all(x.annotation is not None for x in asked)


@pytest.mark.parametrize("folder", ANNOTATED)
def test_every_public_function_has_all_its_annotations(folder):
  functions = functions_in(folder)
  assert functions
  assert not [name for name, node in functions if not is_annotated(node)]


def test_most_public_functions_have_a_docstring():
  functions = functions_in(*DOCUMENTED)
  bare = [name for name, node in functions if not ast.get_docstring(node)]
  assert 100 * (1 - len(bare) / len(functions)) >= LEAST_DOCUMENTED, bare
