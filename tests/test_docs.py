"""The documentation: links lead somewhere, pages are listed, and commands name what exists."""

import functools
import importlib.util
import re

import pytest
import yaml

from tests.program import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!\w+:)([^)\s]*)\)")
FENCE = re.compile(r"^```.*?^```$", re.S | re.M)
COMMANDS = re.compile(r"^```bash\n(.*?)^```$", re.S | re.M)


def name(page):
  return str(page.relative_to(ROOT))


def prose(page):
  return FENCE.sub("", page.read_text())


@functools.cache
def anchors(page):
  """The names of a page's headings, as GitHub and MkDocs make them."""
  titles = re.findall(r"^#+ (.*)$", prose(page), re.M)
  return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_within_the_repository_resolve(page):
  for link in LINK.findall(prose(page)):
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    assert target.is_file(), f"{name(page)} links to {link}"
    assert not anchor or anchor in anchors(target), f"{name(page)} links to {link}"


def test_every_page_is_in_the_navigation():
  site = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
  listed = {page for group in site["nav"] for pages in group.values() for page in pages}
  written = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
  root = {page.name.lower() for page in ROOT.glob("*.md")} - {"readme.md"} | {"index.md"}
  assert listed == written | root


def test_every_room_is_in_the_reference():
  text = "".join(page.read_text() for page in (ROOT / "docs/api").glob("*.md"))
  rooms = {path.parent.name for path in (ROOT / "sign_jax").glob("*/__init__.py")}
  assert not {room for room in rooms if f"::: sign_jax.{room}" not in text}


def test_every_system_is_in_the_reference():
  page = (ROOT / "docs/api/systems.md").read_text()
  folders = {path.parent.name for path in (ROOT / "sign_jax/systems").glob("*/__init__.py")}
  assert folders == set(re.findall(r"^::: sign_jax\.systems\.(\w+)$", page, re.M)) & folders


def commands(page):
  """Lines of a page's blocks of bash, continued ones joined."""
  text = "\n".join(COMMANDS.findall(page.read_text())).replace("\\\n", " ")
  return [line.partition(" #")[0].strip() for line in text.splitlines()]


@functools.cache
def source():
  """The text of all programs and settings."""
  folders = ("sign_jax", "data_builders", "launch", "configs")
  return "".join(path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py"))


def unknown(line):
  """What a command line names that is not there."""
  for module in re.findall(r"python -m ((?:sign_jax|data_builders|launch)[\w.]*)", line):
    if importlib.util.find_spec(module) is None:
      yield module
    for option in re.findall(r"--(\w+)(?=[ =]|$)", line):
      if not re.search(rf'"(--)?{option}"', source()):
        yield f"--{option}"
  for key in re.findall(r"--config\.([\w.]+)=", line):
    if f'"{key.split(".")[-1]}"' not in source():
      yield f"--config.{key}"
  for file in re.findall(r"configs/\w+\.py|launch/[\w/]+\.(?:sbatch|yaml)", line):
    if not (ROOT / file).is_file():
      yield file
  for target in re.findall(r"^make ([a-z]+)", line):
    if not re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M):
      yield target


@pytest.mark.parametrize("page", [p for p in PAGES if COMMANDS.search(p.read_text())], ids=name)
def test_commands_name_what_exists(page):
  assert not {line: found for line in commands(page) if (found := list(unknown(line)))}


def test_commands_that_name_nothing_are_noticed():
  line = "python -m sign_jax.nothing --config configs/none.py --flagg 3 --config.model.nonesuch=1"
  assert [*unknown(line)] == [
    "sign_jax.nothing", "--flagg", "--config.model.nonesuch", "configs/none.py",
  ]
  assert [*unknown("make nothing")] == ["nothing"]


def test_the_citation_names_this_version():
  citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
  assert {"cff-version", "message", "title", "authors", "version", "license"} <= citation.keys()
  project = (ROOT / "pyproject.toml").read_text()
  assert f'version = "{citation["version"]}"' in project
  assert f'license = "{citation["license"]}"' in project
  for paper in citation["references"]:
    assert paper["title"] in (ROOT / "docs/papers.md").read_text()


def test_pre_commit_runs_what_is_there():
  hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
  assert [hook["id"] for hook in hooks] == ["ruff", "imports"]
  assert (ROOT / hooks[1]["entry"].split()[-1]).is_file()
