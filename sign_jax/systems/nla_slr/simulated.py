"""What NLA-SLR's parts change on the simulator: a table that is no paper's (docs/nla_slr.md)."""

from typing import Any

from sign_jax.systems.published_rows import Row, Table

COLUMNS = ("top1", "class_top1", "related/top1", "unrelated/top1", "others/top1")


def _row(label: str, **model: Any) -> Row:
  overrides = {f"model.{key}": value for key, value in model.items()}
  return Row(label, "nla_slr", overrides, (None,) * len(COLUMNS))


TABLE = Table(
    "NLA-SLR on the simulator", "", COLUMNS,
    (
        _row("as trained out of the box"),
        _row("video alone", modalities="video"),
        _row("keypoints alone", modalities="keypoint"),
        _row("long clips alone", lengths="long"),
        _row("short clips alone", lengths="short"),
        _row("uniform smoothing", smoothing="uniform"),
        _row("no smoothing", smoothing="none"),
        _row("no inter-modality mixup", inter_mixup=False),
        _row("intra-modality mixup too", intra_mixup=0.75),
    ),
)
