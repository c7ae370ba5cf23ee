"""Which tests need PyTorch, read from their sources, so that none has to be marked by hand.

A test needs it where it, or a helper or fixture that it names, calls `pytest.importorskip` for
it, or where its module, or one that this imports, does so at its top.
"""

import ast
import functools
import pathlib
from typing import NamedTuple

ROOT = pathlib.Path(__file__).parent.parent


class Need(NamedTuple):
  """What of a file needs PyTorch."""

  whole: bool  # nothing of it can be used without
  names: frozenset  # of its functions


@functools.cache
def of(path):
  """The `Need` of a file of the tests."""
  text = path.read_text()
  if "importorskip" not in text and "from tests" not in text:
    return Need(False, frozenset())
  tree = ast.parse(text)
  functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
  top = [node for node in tree.body if node not in functions.values()]
  if any(map(_asks, top)):
    return Need(True, frozenset(functions))
  needing = {name for name, node in functions.items() if _asks(node)} | _imported(top)
  while found := {n for n, f in functions.items() if n not in needing and _names(f) & needing}:
    needing |= found
  return Need(False, frozenset(needing))


def is_without(path):
  """Whether a path is a file of which no test needs it."""
  return path.suffix == ".py" and not any(of(path))


def is_reason(text):
  """Whether a skipped test's reason is that PyTorch is missing."""
  return "could not import" in text and "torch" in text


def _asks(tree):
  """Whether code calls importorskip for PyTorch, or imports a module that does so at its top."""
  for node in ast.walk(tree):
    is_call = isinstance(node, ast.Call) and ast.unparse(node.func).endswith("importorskip")
    if is_call and "torch" in node.args[0].value.split("."):
      return True
    if any(of(path).whole for path, _ in _modules(node)):
      return True
  return False


def _imported(statements):
  """The names, of functions of other files of the tests, that need it."""
  found = (pair for statement in statements for pair in _modules(statement))
  return {name for path, name in found if name in of(path).names}


def _modules(node):
  """(path, imported name) of the files of the tests that an import names."""
  if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tests":
    for alias in node.names:
      inside = ROOT.joinpath(*node.module.split("."), f"{alias.name}.py")
      module = ROOT.joinpath(*node.module.split(".")).with_suffix(".py")
      path = inside if inside.is_file() else module
      if path.is_file():
        yield path, alias.asname or alias.name


def _names(function):
  arguments = {argument.arg for argument in function.args.args}
  return arguments | {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
