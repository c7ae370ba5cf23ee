"""The tables of NLA-SLR's paper; tables 1 and 2 are one for each subset of the corpus."""

from sign_jax.systems.nla_slr import simulated
from sign_jax.systems.published_rows import Row, Table

# Per instance and per class, in percent.
ACCURACIES = ("top1", "top5", "class_top1", "class_top5")
# On signs that look like others of similar meaning, of distinct meaning, and like none; on all.
LOOKALIKES = ("related/top1", "unrelated/top1", "others/top1", "top1")
PLAIN = {"model.smoothing": "none"}
NO_INTER, NO_INTRA = {"model.inter_mixup": False}, {"model.intra_mixup": 0.0}
BASELINE = {**PLAIN, **NO_INTER, **NO_INTRA}

MSASL = {
    1000: ((72.56, 89.12, 69.86, 88.48), (73.80, 89.65, 70.95, 89.07)),
    500: ((81.62, 93.09, 81.36, 93.39), (82.90, 93.46, 83.06, 93.54)),
    200: ((88.74, 96.17, 89.23, 96.38), (89.48, 96.69, 89.86, 96.93)),
    100: ((90.49, 97.49, 91.04, 97.92), (91.02, 97.89, 91.24, 98.19)),
}
WLASL = {
    2000: ((61.05, 91.45, 58.05, 90.70), (61.26, 91.77, 58.31, 90.91)),
    1000: ((75.11, 94.62, 75.07, 94.70), (75.64, 94.62, 75.72, 94.65)),
    300: ((86.23, 97.60, 86.67, 97.81), (86.98, 97.60, 87.33, 97.81)),
    100: ((91.47, 96.90, 92.17, 97.17), (92.64, 96.90, 93.08, 97.17)),
}
FULL = WLASL[2000][0]
PLAIN_FULL = (57.19, 88.29, 54.35, 87.49)
SMOOTHED, INTRA = (58.41, 89.40, 55.74, 88.67), (59.56, 90.10, 56.77, 89.33)


def _row(label, published, *overrides, **values):
  """Overrides are dicts, and keys of "model." as keyword arguments."""
  merged = {key: x for given in overrides for key, x in given.items()}
  merged |= {f"model.{key}": x for key, x in values.items()}
  return Row(label, "nla_slr", merged, published)


def _main(number, corpus, size, columns, published):
  """Whole clips, and three crops of each."""
  dataset = f"{corpus}_{size}" if size else corpus
  whole, crops = published
  rows = _row("NLA-SLR", whole), _row("NLA-SLR, 3-crop", crops, {"data.crops": 3})
  return Table(f"Table {number}: {dataset}", dataset, columns, rows)


def _ablation(number, title, *rows, columns=ACCURACIES):
  # The simulator's settings have no blends: what rows do not say is as published there too.
  rows = tuple(row._replace(overrides={"model.intra_mixup": 0.75} | row.overrides) for row in rows)
  return Table(f"Table {number}: {title}", "wlasl_2000", columns, rows)


def _subsets(number, corpus, results):
  """{name: table}; the largest subset's name is the table's own."""
  largest = max(results)
  return {
      f"nla_slr/table{number}" + (f"_{size}" if size < largest else ""):
      _main(number, corpus, size, ACCURACIES, published) for size, published in results.items()
  }


def _streams(label, published, modalities, lengths):
  return _row(label, published, BASELINE, modalities=modalities, lengths=lengths)


def _smoothing(eps, kind, published):
  name = {"uniform": "vanilla"}.get(kind, kind)
  return _row(f"{eps} {name}", published, smoothing=kind, smoothing_eps=eps)


TABLES = {
    **_subsets(1, "msasl", MSASL),
    **_subsets(2, "wlasl", WLASL),
    "nla_slr/table3": _main(
        3, "nmfs_csl", None, ("top1", "top5"), ((83.4, 98.3), (83.7, 98.5))
    ),
    "nla_slr/table4": _ablation(
        4, "streams of the network",
        _streams("Video-32", (45.73, 81.10, 42.69, 79.90), "video", "short"),
        _streams("Keypoint-32", (46.66, 79.95, 43.81, 78.49), "keypoint", "short"),
        _streams("VKNet-32", (52.95, 85.75, 50.26, 84.50), "both", "short"),
        _streams("Video-64", (51.15, 83.43, 48.14, 82.20), "video", "long"),
        _streams("Keypoint-64", (49.10, 82.00, 46.18, 80.71), "keypoint", "long"),
        _streams("VKNet-64", (56.95, 87.00, 54.13, 86.05), "both", "long"),
        _row("VKNet", PLAIN_FULL, BASELINE),
    ),
    "nla_slr/table5": _ablation(
        5, "language-aware label smoothing (Lang-LS) and sign mixup",
        _row("VKNet", PLAIN_FULL, BASELINE),
        _row("Lang-LS", SMOOTHED, NO_INTER, NO_INTRA),
        _row("sign mixup", (60.32, 90.86, 57.55, 90.06), PLAIN),
        _row("Lang-LS, sign mixup", FULL),
    ),
    "nla_slr/table6": _ablation(
        6, "sign mixup",
        _row("-", SMOOTHED, NO_INTER, NO_INTRA),
        _row("intra-modality", INTRA, NO_INTER),
        _row("inter-modality", (59.66, 90.10, 56.72, 89.20), NO_INTRA),
        _row("intra- and inter-modality", FULL),
    ),
    "nla_slr/table7": _ablation(
        7, "inter-modality mixup",
        _row("-", INTRA, NO_INTER),
        _row(
            "auxiliary classifier", (59.87, 90.31, 57.07, 89.57),
            integration=False, inter_mixup_decay=False,
        ),
        _row("integration", (60.84, 91.07, 57.99, 90.28), inter_mixup_decay=False),
        _row("integration, decay of the weight", FULL),
    ),
    "nla_slr/table8": _ablation(
        8, "label smoothing",
        _smoothing(0.1, "uniform", (59.83, 90.72, 56.90, 90.10)),
        _smoothing(0.1, "language", (60.15, 91.35, 57.30, 90.68)),
        _smoothing(0.2, "uniform", (60.11, 91.00, 57.09, 90.34)),
        _smoothing(0.2, "language", FULL),
        _smoothing(0.3, "uniform", (60.01, 90.97, 57.01, 90.12)),
        _smoothing(0.3, "language", (60.49, 91.31, 57.44, 90.67)),
    ),
    "nla_slr/table9": _ablation(
        9, "visually indistinguishable signs of similar and of distinct meaning, and others",
        _row("VKNet", (50.50, 48.13, 59.13, 57.19), BASELINE),
        _row("Lang-LS", (64.36, 50.93, 59.51, 58.41), NO_INTER, NO_INTRA),
        _row("Lang-LS, inter-modality mixup", (65.35, 56.07, 60.07, 59.66), NO_INTRA),
        columns=LOOKALIKES,
    ),
    "nla_slr/simulator": simulated.TABLE,
}
