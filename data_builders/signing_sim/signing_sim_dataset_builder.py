"""TFDS builder of `signing_sim`, the embedded corpus of simulated signed sentences."""

import contextlib
import dataclasses
import functools

import numpy as np
import tensorflow_datasets as tfds

from data_builders.signing_sim import corpus, features, filmed, processes, skeleton
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
""".strip()

_MANY = 200  # videos with frames that are worth starting processes for


@dataclasses.dataclass(kw_only=True)
class SigningSimConfig(tfds.core.BuilderConfig):
  """A size of the corpus; `filmed` ones have pictures, the others sign features."""

  settings: corpus.Settings
  filmed: bool = False


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
                     filmed=True),
    SigningSimConfig(name="frames", description="Frames, to learn isolated signs from.",
                     settings=filmed.FRAMES, filmed=True),
    SigningSimConfig(name="frames_study", description="Frames, for studies of many runs.",
                     settings=filmed.STUDY, filmed=True),
  ]

  def _info(self):
    settings, is_filmed = self.builder_config.settings, self.builder_config.filmed
    pictures = {"frames": schema.rows((filmed.SIZE, filmed.SIZE, 3), np.uint8)}
    return self.retrieval_info(
      _DESCRIPTION,
      streams={} if is_filmed else dict.fromkeys(features.STREAMS, settings.width),
      metadata=(filmed if is_filmed else corpus).metadata(settings),
      **(pictures if is_filmed else {}),
      glosses=tfds.features.Text(),
      gloss_spans=schema.rows(2, np.int32),
      pose=schema.rows((skeleton.KEYPOINTS, 3)),
      domain=tfds.features.Text(),
    )

  def _split_generators(self, dl_manager):
    del dl_manager  # nothing to download
    return {split: self._generate_examples(split) for split in self.wanted}

  def _generate_examples(self, split):
    settings = self.builder_config.settings
    videos = corpus.videos(settings)[split]
    one = functools.partial(
      (filmed if self.builder_config.filmed else corpus).example, settings=settings)
    are_many = self.builder_config.filmed and len(videos) >= _MANY  # drawing takes long
    with processes.mapping() if are_many else contextlib.nullcontext(map) as mapped:
      examples = mapped(one, videos)
      for video, example in zip(self.progress(videos, split), examples, strict=True):
        yield video.video_id, example
