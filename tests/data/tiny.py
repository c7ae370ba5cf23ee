"""A small TFDS data set for the tests: real ArrayRecord files, written without TensorFlow."""

import numpy as np
import tensorflow_datasets as tfds

from data_builders.writing import schema

DIM = 6


def clip(index, sentence, windows, text=None, streams=("agnostic", "aware"), seed=0, pose=None):
  """One example; its features can be told apart by their values. `pose`: (F, 133, 3) or None."""
  rng = np.random.default_rng((seed, index))
  features = {s: rng.standard_normal((windows, DIM)).astype(np.float16) for s in streams}
  return {
    "video_id": f"video_{index}",
    "sentence_id": f"sentence_{sentence}",
    "text": f"caption number {sentence} has words" if text is None else text,
    "signer": "someone",
    "num_frames": windows + 15,
    "fps": 24.0,
    **features,
    **({} if pose is None else {"pose": np.float32(pose)}),
  }


def clips(videos=17, sentences=10, **options):
  """`videos` examples of `sentences` sentences with 1 to 9 windows."""
  return [clip(i, i % sentences, 1 + i % 9, **options) for i in range(videos)]


class Tiny(tfds.core.GeneratorBasedBuilder):
  """Writes the examples that it is given: {split: [example, ...]}."""

  VERSION = tfds.core.Version("1.0.0")
  splits = None

  def _info(self):
    example = next(iter(self.splits.values()))[0]
    streams = {name: DIM for name, x in example.items() if np.ndim(x) == 2}
    captions = [name for name in ("sentence", "translation") if name in example]
    extra = {name: tfds.features.Text() for name in captions}
    if "pose" in example:
      extra["pose"] = schema.rows((133, 3), np.float32)
    return schema.LocalInfo(
      builder=self, description="Test data.", features=schema.retrieval_features(streams, **extra)
    )

  def _split_generators(self, dl_manager):
    return {split: enumerate(examples) for split, examples in self.splits.items()}

  def _generate_examples(self):
    raise NotImplementedError  # the base class asks for it; splits are generators already


def build(data_dir, splits, name="tiny", version="1.0.0", config=None):
  """Builds {split: [example, ...]} under `data_dir`."""
  configs = [tfds.core.BuilderConfig(name=config, description="Test.")] if config else []
  members = {
    "splits": splits,
    "name": name,
    "VERSION": tfds.core.Version(version),
    "BUILDER_CONFIGS": configs,
    "__module__": __name__,
  }
  # Not registered by name with TFDS: several tests build different data under one name.
  builder = type("TinyBuilder", (Tiny,), members, skip_registration=True)(
    data_dir=str(data_dir), config=config, file_format="array_record"
  )
  builder.download_and_prepare()
