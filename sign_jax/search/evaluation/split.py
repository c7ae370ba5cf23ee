"""A split of the data set that a run names, as an index of it is measured on."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from sign_jax.api.retrieval import RetrievalModel
from sign_jax.data import records
from sign_jax.run import task as run_task
from sign_jax.run import text_notes
from sign_jax.search import sources

_FIELDS = ("video_id", "num_frames", "fps", "signer", "gloss_spans")


class Video(NamedTuple):
  """What is known of a video of a split.

  Attributes:
    signer: "" where that is not known.
    seconds: its length; 0 where that is not known.
    times: (n, 2) begin and end in seconds of each of its windows; None where they are not known.
    signed: (begin, end) in seconds, from the first frame of the first sign to the last one of the
      last sign; None where no signs are annotated.
  """

  signer: str
  seconds: float
  times: Float[np.ndarray, "n 2"] | None
  signed: tuple[float, float] | None


class Split(NamedTuple):
  """A split.

  Attributes:
    name: "train", "validation" or "test".
    data: `data.source.RetrievalSplit`.
    ties: how metrics count ties, see `metrics.retrieval`.
    videos: [`Video`], as `data.video_ids`.
  """

  name: str
  data: Any
  ties: str
  videos: list[Video]


def read(model: RetrievalModel, name: str, data_dir: str = "") -> Split:
  """A split of the data set that a model was trained on.

  Args:
    model: `RetrievalModel`.
    name: of the split.
    data_dir: where the data sets lie; "" for where the run had them.

  Raises:
    UserError: no such data set or split.
  """
  config = model.config.copy_and_resolve_references()
  changes = {"data.data_dir": data_dir} if data_dir else {}
  if "fusion" in config:  # an index is of one model
    changes |= {"fusion.runs": "", "fusion.weights": ()}
  config.update_from_flattened_dict(changes)
  made = run_task.make(config, notes=text_notes.path(model.trained.workdir))
  data = made.split(name)
  return Split(name, data, config.ties, _videos(config.data, name, data))


def _videos(section, split, data):
  opened = records.open_split(section.name, split, section.data_dir or None)
  wanted = [name for name in _FIELDS if name in opened.feature_specs]
  known = {x["video_id"]: x for x in opened.read(range(len(opened)), wanted)}
  noted = opened.metadata.get(data.streams[0])
  stride = noted.get("stride") if isinstance(noted, dict) else None
  stride = stride if type(stride) is int else 0
  return [
      _video(known[name], int(count), stride)
      for name, count in zip(data.video_ids, data.windows, strict=True)
  ]


def _video(record, count, stride):
  frames, fps = int(record.get("num_frames", 0)), float(record.get("fps", 0))
  times = sources.window_times(frames, fps, count, stride)
  seconds = frames / fps if fps > 0 else 0.0
  spans, signed = record.get("gloss_spans"), None
  if spans is not None and len(spans) and fps > 0:
    signed = float(spans[:, 0].min()) / fps, float(spans[:, 1].max() + 1) / fps
  return Video(str(record.get("signer", "")), seconds, times, signed)
