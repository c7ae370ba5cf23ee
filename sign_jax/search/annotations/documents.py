"""Documents of ELAN for videos with hits: new ones, and those that annotators have."""

import datetime
import mimetypes
import os
import pathlib
import posixpath
from collections.abc import Collection
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

from tqdm import tqdm

from sign_jax.data import clip_table
from sign_jax.data.annotations import eaf, eaf_times
from sign_jax.data.annotations import folder as annotations_folder
from sign_jax.data.annotations.eaf import Eaf
from sign_jax.errors import UserError
from sign_jax.video import containers

ENDING = ".eaf"
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_NEW = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="sign_jax" DATE="{date}" FORMAT="3.0" VERSION="3.0" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="{schema}">
    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">{media}
    </HEADER>
    <TIME_ORDER>
    </TIME_ORDER>
</ANNOTATION_DOCUMENT>
"""


def new(path: pathlib.Path, video: str, videos: pathlib.Path | None = None) -> Eaf:
  """A document of format 3.0 without annotations.

  Args:
    path: where it is to lie.
    video: that it links, relative to the folder of the videos.
    videos: that folder; None where it is not known: ELAN then looks for the video beside the
      document, and asks.
  """
  date = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
  content = _NEW.format(date=date, schema=_SCHEMA, media=_media(path, video, videos))
  return eaf.parse(path, content.encode())


def _media(path, video, videos):
  name = pathlib.PurePosixPath(video)
  if name.suffix.lower() not in containers.EXTENSIONS:  # ELAN plays no folders of pictures
    return ""
  kind = mimetypes.guess_type(name.name)[0] or "video/*"
  whole = f"./{name.name}"
  relative = whole
  if videos is not None:
    place = pathlib.Path(os.path.abspath(videos / video))
    whole = f"file://{place.as_posix()}"  # as ELAN writes it, without escapes
    relative = pathlib.Path(os.path.relpath(place, path.absolute().parent)).as_posix()
  given = f"MEDIA_URL={quoteattr(whole)} MIME_TYPE={quoteattr(kind)}"
  return f"\n        <MEDIA_DESCRIPTOR {given} RELATIVE_MEDIA_URL={quoteattr(relative)}/>"


class Link(NamedTuple):
  """A link to a video: the document that has it, and where the video is said to lie."""

  document: pathlib.Path
  place: str


class Own(NamedTuple):
  """The documents of annotators.

  Attributes:
    folder: that they are in.
    stems: {path without ending: path}.
    links: {name of a file: `Link`s to files of that name}.
    failed: {path: why it cannot be read}.
  """

  folder: pathlib.Path
  stems: dict[str, pathlib.Path]
  links: dict[str, list[Link]]
  failed: dict[pathlib.Path, str]

  def of(self, video: str, others: Collection[str] = ()) -> pathlib.Path | None:
    """The document of a video: the one called as it is, else the only one that links it.

    Cameras give the same names in every folder. So a link is one to the video only if it agrees
    with the whole of its path.

    Args:
      video: relative to the folder of the videos.
      others: videos that are there too; what is theirs is not taken for this one.

    Raises:
      UserError: several link it, it is called so and cannot be read, or only the name of the file
        agrees.
    """
    stem = clip_table.stem_of(video)
    if path := self.stems.get(stem):
      if path in self.failed:
        raise UserError(self.failed[path])
      return path
    links = self.links.get(pathlib.PurePosixPath(video).name, [])
    links = [link for link in links if not self._is_anothers(link, video, others)]
    same = {link.document for link in links if self._is_to(link, video)}
    found = sorted(same or {link.document for link in links})
    if len(found) > 1:
      names = ", ".join(str(x) for x in found[:10])
      raise UserError(
          f"{video} is linked by {len(found)} documents ({names}): give the one that is meant the "
          f"name {stem}{ENDING}"
      )
    if found and not same:
      raise UserError(
          f"{found[0]} links a video of the name of {video}, which may be one of another folder: "
          f"if it is that of {video}, give it the name {stem}{ENDING}, and else keep it elsewhere"
      )
    return found[0] if found else None

  def _is_to(self, link, video):
    """Whether a link agrees with the whole path of a video."""
    inside = self._inside(link)
    if inside == video:
      return True
    if "/" not in video:  # its name is all that can agree: where documents have no folders either
      return link.document.parent == self.folder
    return max(eaf_times.agreement(x, video) for x in (inside, link.place)) > video.count("/")

  def _is_anothers(self, link, video, others):
    """Whether the document is that of another video by its place, or by where its link leads."""
    stem = link.document.relative_to(self.folder).with_suffix("").as_posix()
    if any(clip_table.stem_of(x) == stem for x in others):
      return True
    others = [x for x in others if x != video and self._is_to(link, x)]
    if self._is_to(link, video):
      return any(x.count("/") > video.count("/") for x in others)
    # One that is called as what it links, in a folder, is that of the video of this folder.
    own = clip_table.stem_of(video)
    is_called_so = stem.endswith(f"/{pathlib.PurePosixPath(own).name}")
    return bool(others) or is_called_so and eaf_times.agreement(stem, own) < 2

  def _inside(self, link):
    """Where a relative link leads, seen from the folder of the documents."""
    if ":" in link.place or link.place.startswith("/"):
      return link.place
    folder = link.document.parent.relative_to(self.folder).as_posix()
    return posixpath.normpath(posixpath.join(folder, link.place))


def find(folder: pathlib.Path) -> Own:
  """Looks into all documents of a folder and its subfolders; hidden ones are left out."""
  files = list(annotations_folder.files(folder, (ENDING,)))
  own = Own(folder, {}, {}, {})
  for stem, path in tqdm(files, "looking at documents", unit="file", mininterval=1, leave=False):
    own.stems.setdefault(stem, path)
    try:
      media = eaf.read(path).media
    except UserError as error:
      own.failed[path] = str(error)
      continue
    for place in set().union(*map(eaf_times.links, media)):
      if name := place.rpartition("/")[2]:
        own.links.setdefault(name, []).append(Link(path, place))
  return own
