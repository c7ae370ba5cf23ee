"""What SignVTCL's parts change on the simulator: a table that is no paper's (docs/signvtcl.md)."""

from typing import Any

from sign_jax.systems.published_rows import Row, Table

# Beside the word error rates: how well the segments of the references' glosses agree with when
# these are signed, and of models that are aligned how far videos and texts agree, beside chance.
COLUMNS = (
    "validation/wer", "test/wer", "test/segments", "test/align_positives",
    "test/align_positives_chance", "test/align_sentence_R@1", "test/align_sentence_chance",
    "test/align_entropy",
)
_UNALIGNED = {"model.align.gloss": 0.0, "model.align.sentence": 0.0}
# Said in each row: the published settings of a corpus follow a teacher.
_ONLINE = {"model.align.source": "online"}
_THREE = "three streams"


def _row(label: str, *overrides: dict[str, Any], teacher: str = "") -> Row:
  merged = {key: x for given in overrides for key, x in given.items()}
  return Row(label, "signvtcl", merged, (None,) * len(COLUMNS), teacher)


def _of(streams: str) -> Row:
  return _row(streams.replace("+", ", "), {"model.streams": streams}, _UNALIGNED)


TABLE = Table(
    "SignVTCL on the simulator", "", COLUMNS,
    (
        _of("video"),
        _of("keypoint"),
        _of("flow"),
        _of("video+keypoint"),
        _of("video+flow"),
        _of("keypoint+flow"),
        _row(_THREE, _UNALIGNED),
        _row("glosses aligned", _ONLINE, {"model.align.sentence": 0.0}),
        _row("sentences aligned", _ONLINE, {"model.align.gloss": 0.0}),
        _row("both aligned (as trained out of the box)", _ONLINE),
        _row("both, after a teacher's path", {"model.align.source": "teacher"}, teacher=_THREE),
    ),
)
