"""TFDS builder of `video_folder`: a user's own videos with their sentences.

  python -m sign_jax.extract --videos VIDEOS --out DIR/features --weights FILE --stride 1
  python -m data_builders.build video_folder --manual_dir DIR
"""

import functools
import hashlib
import sys

import numpy as np
import tensorflow_datasets as tfds

from data_builders.corpus import contents, left_out, places
from data_builders.video_folder import captions
from data_builders.video_folder.streams import Stream
from data_builders.writing import schema
from sign_jax.data import streams
from sign_jax.data.splits import SPLITS
from sign_jax.errors import UserError, printable
from sign_jax.files import existing_folder, user_path

CAPTIONS = "captions.csv"
FEATURES = "features"  # those of the first encoder; of others, with "_" and their stream's name
AGNOSTIC = streams.TWO[0]
CONFIGS = {
  "default": "Splits from the column `split`; without it, all rows in all three splits.",
  "hash_split": "80, 10 and 10 % of the sentences, about, by hash; ignores the column `split`.",
}
SAME_ROWS = (
  "The table has no column `split`: train, validation and test hold the same rows, which checks "
  "the path and is no result."
)
LEAKS = (
  "The train split holds {count} of the sentences of validation and test: results do not say how "
  "well new sentences are found."
)


class Builder(schema.RetrievalBuilder):
  """Reads a table and the features that `sign_jax.extract` has made; nothing is downloaded."""

  CHOOSES_DTYPE = True
  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES = {"1.0.0": "First version."}
  DEFAULT_BUILDER_CONFIG_NAME = "default"
  BUILDER_CONFIGS = [
    tfds.core.BuilderConfig(name=name, description=text) for name, text in CONFIGS.items()
  ]
  MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
  The folder given as --manual_dir holds
  - {CAPTIONS}: CSV in UTF-8 with the columns `video,sentence` and, if you like,
    `name,start,end,split,signer`; `video` is a path relative to the folder of the videos, `name`
    the clip's id, by default the video's path without extension, `start` and `end` are seconds,
    `split` is train, validation (or val, dev) or test;
  - {FEATURES}/: what `python -m sign_jax.extract --out` has written for these videos, or
    NAME.npy with (windows, width) floats: the stream agnostic;
  - {FEATURES}_aware/, if there is a second, domain-aware sign encoder: the same from that one;
  - {FEATURES}_ENCODER/: the same from any other one, whose stream is called ENCODER; then
    {FEATURES}/ may be missing.
  """

  def _info(self):
    description = " ".join(["A user's own videos with their sentences.", *self._warnings])
    fields, metadata = {}, {}
    for stream in self._streams:
      fields |= stream.features()
      metadata |= stream.metadata()
    return self.retrieval_info(description, streams={}, metadata=metadata, **fields)

  def _split_generators(self, dl_manager):
    del dl_manager  # nothing to download
    for note in (*self._table.notes, *self._left_out()):
      print(f"note: {printable(note)}", file=sys.stderr)
    for warning in self._warnings:
      print(printable(warning), file=sys.stderr)
    return {split: self._generate_examples(split) for split in self._splits}

  def _generate_examples(self, split):
    for clip in self.progress(self._splits[split], split):
      yield clip.name, self._example(clip)

  def _example(self, clip):
    paths = {stream.name: stream.paths[clip.name] for stream in self._streams}
    called = f"{clip.name} (line {clip.line})"
    fields, extents = contents.read_all(self._streams, clip, paths, called)
    first = extents[self._streams[0].name]
    return {
      "video_id": clip.name,
      "sentence_id": self._sentence_ids[clip.name],
      "text": clip.sentence,
      "signer": clip.signer,
      "num_frames": first.num_frames,
      "fps": np.float32(first.fps),
      **fields,
    }

  def source_digest(self):
    """Of the table, and of names, sizes and times of the feature files."""
    state = hashlib.sha256((self._folder / CAPTIONS).read_bytes())
    for stream in self._streams:
      for name, path in stream.paths.items():
        facts = path.stat()
        state.update(f"{stream.name} {name} {facts.st_size} {facts.st_mtime_ns}".encode())
    state.update(self.dtype_digest())
    return state.hexdigest()

  @functools.cached_property
  def _folder(self):
    if self.manual_dir is None:
      raise UserError(f"video_folder reads your files, pass --manual_dir the folder of {CAPTIONS}")
    folder = user_path(self.manual_dir)
    return existing_folder(folder, "--manual_dir", f"pass the folder of {CAPTIONS}")

  @functools.cached_property
  def _table(self):
    return captions.read(self._folder / CAPTIONS)

  @functools.cached_property
  def _sentence_ids(self):
    return captions.sentence_ids(self._table.rows)

  def _left_out(self):
    """Sentences on the files that are in the folders of features and not read."""
    if self.wanted != SPLITS:  # those of other splits are no surprise
      return
    for stream in self._streams:
      if note := left_out.note(stream.root, stream.paths.values()):
        yield note

  @functools.cached_property
  def _splits(self):
    is_hashed = self.builder_config.name == "hash_split"
    return (captions.by_hash if is_hashed else captions.by_split)(self._table.rows, self.wanted)

  @functools.cached_property
  def _streams(self):
    members = {clip.name for clips in self._splits.values() for clip in clips}
    rows = [clip for clip in self._table.rows if clip.name in members]  # in the table's order
    return [
      Stream(name, folder, rows, self.feature_dtype) for name, folder in self._encoders().items()
    ]

  def _encoders(self):
    """{name of a stream: pathlib.Path}."""
    first, others = self._folder / FEATURES, places.encoders(self._folder, f"{FEATURES}_")
    if AGNOSTIC in others:
      raise UserError(f"{others[AGNOSTIC]}: the features of the stream {AGNOSTIC} lie in {first}, "
                      "rename the folder")
    return {**({AGNOSTIC: first} if first.is_dir() or not others else {}), **others}

  @functools.cached_property
  def _warnings(self):
    if not self._table.rows[0].split and self.builder_config.name != "hash_split":
      return [SAME_ROWS]
    count = captions.count_leaks(self._splits)
    return [LEAKS.format(count=count)] if count else []
