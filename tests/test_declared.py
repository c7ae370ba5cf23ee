"""Every package that is imported is declared in pyproject.toml."""

import ast
import importlib.metadata
import re
import sys
import tomllib

import pytest

from tests.program import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = {"sign_jax", "data_builders", "launch", "configs", "tests"}
# Extras that parts of the program are for.
OPTIONAL = ("torch", "pose", "flow", "mbart", "search", "qdrant")


def names(requirements):
  """Names of distributions, as package indexes compare them."""
  return {normal(re.match(r"[\w.-]+", requirement)[0]) for requirement in requirements}


def normal(name):
  return re.sub(r"[-_.]+", "-", name).lower()


def imported(path):
  """{top-level package: a line that imports it}, of others'."""
  found = {}
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      modules = [node.module]
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("importorskip"):
      modules = [node.args[0].value]
    else:
      continue
    found |= {module.split(".")[0]: node.lineno for module in modules}
  return {k: line for k, line in found.items() if k not in OURS | sys.stdlib_module_names}


@pytest.mark.parametrize("room", sorted(OURS))
def test_imports_are_declared(room):
  extras = PROJECT["optional-dependencies"]
  declared = names(PROJECT["dependencies"])
  declared |= names(sum((extras[name] for name in OPTIONAL), []))
  if room == "tests":
    declared |= names(extras["dev"])
  owners = importlib.metadata.packages_distributions()
  missing = {
    f"{path.relative_to(ROOT)}:{line} imports {package}"
    for path in sorted((ROOT / room).rglob("*.py"))
    for package, line in imported(path).items()
    # What is not installed is taken for a distribution of its own name.
    if not names(owners.get(package, [package])) & declared
  }
  assert not missing


def test_the_tests_alone_need_what_dev_adds():
  extras = PROJECT["optional-dependencies"]
  used = {package for path in (ROOT / "tests").rglob("*.py") for package in imported(path)}
  owners = importlib.metadata.packages_distributions()
  of_tests = names(owner for package in used for owner in owners.get(package, [package]))
  tools = {"ruff", "pytest-xdist"}
  assert names(extras["dev"]) <= of_tests | tools
