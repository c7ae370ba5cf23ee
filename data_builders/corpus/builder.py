"""What the builders of released corpora share: annotations and derived files -> examples."""

import dataclasses
import functools
import hashlib
import inspect
import sys

import numpy as np
import tensorflow_datasets as tfds

from data_builders.corpus import contents, continuous, left_out, places, pose_windows
from data_builders.corpus.findings import named
from data_builders.corpus.released import ReleasedBuilder, file_facts
from data_builders.writing import schema
from sign_jax.data import released_poses
from sign_jax.data.splits import SPLITS
from sign_jax.errors import UserError, printable

_VIDEO, _FLOW = contents.Videos.name, contents.Flow.name
_POSE_RULE = 3  # of reading poses: a change of it needs another one, so that sets are built again

@dataclasses.dataclass(kw_only=True)
class CorpusConfig(tfds.core.BuilderConfig):
  """What the examples hold, and whose list of videos and sentences it is."""

  content: str  # a key of `contents.CONTENTS`
  protocol: str


def configs(protocols, with_glosses=False):
  """[`CorpusConfig`]: each content for each protocol; the first protocol is not in the name.

  Args:
    with_glosses: whether the corpus has glosses for continuous recognition.
  """
  return [
    CorpusConfig(
      name=content if protocol == protocols[0] else f"{content}_{protocol}",
      description=f"{text} Protocol: {protocol}.",
      content=content,
      protocol=protocol,
    )
    for protocol in protocols
    for content, text in contents.CONTENTS.items()
    if with_glosses or content != continuous.CONTENT
  ]


class CorpusBuilder(ReleasedBuilder, schema.RetrievalBuilder, skip_registration=True):
  """Base of the builders of corpora of sentences; `ANNOTATIONS` has `LANGUAGE` and `PLACES` too."""

  CHOOSES_DTYPE = True
  DEFAULT_BUILDER_CONFIG_NAME = "features"

  def _info(self):
    fields, metadata = {}, {"protocol": self.builder_config.protocol}
    for content in self._contents:
      fields |= content.features()
      metadata |= content.metadata()
    if self.findings.origins:
      metadata["origins"] = dict(self.findings.origins)
    return self.retrieval_info(
      f"{inspect.cleandoc(self.DESCRIPTION)}\n\n{self.builder_config.description}",
      streams={},
      metadata=metadata,
      citation=self.CITATION,
      homepage=self.HOMEPAGE,
      sentence=tfds.features.Text(),
      translation=tfds.features.Text(),
      language=tfds.features.Text(),
      glosses=tfds.features.Text(),
      **fields,
    )

  def _split_generators(self, dl_manager):
    del dl_manager  # nothing to download
    for note in (*self.findings.notes, *self._left_out(), *self._without_flow()):
      print(f"note: {printable(note)}", file=sys.stderr)
    if self.findings.on_error == "stop":
      self._check_none_missing()
    if self._pose_windows:
      self._pose_windows.find(self._splits)
      for name, noted in self._pose_windows.metadata().items():
        self.info.metadata[name] |= noted
    return {
      split: schema.not_empty(self._generate_examples(split), split, self.findings)
      for split in self._splits
    }

  def _example(self, clip):
    paths = self._files[clip.video_id]
    if missing := self._missing(paths):
      raise UserError(f"{clip.video_id} has no file of {' and '.join(missing)}")
    fields, extents = contents.read_all(self._contents, clip, paths, clip.video_id)
    num_frames = clip.num_frames or max(extent.num_frames for extent in extents.values())
    if self._pose_windows:
      self._pose_windows.check(clip, paths, fields, extents)
    elif self.builder_config.content == continuous.CONTENT:
      num_frames = continuous.check(clip, extents)
    else:
      contents.check_same_video(extents, clip)
    for name, extent in extents.items():
      self.counts[name].update(extent.counts)
    return {
      "video_id": clip.video_id,
      "sentence_id": clip.sentence_id,
      "text": clip.text,
      "sentence": clip.sentence,
      "translation": clip.translation,
      "language": self.ANNOTATIONS.LANGUAGE,
      "signer": clip.signer,
      "glosses": clip.glosses,
      "num_frames": num_frames,
      "fps": np.float32(clip.fps or max(extent.fps for extent in extents.values())),
      **fields,
    }

  def _left_out(self):
    """Sentences on the files that are in the folders of features and poses and not read."""
    if self.wanted != SPLITS:  # those of other splits are no surprise
      return
    for content in self._contents:
      used = [paths[content.name] for paths in self._files.values()]
      if content.root and (note := left_out.note(content.root, used)):
        yield note

  def _without_flow(self):
    """A sentence on the videos that have none, in a config that has it."""
    lacking = sum(_FLOW in paths and paths[_FLOW] is None for paths in self._files.values())
    if lacking:
      yield (
        f"{lacking} of {len(self._files)} videos have no optical flow, which "
        "`python -m data_builders.flow` computes"
      )

  def _check_none_missing(self):
    lacking = {name: self._missing(paths) for name, paths in self._files.items()}
    lacking = {name: kinds for name, kinds in lacking.items() if kinds}
    if lacking:
      names = [f"{name} ({', '.join(kinds)})" for name, kinds in lacking.items()]
      raise UserError(
        f"{len(names)} of {len(self._files)} videos lack a file in {self._folder}: {named(names)}; "
        "put the files there, or build without these videos with --on_error skip"
      )

  def source_digest(self):
    """Of the annotations as they were read, and of names, sizes and times of the other files."""
    state = hashlib.sha256(repr(self.findings.entries).encode())
    names = {content.name for content in self._contents}
    if contents.Poses.name in names:
      state.update(f"{_POSE_RULE} {tuple(self.poses)}".encode())
    state.update("".join(str(x.settings) for x in self._contents if x.name == _FLOW).encode())
    state.update(self.dtype_digest())
    for split, clips in self._splits.items():
      for clip in clips:
        # Raw videos may come and go.
        shown = clip if _VIDEO in names else clip._replace(video="")
        state.update(f"{split} {tuple(shown)}".encode())
        for kind, path in self._files[clip.video_id].items():
          facts = path and file_facts(path, deep=kind not in (_VIDEO, _FLOW))
          state.update(f"{kind} {facts}".encode())
    return state.hexdigest()

  @functools.cached_property
  def _splits(self):
    return self.ANNOTATIONS.read(
      self._folder, self.builder_config.protocol, self.findings, self.wanted
    )

  @functools.cached_property
  def _contents(self):
    folders = places.find(self._folder, self.ANNOTATIONS.PLACES)
    return contents.open_all(
      self.builder_config.content, self._folder, folders, self._splits, self.poses,
      self.feature_dtype, released_poses.CORPORA.get(self.name),
    )

  @functools.cached_property
  def _pose_windows(self):
    """`PoseWindows` of a data set with features and poses, else None."""
    return pose_windows.of(self._contents, released_poses.CORPORA.get(self.name))

  @functools.cached_property
  def _files(self):
    """{video_id: {content's name: path or None}}."""
    return {
      clip.video_id: {content.name: content.find(clip, split) for content in self._contents}
      for split, clips in self._splits.items()
      for clip in clips
    }

  def _missing(self, paths):
    return [x.name for x in self._contents if x.needed and paths[x.name] is None]
