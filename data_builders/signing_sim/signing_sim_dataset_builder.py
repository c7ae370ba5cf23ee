"""TFDS builder of `signing_sim`, the embedded corpus of simulated signed sentences."""

import contextlib
import dataclasses
import functools
import types

import numpy as np
import tensorflow_datasets as tfds

from data_builders.signing_sim import (
  continuous,
  corpus,
  features,
  filmed,
  processes,
  skeleton,
)
from data_builders.writing import schema
from sign_jax.video.frames import WINDOW

_DESCRIPTION = f"""
A simulator of signed sentences, generated from a seed. It is not a sign language: its signs,
grammar and signers are invented, and numbers measured on it say nothing about a real one.

Every video has English text, glosses with their first and last frame (inclusive), {corpus.FPS:g}
FPS COCO-WholeBody poses (x and y in pixels of a {skeleton.CANVAS} x {skeleton.CANVAS} canvas,
confidence; below 0.3 where a joint is dropped or outside) and two feature streams with one row per
window of {WINDOW} frames. Configs named `frames` have {filmed.SIZE} x {filmed.SIZE} RGB pictures in
place of the features, each video from a camera of its own; their poses are what that camera sees.
Configs named `continuous` have pictures of the motion from frame to frame besides ("flow", by
OpenCV, whose versions may differ in some pixels), and some videos out of the ordinary.
""".strip()

_PICTURES = {corpus: (), filmed: ("frames",), continuous: ("frames", "flow")}
_MANY = 200  # videos with frames that are worth starting processes for


@dataclasses.dataclass(kw_only=True)
class SigningSimConfig(tfds.core.BuilderConfig):
  """A size of the corpus, and the module that makes its examples."""

  settings: corpus.Settings
  kind: types.ModuleType = corpus


class Builder(schema.RetrievalBuilder):
  """Simulates the corpus on the user's machine; nothing is downloaded."""

  COMPRESSED = True
  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES = {"1.0.0": "First version."}
  DEFAULT_BUILDER_CONFIG_NAME = "small"
  BUILDER_CONFIGS = [
    SigningSimConfig(name="tiny", description="For tests.", settings=corpus.TINY),
    SigningSimConfig(name="small", description="The default.", settings=corpus.SMALL),
    SigningSimConfig(name="medium", description="For studies.", settings=corpus.MEDIUM),
    SigningSimConfig(name="frames_tiny", description="Frames, for tests.", settings=filmed.TINY,
                     kind=filmed),
    SigningSimConfig(name="frames", description="Frames, to learn isolated signs from.",
                     settings=filmed.FRAMES, kind=filmed),
    SigningSimConfig(name="frames_study", description="Frames, for studies of many runs.",
                     settings=filmed.STUDY, kind=filmed),
    SigningSimConfig(name="continuous_tiny", description="Frames and flow, for tests.",
                     settings=continuous.TINY, kind=continuous),
    SigningSimConfig(name="continuous", description="Frames and flow, to read sentences of glosses "
                     "from.", settings=continuous.CONTINUOUS, kind=continuous),
  ]

  def _info(self):
    settings, kind = self.builder_config.settings, self.builder_config.kind
    pictures = schema.rows((filmed.SIZE, filmed.SIZE, 3), np.uint8)
    return self.retrieval_info(
      _DESCRIPTION,
      streams=dict.fromkeys(features.STREAMS, settings.width) if kind is corpus else {},
      metadata=kind.metadata(settings),
      **dict.fromkeys(_PICTURES[kind], pictures),
      glosses=tfds.features.Text(),
      gloss_spans=schema.rows(2, np.int32),
      pose=schema.rows((skeleton.KEYPOINTS, 3)),
      domain=tfds.features.Text(),
    )

  def _split_generators(self, dl_manager):
    del dl_manager  # nothing to download
    return {split: self._generate_examples(split) for split in self.wanted}

  def _generate_examples(self, split):
    settings, kind = self.builder_config.settings, self.builder_config.kind
    videos = kind.videos(settings)[split]
    one = functools.partial(kind.example, settings=settings)
    are_many = _PICTURES[kind] and len(videos) >= _MANY  # drawing takes long
    with processes.mapping() if are_many else contextlib.nullcontext(map) as mapped:
      examples = mapped(one, videos)
      for video, example in zip(self.progress(videos, split), examples, strict=True):
        yield video.video_id, example
