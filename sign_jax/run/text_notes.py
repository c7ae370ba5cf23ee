"""What a run notes of its texts, where its system does not read CLIP's token ids.

So new sentences are read as those that it was trained on, without its data set.
"""

import pathlib

from sign_jax.data.word_notes import FILE


def path(place: pathlib.Path) -> pathlib.Path | None:
  """The notes in a run's folder, or beside a file that lies there; None where there are none."""
  file = (place if place.is_dir() else place.parent) / FILE
  return file if file.is_file() else None


def write(made, folder: pathlib.Path) -> None:
  """Writes the notes of a `protocols.Task`; of a run that goes on, they stay as they are."""
  reader = getattr(made, "text_reader", None)
  if reader is not None and made.notes is None:
    reader.write(folder / FILE)


def share(made, folder: pathlib.Path) -> None:
  """Lets a task read what process 0 wrote, so that all have the same numbers to the last bit."""
  if hasattr(made, "notes"):
    made.notes = path(folder)
