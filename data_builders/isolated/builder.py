"""What the builders of isolated signs share: annotations, videos and keypoints -> examples."""

import dataclasses
import functools
import hashlib
import inspect
import sys

import numpy as np
import tensorflow_datasets as tfds

from data_builders.corpus.findings import named
from data_builders.corpus.released import ReleasedBuilder, file_facts
from data_builders.isolated import presence
from data_builders.isolated.keypoints import Keypoints
from data_builders.isolated.videos import Videos
from data_builders.writing import schema
from sign_jax.errors import UserError, printable

_RULE = 1  # of reading: a change of it needs another one, so that sets are built again
_POSE = "pose"


@dataclasses.dataclass(kw_only=True)
class SubsetConfig(tfds.core.BuilderConfig):
  """How many classes, and whether there are keypoints."""

  protocol: str
  with_pose: bool


def configs(protocols):
  """[`SubsetConfig`]: each subset without and with keypoints."""
  texts = {False: "Videos alone.", True: "Videos with keypoints."}
  return [
    SubsetConfig(
      name=f"{protocol}_{_POSE}" if with_pose else protocol,
      description=f"{text} {protocol} classes.",
      protocol=protocol,
      with_pose=with_pose,
    )
    for protocol in protocols
    for with_pose, text in texts.items()
  ]


class IsolatedBuilder(ReleasedBuilder, skip_registration=True):
  """Base of the builders of isolated signs.

  `ANNOTATIONS` has `SUBSETS`, `vocabulary` and `WHERE` too. The examples are clips whose video is
  there: the others are counted in the metadata. Nothing is decoded.
  """

  def _info(self):
    classes = self.ANNOTATIONS.vocabulary(self._folder, self.builder_config.protocol)
    found = self._present
    return self.info_of(
      schema.sign_features(self.builder_config.with_pose),
      f"{inspect.cleandoc(self.DESCRIPTION)}\n\n{self.builder_config.description}",
      {
        "protocol": self.builder_config.protocol,
        "isolated": {
          "glosses": classes.names,
          "num_classes": classes.count,
          "listed": found.listed,
          "missing": {split: len(clips) for split, clips in found.missing.items()},
        },
        **({"origins": dict(self.findings.origins)} if self.findings.origins else {}),
      },
      citation=self.CITATION,
      homepage=self.HOMEPAGE,
    )

  def _split_generators(self, dl_manager):
    del dl_manager  # nothing to download
    notes = [*self.findings.notes, *presence.described(self._present)]
    for note in notes:
      print(f"note: {printable(note)}", file=sys.stderr)
    if self._keypoints and self.findings.on_error == "stop":
      self._check_all_have_keypoints()
    return {
      split: schema.not_empty(self._generate_examples(split), split, self.findings)
      for split in self._splits
    }

  def _example(self, clip):
    extract = self._videos.read(clip, self._present.places[clip.video_id])
    fields, end = {}, extract.end
    if self._keypoints:
      place = self._pose_places[clip.video_id]
      if place is None:
        raise UserError(f"{clip.video_id} has no keypoints")
      keypoints, size, counts = self._keypoints.read(clip, place, extract)
      end = extract.first + len(keypoints)
      fields = {"pose": keypoints, "pose_size": np.array(size, np.int32)}
      self.counts["pose"].update(counts)
    self.counts["video"].update(extract.counts)
    return {
      "video_id": clip.video_id,
      "label": clip.label,
      "gloss": clip.gloss,
      "signer": clip.signer,
      "video": self._present.places[clip.video_id].video,
      "first_frame": extract.first,
      "end_frame": 0 if end == extract.count else end,
      "num_frames": end - extract.first,
      "fps": np.float32(extract.fps),
      "box": np.array(extract.box, np.float32),
      **fields,
    }

  def _check_all_have_keypoints(self):
    lacking = [name for name, place in self._pose_places.items() if place is None]
    if lacking:
      raise UserError(
        f"{len(lacking)} of {len(self._pose_places)} clips have no keypoints: {named(lacking)}; "
        "put them there, or build without these clips with --on_error skip"
      )

  def source_digest(self):
    """Of the annotations as they were read, and of names, sizes and times of the other files."""
    state = hashlib.sha256(f"{_RULE} {self._present.listed}".encode())
    if self._keypoints:
      state.update(f"{tuple(self.poses)} {self._keypoints.pickle}".encode())
      if self._keypoints.pickle:
        state.update(f"{file_facts(self._keypoints.pickle, deep=False)}".encode())
    for split, clips in self._splits.items():
      for clip in clips:
        path = self._videos.path(self._present.places[clip.video_id])
        state.update(f"{split} {tuple(clip)} {file_facts(path, deep=False)}".encode())
        if self._keypoints and (place := self._keypoints.in_folder(clip, split)):
          state.update(f"{place} {file_facts(place, deep=True)}".encode())
    return state.hexdigest()

  @functools.cached_property
  def _videos(self):
    return Videos(self._folder)

  @functools.cached_property
  def _present(self):
    listed = self.ANNOTATIONS.read(
      self._folder, self.builder_config.protocol, self.findings, self.wanted
    )
    found = presence.find(listed, self._videos, self.findings)
    presence.check_none_empty(found, self._folder, self.ANNOTATIONS.WHERE)
    for split, clips in found.missing.items():
      self.findings.entries[split] -= len(clips)  # they are no damage
    return found

  @property
  def _splits(self):
    return self._present.there

  @functools.cached_property
  def _keypoints(self):
    """`Keypoints` of a config with them, else None."""
    if self.builder_config.with_pose:
      return Keypoints(self._folder, self.poses)
    if any(self.poses):
      name = self.builder_config.name
      raise UserError(f"{name} holds no keypoints, leave --pose_size and --pose_range out")
    return None

  @functools.cached_property
  def _pose_places(self):
    """{video_id: where its keypoints are, or None}."""
    return {
      clip.video_id: self._keypoints.find(clip, split)
      for split, clips in self._splits.items()
      for clip in clips
    }
