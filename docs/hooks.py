"""What MkDocs does beside its own work: pages that lie outside of docs/, and links to them.

README.md is the first page, and CONTRIBUTING, CHANGELOG and SECURITY are pages too, so that
nothing is written twice. Links are written as GitHub resolves them, relative to the file that they
stand in; here they become links of the site. Other files of the repository that a page links to,
such as configs/upret.py, are copied into the site.
"""

import os
import pathlib
import re

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parent.parent
# Pages of the site that are files of the repository's root.
PAGES = {
  "README.md": "index.md",
  "CONTRIBUTING.md": "contributing.md",
  "CHANGELOG.md": "changelog.md",
  "SECURITY.md": "security.md",
}
SOURCES = {page: source for source, page in PAGES.items()}
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)")


def source_of(page):
  """A page's path in the repository: "runs.md" -> "docs/runs.md"."""
  return SOURCES.get(page, f"docs/{page}")


def place_of(path):
  """Where a file of the repository lies in the site; files outside docs/ keep their path."""
  return PAGES.get(path, path.removeprefix("docs/"))


def targets(text, source):
  """Files of the repository that a text links to: {link: path in the repository}.

  `source` is where the text itself lies. A link whose file does not exist is left out, so that
  MkDocs warns about it.
  """
  folder = os.path.dirname(source)
  found = {link: os.path.normpath(os.path.join(folder, link)) for link in LINK.findall(text)}
  return {link: path for link, path in found.items() if (ROOT / path).is_file()}


def on_files(files, config):
  """Adds the root's pages, and the files that pages link to."""
  for source, page in PAGES.items():
    files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
  for page in files.documentation_pages():
    text = pathlib.Path(page.abs_src_path).read_text()
    for path in targets(text, source_of(page.src_uri)).values():
      if files.get_file_from_path(place_of(path)) is None:
        files.append(File.generated(config, place_of(path), abs_src_path=str(ROOT / path)))
  return files


def on_page_markdown(markdown, page, **_):
  """Turns links as GitHub resolves them into those of the site."""
  source = source_of(page.file.src_uri)
  known = targets(markdown, source)
  folder = os.path.dirname(page.file.src_uri) or "."

  def of_site(match):
    path = known.get(match[0])
    return os.path.relpath(place_of(path), folder) if path else match[0]

  return LINK.sub(of_site, markdown)
