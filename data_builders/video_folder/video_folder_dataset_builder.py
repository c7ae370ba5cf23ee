"""TFDS builder of `video_folder`: a user's own videos with their sentences.

  python -m sign_jax.extract --videos VIDEOS --out DIR/features --weights FILE --stride 1
  python -m data_builders.build video_folder --manual_dir DIR
"""

import functools
import hashlib
import sys

import numpy as np
import tensorflow_datasets as tfds

from data_builders.corpus import left_out
from data_builders.video_folder import captions
from data_builders.video_folder.streams import Stream
from data_builders.writing import schema
from sign_jax.errors import UserError, printable
from sign_jax.files import existing_folder, user_path

CAPTIONS = "captions.csv"
FOLDERS = {"agnostic": "features", "aware": "features_aware"}
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
  - {FOLDERS["agnostic"]}/: what `python -m sign_jax.extract --out` has written for these videos, or
    NAME.npy with (windows, width) floats;
  - {FOLDERS["aware"]}/, if there is a second, domain-aware sign encoder: the same from that one.
  """

  def _info(self):
    return self.retrieval_info(
      " ".join(["A user's own videos with their sentences.", *self._warnings]),
      streams={name: stream.width for name, stream in self._streams.items()},
      metadata={
        name: {"weights": stream.weights, "stride": stream.stride}
        for name, stream in self._streams.items()
      },
    )

  def _split_generators(self, dl_manager):
    del dl_manager  # nothing to download
    for note in (*self._table[1], *self._left_out()):
      print(f"note: {printable(note)}", file=sys.stderr)
    for warning in self._warnings:
      print(printable(warning), file=sys.stderr)
    return {split: self._generate_examples(split) for split in self._splits}

  def _generate_examples(self, split):
    for clip in self.progress(self._splits[split], split):
      yield clip.video_id, self._example(clip)

  def _example(self, clip):
    files = {name: stream.read(clip) for name, stream in self._streams.items()}
    counts = {name: len(file.feature) for name, file in files.items()}
    if len(set(counts.values())) > 1:
      raise UserError(
        f"the streams of {clip.video_id} (line {clip.line}) have different numbers of windows "
        f"({counts}), extract them from the same video"
      )
    return {
      "video_id": clip.video_id,
      "sentence_id": clip.sentence_id,
      "text": clip.sentence,
      "signer": clip.signer,
      "num_frames": files["agnostic"].num_frames,
      "fps": np.float32(files["agnostic"].fps),
      **{name: file.feature.astype(np.float16) for name, file in files.items()},
    }

  def source_digest(self):
    """Of the table, and of names, sizes and times of the feature files."""
    state = hashlib.sha256((self._folder / CAPTIONS).read_bytes())
    for name, stream in self._streams.items():
      for clip in self._clips:
        facts = stream.paths[clip.video_id].stat()
        state.update(f"{name} {clip.video_id} {facts.st_size} {facts.st_mtime_ns}".encode())
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

  @property
  def _clips(self):
    return self._table[0]

  def _left_out(self):
    """Sentences on the files that are in the folders of features and not read."""
    for name, stream in self._streams.items():
      if note := left_out.note(self._folder / FOLDERS[name], stream.paths.values()):
        yield note

  @functools.cached_property
  def _splits(self):
    is_hashed = self.builder_config.name == "hash_split"
    return captions.by_hash(self._clips) if is_hashed else captions.by_split(self._clips)

  @functools.cached_property
  def _streams(self):
    folders = {name: self._folder / folder for name, folder in FOLDERS.items()}
    return {
      name: Stream(folder, self._clips)
      for name, folder in folders.items()
      if name == "agnostic" or folder.is_dir()
    }

  @property
  def _warnings(self):
    if self._splits["train"] is self._splits["test"]:
      return [SAME_ROWS]
    count = captions.count_leaks(self._splits)
    return [LEAKS.format(count=count)] if count else []
