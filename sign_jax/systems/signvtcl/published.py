"""The tables of SignVTCL's paper; table 1 is one for each corpus.

Word error rates in percent: the lower, the better. Where a configuration follows a teacher's path,
this is the run of the row that its own names, see `published_rows.Row.teacher`.
"""

from sign_jax.systems.published_rows import Row, Table
from sign_jax.systems.signvtcl import simulated

RATES = ("validation/wer", "test/wer")
# With deletions and insertions, which the paper prints of PHOENIX-2014.
DETAILED = tuple(
    f"{split}/{name}" for split in ("validation", "test")
    for name in ("wer", "deletions", "insertions")
)
UNALIGNED = {"align.gloss": 0.0, "align.sentence": 0.0}
WHOLE = "V + K + O, S1 to S3"  # without alignment: the teacher of all systems of three streams


def _row(label, published, *overrides, teacher=""):
  """Overrides are keys of "model."."""
  merged = {f"model.{key}": x for given in overrides for key, x in given.items()}
  return Row(label, "signvtcl", merged, published, teacher)


def _main(title, dataset, columns, base, ours):
  rows = (
      _row("TwoStream-SLR", base, {"variant": "base"}),
      _row("SignVTCL without alignment", (None,) * len(columns), UNALIGNED),
      _row("SignVTCL", ours, teacher="SignVTCL without alignment"),
  )
  return Table(f"Table 1: {title}", dataset, columns, rows)


def _streams(streams, alone, aligned):
  """The two rows of some streams: (without alignment, with it)."""
  label = " + ".join(name[0].upper() if name != "flow" else "O" for name in streams)
  chosen = {"streams": "+".join(streams)}
  return (
      _row(label, alone, chosen, UNALIGNED),
      _row(f"{label}, aligned", aligned, chosen, teacher=label),
  )


_SINGLE = (
    _streams(["video"], (20.1, 20.5), (19.2, 19.4)),
    _streams(["keypoint"], (27.0, 26.2), (25.1, 24.7)),
    _streams(["flow"], (38.9, 38.1), (36.0, 35.8)),
)
_PAIRS = (
    _streams(["video", "keypoint"], (19.0, 19.3), (17.9, 18.4)),
    _streams(["video", "flow"], (19.6, 19.9), (18.3, 18.8)),
    _streams(["keypoint", "flow"], (25.5, 25.2), (24.5, 24.1)),
)

TABLES = {
    "signvtcl/table1": _main(
        "PHOENIX-2014", "phoenix14", DETAILED,
        (18.4, None, None, 18.8, None, None), (17.1, 5.8, 2.4, 17.4, 5.7, 2.2),
    ),
    "signvtcl/table1_phoenix14t": _main(
        "PHOENIX-2014T", "phoenix14t", RATES, (17.7, 19.3), (16.7, 17.7)
    ),
    "signvtcl/table1_csl_daily": _main(
        "CSL-Daily", "csl_daily", RATES, (25.4, 25.3), (24.2, 24.0)
    ),
    "signvtcl/table2": Table(
        "Table 2: streams (V: video, K: keypoints, O: optical flow), fusion, alignment",
        "phoenix14", RATES,
        (
            # Group 1: one stream.
            *(alone for alone, _ in _SINGLE),
            # Group 2: several, without alignment.
            _row("V + K + O, S1", (19.0, 19.2), {"fusion.stages": 1}, UNALIGNED),
            _row("V + K + O, S1 and S2", (18.7, 19.0), {"fusion.stages": 2}, UNALIGNED),
            _row(WHOLE, (18.3, 18.6), UNALIGNED),
            # Our copy of the paper does not show which of the two numbers belongs to which kind.
            _row("attention", (18.6, 19.0), {"fusion.kind": "attention"}, UNALIGNED),
            _row("convolution", (18.4, 18.8), {"fusion.kind": "convolution"}, UNALIGNED),
            *(alone for alone, _ in _PAIRS),
            # Group 3: alignment.
            _row("V + K + O, gloss level", (17.5, 17.8), {"align.sentence": 0.0}, teacher=WHOLE),
            _row("V + K + O, sentence level", (17.7, 17.9), {"align.gloss": 0.0}, teacher=WHOLE),
            _row("V + K + O, aligned", (17.1, 17.4), teacher=WHOLE),
            *(aligned for _, aligned in (*_SINGLE, *_PAIRS)),
        ),
    ),
    "signvtcl/simulator": simulated.TABLE,
}
