"""A small data set of isolated signs in videos, for the tests, and its folder of videos."""

import numpy as np
import tensorflow_datasets as tfds

from data_builders.writing import schema
from tests import videos
from tests.data import tiny

FRAMES, SIDE = 12, 32
GLOSSES = ("rain", "snow", "wind")


def record(number, with_pose=False, **changes):
  """A clip of `FRAMES` frames of a video of its own, `NUMBER.mp4`."""
  rng = np.random.default_rng(number)
  label = number % len(GLOSSES)
  pose = {
    "pose": rng.uniform(0, SIDE, (FRAMES, 133, 3)).astype(np.float32),
    "pose_size": np.array([SIDE, SIDE], np.int32),
  }
  return {
    "video_id": f"clip_{number}", "gloss": GLOSSES[label], "signer": "somebody",
    "video": f"{number}.mp4", "label": label, "first_frame": 0, "end_frame": 0,
    "num_frames": FRAMES, "fps": 25.0, "box": np.zeros(4, np.float32),
    **(pose if with_pose else {}), **changes,
  }  # fmt: skip


def render(folder, count=6):
  """Writes the videos of the first records."""
  for number in range(count):
    videos.render(folder / f"{number}.mp4", FRAMES, (SIDE, SIDE), seed=number)


class _Tiny(tiny.Tiny):
  """Writes the records that it is given: {split: [record, ...]}."""

  noted = {}

  def _info(self):
    example = next(iter(self.splits.values()))[0]
    return schema.LocalInfo(
      builder=self, description="Test data.", features=schema.sign_features("pose" in example),
      metadata=tfds.core.MetadataDict(self.noted),
    )


def build(data_dir, splits, name="tiny_signs", **noted):
  """Builds {split: [record, ...]} under `data_dir`; `noted`: beside what the records tell."""
  isolated = {
    "glosses": list(GLOSSES), "num_classes": len(GLOSSES),
    "listed": {split: len(members) + 1 for split, members in splits.items()},
    "missing": dict.fromkeys(splits, 1),
  }
  members = {
    "splits": splits, "name": name, "VERSION": tfds.core.Version("1.0.0"), "BUILDER_CONFIGS": [],
    "noted": {"isolated": isolated, **noted}, "__module__": __name__,
  }
  builder = type("TinyBuilder", (_Tiny,), members, skip_registration=True)(
    data_dir=str(data_dir), file_format="array_record"
  )
  builder.download_and_prepare()
  return name
