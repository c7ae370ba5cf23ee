"""The names of SignVTCL's streams and heads."""

from collections.abc import Sequence

CHANNELS = {"video": 3, "keypoint": 79, "flow": 3}
STREAMS = tuple(CHANNELS)  # in the order in which the joint head reads them
JOINT = "joint"
BASE = ("video", "keypoint")  # of TwoStream-SLR
PYRAMID = ("c2", "c3")  # maps of a feature pyramid that have heads


def heads(streams: Sequence[str]) -> tuple[str, ...]:
  """One for each stream, and one for all of them where there are several."""
  return (*streams, JOINT) if len(streams) > 1 else tuple(streams)
