"""Optical flow as pictures: a folder of them for each video, and a note on how they were made.

  flow.json                     what all of them share; pictures made elsewhere need none
  PATH/OF/THE/VIDEO/000000.png  the flow from each frame to the next, the last one repeated
"""

import json
import pathlib
import re
from typing import NamedTuple

from sign_jax.data import flow_encoding
from sign_jax.errors import UserError, printable
from sign_jax.files import replacing
from sign_jax.untrusted import budget
from sign_jax.video import pictures

NOTE = "flow.json"
PICTURE = "{:06d}.png"
_LONGEST = 100  # characters of a text in a note


class Settings(NamedTuple):
  """How the pictures of a folder were made."""

  encoding: str  # one of `flow_encoding.ENCODINGS`
  range: float | None  # pixels of motion that fill the scale of "uvm", None for "wheel"
  size: int | None  # height and width of the pictures, None: as large as the frames
  opencv: str  # version

  @property
  def text(self):
    """The settings for a message."""
    return ", ".join(f"{key} {value}" for key, value in self._asdict().items())


def read_note(root):
  """`Settings` of a folder, None where it has no note.

  Raises:
    UserError: the note is damaged, or says what cannot be.
  """
  path = pathlib.Path(root) / NOTE
  if not path.is_file():
    return None
  try:
    content = budget.read_json(path)
    found = Settings(**content)
  except (ValueError, TypeError) as error:
    raise UserError(f"{path} is damaged: delete it with the pictures beside it") from error
  is_scaled = found.encoding == "uvm"
  checks = (
      isinstance(found.encoding, str) and found.encoding in flow_encoding.ENCODINGS,
      flow_encoding.is_range(found.range) if is_scaled else found.range is None,
      found.size is None or type(found.size) is int and found.size > 0,
      isinstance(found.opencv, str) and len(found.opencv) <= _LONGEST,
  )
  if not all(checks):
    raise UserError(f"{path} states impossible settings: delete it with the pictures beside it")
  return found


def check_note(root, settings):
  """Writes the note of an empty folder, which is made; compares that of another.

  Raises:
    UserError: it has one with other settings, a damaged one, or none beside other files.
  """
  root = pathlib.Path(root)
  found = read_note(root)
  if found is None:
    root.mkdir(parents=True, exist_ok=True)
    others = [path.name for path in root.iterdir() if not path.name.startswith(".")]
    if NOTE in others:  # another shard has written it meanwhile
      return check_note(root, settings)
    if others:
      raise UserError(
          f"{root} holds {printable(others[0])} and no {NOTE}, which says how flow was made: use "
          "another folder"
      )
    with replacing(root / NOTE) as partial:
      partial.write_text(json.dumps(settings._asdict(), indent=2) + "\n", "utf-8")
  elif found != settings:
    raise UserError(
        f"{root} holds flow of {found.text}, and {settings.text} is asked for: use another folder"
    )


def count(folder):
  """The number of pictures in a folder, 0 without one.

  Raises:
    VideoError: the folder cannot be read, or holds a picture under two extensions.
  """
  return len(pictures.listing(folder).pictures) if pathlib.Path(folder).is_dir() else 0


def is_ours(name):
  """Whether a file is called as `PICTURE` calls it."""
  return re.fullmatch(r"\d{6,9}\.png", name) is not None
