"""Rounds of joint training and spotting, up to the features of the last encoder.

Round r trains an encoder on the annotations of round r - 1, mouthings and exemplars, and spots
signs with it. The last encoder is trained on mouthings and the last round's annotations alone, and
its features and recognised signs are what retrieval reads.
"""

import functools
import pathlib

from data_builders.video_folder import captions
from launch import notes
from launch.spotting import annotations, archive
from launch.stages import Stages, link
from sign_jax.data import class_list, clip_table, label_table, words
from sign_jax.encoder import clips
from sign_jax.errors import UserError
from sign_jax.files import user_path
from sign_jax.run import config_paths, settings

# Settings that tell one corpus from another.
_ORIGIN = ("seed", "data.alignment", *(f"spotting.{name}" for name in (
    "archive", "captions", "media", "mouthings", "lexicons", "lemmas", "truth")))
_WORDS = (words.SIMPLEMMA, words.NONE)
DONE = "complete"  # in a folder of files: they are all there
RETRIEVED = "retrieved"  # among the media: what retrieval reads
_ENCODERS = {  # the configuration, and what its samples lie in
    "features": "configs/feature_encoder.py", "i3d": "configs/sign_encoder.py:signing_sim",
}


class Rounds(Stages):
  """The stages, each of which is skipped where its result is there."""

  def __init__(self, root, config, given):
    """Begins nothing.

    Args:
      root: pathlib.Path, absolute.
      config: the whole configuration of configs/spot_align.py.
      given: `archive.Archive`.
    """
    self.config, self.given, self.spotting = config, given, config.spotting
    shared = self.spotting.shared
    super().__init__(root, user_path(shared).absolute() if shared else None, _origin(config))
    self.encoder = self.spotting.encoder
    self.media = root / "media"

  @property
  def rounds(self):
    """The numbers of the rounds, from 1."""
    return range(1, self.spotting.iterations + 1)

  def link(self):
    """Puts what encoders read into one folder: the corpus, and each lexicon under its name."""
    kind = "features" if self.encoder == "features" else "videos"
    places = {name: folder / kind for name, folder in self.given.lexicons.items()}
    _, places[RETRIEVED] = self.retrieved
    for name, folder in {annotations.CORPUS: self.given.media, **places}.items():
      link(self.media / name, folder)

  @property
  def retrieved(self):
    """(captions, media) of what retrieval reads: the corpus, cut by signing or by speech.

    Raises:
      UserError: nothing tells when the sentences are said.
    """
    if self.config.data.alignment == "signing":
      return self.given.captions, self.given.media
    if self.given.speech is None:
      raise UserError(
          "data.alignment=speech is for the simulator: cut your own clips by a table of their times"
      )
    return self.given.speech

  @functools.cached_property
  def mouthing(self):
    """The annotations of mouthings, `annotations.Found`."""
    known = {label.gloss for label in self._exemplars()}
    return annotations.of_mouthings(
        self.given.mouthings, clips.training_clips(self.rows), self.given.media, self.encoder,
        known,
    )

  @functools.cached_property
  def rows(self):
    """The clips of the corpus.

    Raises:
      UserError: a split has none: retrieval needs all three, and would miss them at the end.
    """
    rows = clip_table.read(self.given.captions, ("video", "sentence")).rows
    captions.by_split(rows)
    return rows

  @functools.cached_property
  def truth(self):
    """All signs, see `annotations.truth`."""
    return annotations.truth(self.given.truth, self.rows, self.encoder)

  def _exemplars(self):
    return annotations.of_lexicons(self.given.lexicons, archive.TABLE, self.encoder)

  def names(self, turn):
    """The class list of a round's encoder: words of M, and from round 2 on those of D1 too."""
    labels = list(self.mouthing.labels)
    if self.spotting.vocabulary == "full" and turn > 1:
      labels += annotations.of_spotting(self.spotted(1))
    return annotations.classes(labels)

  def spotted(self, turn):
    """The table of a round's annotations."""
    return self.root / f"round_{turn}" / "spotted.csv"

  def labels(self, turn, joint=True):
    """Writes what an encoder is trained on; `joint` adds the exemplars. Returns the table."""
    folder = self.folder(turn, joint)
    spotted = annotations.of_spotting(self.spotted(turn - 1)) if turn > 1 else []
    is_kept = self.spotting.keep_mouthing or not spotted or not joint
    train = [*(self.mouthing.labels if is_kept else ()), *spotted]
    names = self.names(turn)
    table = folder / "labels.csv"
    folder.mkdir(parents=True, exist_ok=True)
    held_out = {split: x for split, x in self.truth.items() if split != "train"}
    annotations.write(table, train, self._exemplars() if joint else (), held_out, names)
    class_list.write(folder / "classes.txt", names)
    return table

  def folder(self, turn, joint=True):
    """Of a round's encoder, or of the last one, which is that of a round that is not spotted."""
    return self.root / (f"round_{turn}" if joint else "final")

  def train(self, turn, joint=True):
    """Trains an encoder."""
    table, folder = self.labels(turn, joint), self.folder(turn, joint)
    values = {
        "data.labels": table, "data.videos": self.media, "seed": self.config.seed,
        **self._sizes(table),
    }
    config = _ENCODERS[self.encoder]
    self.run(
        folder / "encoder" / "results.json", "sign_jax.main", "--config", config,
        "--workdir", folder / "encoder",
        *(f"--config.{key}={value}" for key, value in values.items()),
        made_from=[table], products=[folder / "encoder"],
        configuration=notes.configuration_digest(config),
    )

  def encode(self, turn, joint=True):
    """Features of the corpus and the lexicons, to spot signs; or of what retrieval reads."""
    names = [annotations.CORPUS, *self.given.lexicons] if joint else [RETRIEVED]
    folder = self.folder(turn, joint)
    for name in names:
      out = folder / "features" / name
      recognized = () if joint else (folder / "recognized",)
      self.run(
          out / DONE, "sign_jax.extract", *self._media_flag(name), "--weights",
          folder / "encoder", "--out", out, *(x for y in recognized for x in ("--recognized", y)),
          made_from=[folder / "encoder" / "results.json"], products=[out, *recognized],
      )
      (out / DONE).touch()

  def spot(self, turn):
    """Annotations of a round."""
    folder, spotting = self.folder(turn), self.spotting
    lexicons = [
        part for name, place in self.given.lexicons.items()
        for part in ("--lexicon", place / archive.TABLE, folder / "features" / name)
    ]
    self.run(
        self.spotted(turn), "sign_jax.spot", "--captions", self.given.captions, "--features",
        folder / "features" / annotations.CORPUS, *lexicons, "--out", self.spotted(turn),
        "--threshold", spotting.threshold, "--similarity", spotting.similarity,
        "--forms", spotting.forms, "--lemmas", self.given.lemmas,
        "--language", self.config.model.text.language,
        "--encoder", self.encoder, "--round", turn, products=[self.spotted(turn)],
        made_from=[
            self.given.captions, folder / "encoder" / "results.json",
            *(place / archive.TABLE for place in self.given.lexicons.values()),
            *([pathlib.Path(self.given.lemmas)] if self.given.lemmas not in _WORDS else []),
        ],
    )

  def stages(self):
    """[(what a progress bar calls it, function)] of all rounds and of the last encoder."""
    found = [("media", self.link)]
    for turn in self.rounds:
      found += [
          (f"round {turn}: {name}", lambda stage=stage, turn=turn: stage(turn))
          for name, stage in (
              ("training", self.train), ("features", self.encode), ("spotting", self.spot))
      ]
    last = self.spotting.iterations + 1
    return [
        *found,
        ("last encoder", lambda: self.train(last, joint=False)),
        ("last features", lambda: self.encode(last, joint=False)),
    ]

  def _media_flag(self, name):
    if self.encoder == "features":
      return "--features", self.media / name
    captions = self.retrieved[0] if name == RETRIEVED else self.given.captions
    table = () if name in self.given.lexicons else ("--csv", captions)
    return "--videos", self.media / name, "--size", self.spotting.size, *table

  def _sizes(self, table):
    spotting = self.spotting
    reads_features = self.encoder == "features"
    return {
        "steps": spotting.steps,
        "batch_size": min(spotting.batch_size, len(label_table.read(table)["train"])),
        **({"data.dim": spotting.dim} if reads_features else {"data.size": spotting.size}),
    }


def _origin(config):
  values = config_paths.expanded(settings.flat(config.to_dict()))
  return {key: values[key] for key in _ORIGIN}


def yields(rounds):
  """[{"annotations", "words", "right"}] of M and of each round; "right" with the truth alone."""
  truth = rounds.truth.get("train")
  tables = [rounds.mouthing.labels, *(annotations.of_spotting(rounds.spotted(r))
                                        for r in rounds.rounds)]
  return [
      {"annotations": len(labels), "words": len({x.gloss for x in labels}),
       **({"right": annotations.share_right(labels, truth)} if truth else {})}
      for labels in tables
  ]  # fmt: skip
