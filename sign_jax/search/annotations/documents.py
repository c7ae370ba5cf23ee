"""Documents of ELAN for videos with hits: new ones, and those that annotators have."""

import datetime
import mimetypes
import os
import pathlib
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


class Own(NamedTuple):
  """The documents of annotators.

  Attributes:
    folder: that they are in.
    stems: {path without ending: path}.
    videos: {name of a file: paths of the documents that link it}.
    failed: {path: why it cannot be read}.
  """

  folder: pathlib.Path
  stems: dict[str, pathlib.Path]
  videos: dict[str, list[pathlib.Path]]
  failed: dict[pathlib.Path, str]

  def of(self, video: str) -> pathlib.Path | None:
    """The document of a video: the one called as it is, else the only one that links it.

    Raises:
      UserError: several link it, or it is called so and cannot be read.
    """
    stem = clip_table.stem_of(video)
    if path := self.stems.get(stem):
      if path in self.failed:
        raise UserError(self.failed[path])
      return path
    found = self.videos.get(pathlib.PurePosixPath(video).name, [])
    if len(found) > 1:
      names = ", ".join(str(x) for x in found[:10])
      raise UserError(
          f"{video} is linked by {len(found)} documents ({names}): give the one that is meant the "
          f"name {stem}{ENDING}"
      )
    return found[0] if found else None


def find(folder: pathlib.Path) -> Own:
  """Looks into all documents of a folder and its subfolders; hidden ones are left out."""
  files = list(annotations_folder.files(folder, (ENDING,)))
  own = Own(folder, {}, {}, {})
  for stem, path in tqdm(files, "looking at documents", unit="file", mininterval=1, leave=False):
    own.stems.setdefault(stem, path)
    try:
      linked = eaf_times.names(eaf.read(path).media)
    except UserError as error:
      own.failed[path] = str(error)
      continue
    for name in linked:
      own.videos.setdefault(name, []).append(path)
  return own
