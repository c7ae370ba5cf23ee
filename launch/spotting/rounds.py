"""Rounds of joint training and spotting, up to the features of the last encoder.

Round r trains an encoder on the annotations of round r - 1, mouthings and exemplars, and spots
signs with it. The last encoder is trained on mouthings and the last round's annotations alone, and
its features and recognised signs are what retrieval reads.
"""

import functools
import pathlib

from data_builders.video_folder import captions
from launch import notes
from launch.spotting import annotations, archive, judged, sizes
from launch.stages import Stages
from sign_jax.data import class_list, clip_table, label_table, lexicon_table, words
from sign_jax.encoder import clips
from sign_jax.errors import UserError
from sign_jax.files import link, user_path
from sign_jax.run import config_paths, settings

# Settings that tell one corpus from another.
_ORIGIN = ("seed", "data.alignment", *(f"spotting.{name}" for name in (
    "archive", "captions", "media", "mouthings", "lexicons", "lemmas", "truth")))
_WORDS = (words.SIMPLEMMA, words.NONE)
DONE = "complete"  # in a folder of files: they are all there
_LEAST_BATCH = 8  # windows that an encoder reads at once
DIVIDED = "features"  # ends the names of the stages of which each shard does a part
RETRIEVED = lexicon_table.RETRIEVED  # among the media: what retrieval reads
_SYSTEMS = {"features": "feature_encoder", "i3d": "i3d"}  # of the encoders


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
    is_filmed = self.encoder == "i3d" and not self.spotting.captions
    self.around = "films" if is_filmed else self.encoder  # of `spotted_clips.AROUND`
    self.media = root / "media"

  @property
  def rounds(self):
    """The numbers of the rounds, from 1."""
    return range(1, self.spotting.iterations + 1)

  def link(self):
    """Puts what encoders read into one folder: the corpus, and each lexicon under its name."""
    kind = archive.kind(self.encoder)
    places = {name: folder / kind for name, folder in self.given.lexicons.items()}
    _, places[RETRIEVED] = self.retrieved
    for name, folder in {annotations.CORPUS: self.given.media, **places}.items():
      link(self.media / name, folder)
    clip_table.write(self.searched, clips.training_clips(self.rows))

  @property
  def searched(self):
    """The table of the clips in which signs are spotted."""
    return self.root / "training.csv"

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
        self.given.mouthings, clips.training_clips(self.rows), self.given.media, self.around,
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
    return annotations.truth(self.given.truth, self.rows, self.around)

  @functools.cached_property
  def extent(self):
    """How long each video is, see `annotations.extents`."""
    return annotations.extents(self.rows, self.given.media, self.around, self.spotting.stride)

  def _exemplars(self):
    return annotations.of_lexicons(self.given.lexicons, archive.TABLE, self.around)

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
    if self.weights:
      values |= {f"init.{_SYSTEMS[self.encoder]}": self.weights, "init.classifier": "fresh"}
    config = sizes.configuration(self.spotting)
    self.run(
        folder / "encoder" / "results.json", "sign_jax.main", "--config", config,
        "--workdir", folder / "encoder",
        *(f"--config.{key}={value}" for key, value in values.items()),
        made_from=[table, *([self.weights] if self.weights else [])],
        products=[folder / "encoder"], configuration=notes.configuration_digest(config),
        media=notes.text_digest("".join(map(self._media_digest, self._media_names))),
    )

  @property
  def weights(self):
    """File of the weights that each round begins with; None for random numbers."""
    if self._is_weights_of_run:
      return self.root / "base.safetensors"
    return user_path(self.spotting.weights).absolute() if self.spotting.weights else None

  @property
  def _is_weights_of_run(self):
    return bool(self.spotting.weights) and user_path(self.spotting.weights).is_dir()

  def export(self):
    """Writes the weights of the run that each round begins with to a file."""
    run = user_path(self.spotting.weights).absolute()
    self.run(
        self.weights, "sign_jax.export", "--workdir", run, "--out", self.weights,
        made_from=[run / "results.json"], products=[self.weights],
    )

  def encode(self, turn, joint=True):
    """Features of the corpus and the lexicons, to spot signs; or of what retrieval reads."""
    names = self._media_names if joint else [RETRIEVED]
    folder = self.folder(turn, joint)
    for name in names:
      out = folder / "features" / name
      recognized = () if joint else (folder / "recognized",)
      self.run(
          out / DONE, "sign_jax.extract", *self._media_flag(name), "--weights",
          folder / "encoder", "--out", out, *(x for y in recognized for x in ("--recognized", y)),
          made_from=[self.note(folder / "encoder" / "results.json")],
          products=[out, *recognized], is_divided=True, is_marked=True,
          media=self._media_digest(name),
      )

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
        "--encoder", self.around, "--round", turn, products=[self.spotted(turn)],
        made_from=[
            self.given.captions,
            *(self.note(folder / "features" / name / DONE) for name in self._media_names),
            *(place / archive.TABLE for place in self.given.lexicons.values()),
            *([pathlib.Path(self.given.lemmas)] if self.given.lemmas not in _WORDS else []),
        ],
    )

  def stages(self):
    """[(what a progress bar calls it, function)] of all rounds and of the last encoder."""
    found = [("media", self.link)]
    found += [("weights", self.export)] if self._is_weights_of_run else []
    for turn in self.rounds:
      found += [
          (f"round {turn}: {name}", lambda stage=stage, turn=turn: stage(turn))
          for name, stage in (
              ("training", self.train), (DIVIDED, self.encode), ("spotting", self.spot))
      ]
    last = self.spotting.iterations + 1
    return [
        *found,
        ("last encoder", lambda: self.train(last, joint=False)),
        (f"last {DIVIDED}", lambda: self.encode(last, joint=False)),
    ]

  @property
  def _media_names(self):
    """Of the media that signs are spotted in and with."""
    return [annotations.CORPUS, *self.given.lexicons]

  @functools.cache  # noqa: B019 - of one start
  def _media_digest(self, name):
    return notes.folder_digest(self.media / name)

  def _media_flag(self, name):
    if self.encoder == "features":
      return "--features", self.media / name
    spotting = self.spotting
    table = {annotations.CORPUS: self.searched, RETRIEVED: self.retrieved[0]}.get(name)
    return (
        "--videos", self.media / name, "--size", spotting.size, "--stride", spotting.stride,
        "--batch_size", max(spotting.batch_size, _LEAST_BATCH), *(("--csv", table) if table else ())
    )

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
  """[{"annotations", "words", "right", "right_at_random"}] of M and of each round.

  The last two, in percent, where the truth is known.
  """
  tables = [rounds.mouthing.labels, *(annotations.of_spotting(rounds.spotted(r))
                                        for r in rounds.rounds)]
  return [
      {"annotations": len(labels), "words": len({x.gloss for x in labels}),
       **_shares(rounds, labels)}
      for labels in tables
  ]  # fmt: skip


def _shares(rounds, labels):
  if not (true := rounds.truth.get("train")):
    return {}
  return {
      "right": judged.share_right(labels, true),
      "right_at_random": judged.share_right_at_random(labels, true, rounds.extent, rounds.around),
  }
