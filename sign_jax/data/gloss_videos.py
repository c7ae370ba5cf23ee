"""The signed sentences of one split of a built data set, as `tasks.continuous` reads them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from sign_jax.data import sign_records
from sign_jax.data.cache import FeatureCache, new_key
from sign_jax.data.frame_sampling import STRIDE
from sign_jax.data.records import SplitSource, open_split
from sign_jax.errors import UserError, shown

LONGEST = 20_000  # frames of a sentence's video: more than ten minutes
_MOST_GLOSSES = 1000
_SPAN = 512  # frames that are read at a time; more than evaluation reads of a video
_WITHOUT = "--config.model.streams of the others"
_INSTEAD = dict.fromkeys(("video", "keypoints", sign_records.FLOW), _WITHOUT)


class GlossVideos:
  """Glosses of a split's videos, and their frames, keypoints and flow on demand.

  May be pickled and shared between threads.

  Attributes:
    label: NAME[/CONFIG]:VERSION of the data set.
    clips: [`sign_records.Clip`], whole videos.
    sentences: [glosses], as the data set has them; a reference may be empty.
    spans: [(G, 2) int32], first and last frame of each gloss; None where none are annotated.
    fields: some of "video", "keypoints" and "flow": what `read` gives.
    size: S, height and width of the frames.
    flow_note: what the data set's metadata say of its optical flow, None for nothing.
  """

  def __init__(
      self, name: str, split: str, data_dir: str | None = None, *,
      fields: Sequence[str] = ("video",), size: int = 256, videos: str = "", flow: str = "",
      cache: FeatureCache | None = None,
  ) -> None:
    """Reads what the records say beside frames and poses.

    Args:
      name, split, data_dir: as for `records.open_split`.
      fields: what is to be read.
      size: of the frames; stored ones must have it.
      videos, flow: folders that the records' paths begin in.
      cache: of whole videos; by default they are read each time.

    Raises:
      UserError: as `open_split`; no glosses; no frames, keypoints or flow.
    """
    source = open_split(name, split, data_dir)
    self.label, self.split, self.fields, self.size = source.label, split, tuple(fields), size
    self.flow_note = source.metadata.get(sign_records.FLOW)
    self.clips, self.sentences, self.spans = _sentences(source, self.fields)
    self._reader = sign_records.Reader(source, self.fields, size, videos, flow, _INSTEAD)
    self._cache, self._key = FeatureCache(0) if cache is None else cache, new_key()

  def __len__(self) -> int:
    """The number of videos."""
    return len(self.clips)

  @property
  def counts(self) -> Int[np.ndarray, " N"]:
    """T of each video."""
    return np.array([clip.count for clip in self.clips], np.int64)

  def read(
      self, index: int, places: Int[np.ndarray, " F"]
  ) -> dict[str, Shaped[np.ndarray, "F ..."]]:
    """Some frames of a video, which may repeat.

    Args:
      index: of the video.
      places: (F,) int below T, ascending.

    Returns:
      {"video": (F, S, S, 3) uint8 RGB, "flow": (F, S, S, 3) uint8, "keypoints": (F, 133, 3)
      float32}, those of `fields`; x and y of the keypoints are shares of the picture.

    Raises:
      UserError: as `sign_records.Reader.read`.
    """
    clip, key = self.clips[index], (self._key, index)
    held = self._cache.get(key)
    if held is not None:
      return {name: array[places] for name, array in held.items()}
    low, stop = int(places[0]), int(places[-1]) + 1
    if stop - low > _SPAN:
      return self._in_spans(clip, places, low, stop)
    if low == 0 and clip.count - stop < STRIDE:  # evaluation leaves a rest out: all is kept
      stop = clip.count
    found = self._reader.read(clip, low, stop)
    if (low, stop) == (0, clip.count):
      self._cache.put(key, found)
    return {name: array[places - low] for name, array in found.items()}

  def _in_spans(self, clip, places, low, stop):
    """As `read`, of a long video: memory holds the frames of one span, beside those wanted."""
    ends = np.linspace(low, stop, -(-(stop - low) // _SPAN) + 1).astype(int)
    parts = []
    for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
      wanted = places[(first <= places) & (places < last)] - first
      if len(wanted):
        part = self._reader.read(clip, first, last)
        parts.append({name: array[wanted] for name, array in part.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _sentences(
    source: SplitSource, wanted: Sequence[str]
) -> tuple[list, list[tuple[str, ...]], list | None]:
  fields = set(source.feature_specs)
  if not {"glosses", "video_id", "num_frames"} <= fields:
    raise UserError(
        f"data set {source.label!r} has no sentences of glosses: build one that has, such as "
        "phoenix14, or signing_sim/continuous"
    )
  with_flow = sign_records.FLOW in wanted and sign_records.FRAMES not in fields
  names = {"video_id", "signer", "glosses", "num_frames", "gloss_spans", "video", "start_frame"}
  names |= {sign_records.FLOW} if with_flow else set()
  rows = list(source.read(range(len(source)), sorted(names & fields)))
  if with_flow:
    _check_flow(rows, source.label)
  found = [_sentence(number, row, source.label) for number, row in enumerate(rows)]
  clips, sentences, spans = zip(*found, strict=True) if found else ((), (), ())
  return list(clips), list(sentences), list(spans) if "gloss_spans" in fields else None


def _check_flow(rows, label):
  """Raises UserError where videos lack their flow, which else shows when training reads them."""
  lacking = [row["video_id"] for row in rows if not row.get(sign_records.FLOW, "-")]
  if lacking:
    raise UserError(
        f"{len(lacking)} of {len(rows)} videos of {label!r} have no flow, the first: "
        f"{shown(lacking[0])}: compute it by data_builders.flow and build the data set again, or "
        f"use {_WITHOUT}"
    )


def _sentence(number: int, row: dict[str, Any], label: str):
  count, first = int(row["num_frames"]), int(row.get("start_frame", 0))
  glosses, spans = tuple(row["glosses"].split()), row.get("gloss_spans")
  name = f"video {shown(row['video_id'])} of {label!r}"
  if not 1 <= count <= LONGEST or first < 0 or len(glosses) > _MOST_GLOSSES:
    raise UserError(
        f"{name} has {count} frames from {first} and {len(glosses)} glosses: a sentence has 1 to "
        f"{LONGEST} frames and at most {_MOST_GLOSSES} glosses, so build the data set again"
    )
  if spans is not None and spans.shape != (len(glosses), 2):
    raise UserError(
        f"{name} has {len(glosses)} glosses and {len(spans)} spans of them: build it again"
    )
  clip = sign_records.Clip(
      name, number, 0, row.get("signer", ""), first, count, video=row.get("video", "")
  )
  return clip, glosses, spans
