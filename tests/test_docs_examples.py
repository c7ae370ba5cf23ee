"""The examples of the documentation run, and print what the pages say they print.

A block of Python is run where the line before it is `<!-- runnable -->`. Blocks of one page share
their names, as in a notebook. A block of text right behind it is what it prints.
"""

import contextlib
import io
import re

import pytest

from tests.program import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
PYTHON = re.compile(
  r"(?P<run><!-- runnable -->\n)?^```python\n(?P<code>.*?)^```\n"
  r"(\n^```text\n(?P<prints>.*?)^```$)?",
  re.S | re.M,
)


def examples(page):
  """Matches of `PYTHON` in a page."""
  return list(PYTHON.finditer(page.read_text()))


def name(page):
  return str(page.relative_to(ROOT))


@pytest.fixture
def place(request, tmp_path, monkeypatch):
  """Goes where a page's reader stands; a trained run is there if the text names it."""
  def go(text):
    monkeypatch.chdir(tmp_path)
    if "runs/upret" in text:
      (tmp_path / "runs").mkdir()
      (tmp_path / "runs/upret").symlink_to(request.getfixturevalue("finished")[0])
      monkeypatch.setenv("TFDS_DATA_DIR", str(request.getfixturevalue("data_dir")))

  return go


@pytest.mark.parametrize("page", [p for p in PAGES if examples(p)], ids=name)
def test_every_block_is_python(page):
  for block in examples(page):
    compile(block["code"], name(page), "exec")


@pytest.mark.parametrize(
  "page", [p for p in PAGES if any(block["run"] for block in examples(p))], ids=name
)
def test_runnable_blocks_print_what_the_page_says(page, place):
  place("".join(block["code"] for block in examples(page) if block["run"]))
  names = {}
  for block in examples(page):
    if block["run"]:
      out = io.StringIO()
      with contextlib.redirect_stdout(out):
        exec(compile(block["code"], name(page), "exec"), names)
      if block["prints"] is not None:
        assert out.getvalue() == block["prints"], block["code"]


def test_no_marker_is_lost():
  for page in PAGES:
    blocks = sum(bool(block["run"]) for block in examples(page))
    assert page.read_text().count("\n<!-- runnable -->\n") == blocks, page
