"""The style of what users read behind "error: "."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]
FILES = sorted([
  *(ROOT / "sign_jax/data").rglob("*.py"),
  *(ROOT / "data_builders").rglob("*.py"),
  ROOT / "sign_jax/extract.py",
])
ERRORS = ("UserError", "VideoError")
NAMES = ("CLIP", "PyAV")


def sentences(path):
  """Parts of every error's text: str, or None for what is filled in."""
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ERRORS:
      (text,) = node.args
      parts = text.values if isinstance(text, ast.JoinedStr) else [text]
      yield [getattr(part, "value", None) if isinstance(part, ast.Constant) else None
             for part in parts]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_errors_begin_in_lower_case_and_end_without_a_full_stop(path):
  for parts in sentences(path):
    first, last = parts[0], parts[-1]
    assert first is None or not first[0].isupper() or first.startswith(NAMES), first
    assert last is None or not last.endswith((".", "!")), last


def test_there_are_errors_to_look_at():
  assert sum(len(list(sentences(path))) for path in FILES) > 40
