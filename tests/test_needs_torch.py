"""No test that PyTorch's absence skips is left out of those that are run where it is there."""

import pytest

from tests import needs_torch

HELPER = 'import pytest\ntorch = pytest.importorskip("torch")\n\ndef make():\n  pass\n'
SOURCE = '''
import pytest

def helper():
  return pytest.importorskip("safetensors.torch")

@pytest.fixture
def state():
  return helper()

def test_by_a_fixture(state):
  pass

def test_by_itself():
  torch = pytest.importorskip("torch")

def test_without():
  pytest.importorskip("safetensors")
'''


def test_a_function_its_helpers_and_its_fixtures(tmp_path):
  path = tmp_path / "test_x.py"
  path.write_text(SOURCE)
  need = needs_torch.of(path)
  assert not need.whole
  assert need.names == {"helper", "state", "test_by_a_fixture", "test_by_itself"}


def test_a_module_that_cannot_do_without(tmp_path, monkeypatch):
  monkeypatch.setattr(needs_torch, "ROOT", tmp_path)
  (tmp_path / "tests").mkdir()
  (tmp_path / "tests/helper.py").write_text(HELPER)
  at_the_top = tmp_path / "tests/test_top.py"
  at_the_top.write_text("from tests import helper\n\ndef test_a():\n  pass\n")
  inside = tmp_path / "tests/test_inside.py"
  inside.write_text("def test_a():\n  from tests.helper import make\n\ndef test_b():\n  pass\n")
  assert needs_torch.of(at_the_top) == (True, {"test_a"})
  assert needs_torch.of(inside) == (False, {"test_a"})


def test_those_of_these_tests_are_found():
  tests = needs_torch.ROOT / "tests"
  assert needs_torch.of(tests / "torch/test_i3d.py").whole
  assert not needs_torch.of(tests / "test_files.py").names
  need = needs_torch.of(tests / "weights/test_readers.py")
  assert not need.whole and need.names


@pytest.mark.parametrize(("name", "expected"), [
  ("test_files.py", True), ("weights", False),
  ("torch/test_i3d.py", False), ("weights/test_readers.py", False),
])  # fmt: skip
def test_files_of_which_nothing_needs_it(name, expected):
  assert needs_torch.is_without(needs_torch.ROOT / "tests" / name) is expected


@pytest.mark.parametrize(("text", "expected"), [
  ("Skipped: could not import 'torch': No module named 'torch'", True),
  ("Skipped: could not import 'safetensors.torch': No module named 'torch'", True),
  ("Skipped: could not import 'pose_format'", False), ("Skipped: no torch today", False),
])  # fmt: skip
def test_reasons(text, expected):
  assert needs_torch.is_reason(text) is expected
