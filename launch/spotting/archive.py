"""What the rounds read: sentences, features or videos, lexicons and mouthings of a corpus."""

import dataclasses
import pathlib

import ml_collections

from sign_jax.data.lexicon_table import RESERVED
from sign_jax.errors import UserError
from sign_jax.files import existing_file, existing_folder, user_path

TABLE = "lexicon.csv"  # of a lexicon's folder


@dataclasses.dataclass(frozen=True)
class Archive:
  """A corpus to spot signs in.

  Attributes:
    captions: table of clips with their sentences, `data.clip_table`.
    media: folder of what the encoder reads of the clips, feature files or videos.
    mouthings: table of `data.mouthings`.
    lexicons: {name: folder that holds TABLE, and the exemplars' `features` or `videos`}.
    truth: table video,start,end,word of all signs, to judge by; None where there is none. Clips
      must then be whole videos.
    lemmas: "simplemma", or a table.
    speech: (captions, media) of the same sentences, cut by the times at which they are said; None
      where there are none.
  """

  captions: pathlib.Path
  media: pathlib.Path
  mouthings: pathlib.Path
  lexicons: dict[str, pathlib.Path]
  truth: pathlib.Path | None = None
  lemmas: str = "simplemma"
  speech: tuple[pathlib.Path, pathlib.Path] | None = None


def simulated(root: pathlib.Path, encoder: str) -> Archive:
  """The archive that `data_builders.signing_sim.archive` writes into a folder of `root`.

  Args:
    root: of the whole way.
    encoder: "features" or "i3d".
  """
  folder = root / "archive"
  return Archive(
      folder / "captions.csv", folder / kind(encoder), folder / "mouthings.csv",
      {name: folder / "lexicons" / name for name in ("first", "second")},
      folder / "signs.csv", str(folder / "lemmas.csv"),
      (folder / "long" / "speech" / "captions.csv", folder / "long" / "speech" / "features"),
  )


def kind(encoder: str) -> str:
  """What an encoder reads, as folders of it are called: "features" or "videos"."""
  return "features" if encoder == "features" else "videos"


def of_user(spotting: ml_collections.ConfigDict) -> Archive:
  """The archive that a configuration names.

  Args:
    spotting: the section of the configuration.

  Raises:
    UserError: a file or folder is missing.
  """
  option = "--config.spotting.{}".format
  lexicons = {}
  for text in filter(None, spotting.lexicons.split(",")):
    folder = existing_folder(user_path(text), option("lexicons"), f"pass folders with {TABLE}")
    folder = folder.absolute()
    if folder.name in (*lexicons, *RESERVED):
      raise UserError(f"a lexicon cannot be called {folder.name} here: rename its folder")
    existing_file(folder / TABLE, option("lexicons"), f"write {TABLE} into the folder")
    media = folder / kind(spotting.encoder)
    existing_folder(media, option("lexicons"), "it holds what the encoder reads")
    lexicons[folder.name] = folder
  if not lexicons:
    raise UserError("no lexicon is given: pass --config.spotting.lexicons=FOLDER,FOLDER")
  file = lambda key, what: existing_file(user_path(spotting[key]), option(key), f"pass {what}")
  return Archive(
      file("captions", "a table of clips"),
      existing_folder(user_path(spotting.media), option("media"), "pass what the encoder reads"),
      file("mouthings", "a table video,word,time,confidence"), lexicons,
      file("truth", "a table video,start,end,word") if spotting.truth else None, spotting.lemmas,
  )
