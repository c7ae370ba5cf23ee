"""What NLA-SLR's parts change on the simulator: a table that is no paper's (docs/nla_slr.md)."""

from typing import Any

from sign_jax.systems.published_rows import Row, Table

COLUMNS = ("top1", "class_top1", "related/top1", "unrelated/top1", "others/top1")


def _without(label: str, **model: Any) -> Row:
  overrides = {f"model.{key}": value for key, value in model.items()}
  return Row(label, "nla_slr", overrides, (None,) * len(COLUMNS))


TABLE = Table(
    "NLA-SLR on the simulator", "", COLUMNS,
    (
        _without("all"),
        _without("video alone", modalities="video"),
        _without("keypoints alone", modalities="keypoint"),
        _without("long clips alone", lengths="long"),
        _without("short clips alone", lengths="short"),
        _without("uniform smoothing", smoothing="uniform"),
        _without("no smoothing", smoothing="none"),
        _without("no inter-modality mixup", inter_mixup=False),
        _without("no intra-modality mixup", intra_mixup=0.0),
        _without("no mixup", inter_mixup=False, intra_mixup=0.0),
    ),
)
