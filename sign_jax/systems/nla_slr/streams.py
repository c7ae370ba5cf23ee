"""The names of NLA-SLR's streams and heads, ours and the released ones."""

from collections.abc import Sequence

MODALITIES = {"video": "rgb", "keypoint": "kp"}  # our name: the released one of a head
LENGTHS = {"long": "h", "short": "l"}  # high and low frame counts
CHANNELS = {"video": 3, "keypoint": 63}
BOTH = "both"
# In the order in which the head `fuse` reads them.
STREAMS = tuple(f"{modality}_{length}" for modality in MODALITIES for length in LENGTHS)


def chosen(modalities: str = BOTH, lengths: str = BOTH) -> tuple[str, ...]:
  """The streams of two choices, each "both" or one name."""
  kinds = tuple(MODALITIES) if modalities == BOTH else (modalities,)
  spans = tuple(LENGTHS) if lengths == BOTH else (lengths,)
  return tuple(f"{kind}_{span}" for kind in kinds for span in spans)


def heads(streams: Sequence[str]) -> dict[str, tuple[str, ...]]:
  """{head: the streams whose features it reads, in this order}, of the heads that streams have.

  One for each stream; `fuse_long` and `fuse_short` where both modalities are there; `fuse` of all
  streams where there are both lengths.
  """
  found = {name: (name,) for name in streams}
  for length in LENGTHS:
    members = tuple(f"{modality}_{length}" for modality in MODALITIES)
    if set(members) <= set(streams):
      found[f"fuse_{length}"] = members
  if len({name.split("_")[1] for name in streams}) > 1:
    found["fuse"] = tuple(name for name in STREAMS if name in streams)
  return found


def released(head: str) -> str:
  """The released name of a head: "video_long" -> "rgb-h"."""
  if head == "fuse":
    return head
  kind, length = head.split("_")
  return f"{MODALITIES.get(kind, kind)}-{LENGTHS[length]}"
