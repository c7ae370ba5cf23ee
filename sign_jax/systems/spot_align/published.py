"""The tables of SPOT-ALIGN's paper: retrieval by recognised signs (SR), by embeddings (CM), both.

Rows of embeddings are means over three seeds. Two tables are no paper's: the switches between the
paper and the released components, and vectors of words that the simulator can have.
"""

from typing import Any

from sign_jax.systems.published_rows import RANKS, Row, Table, switch

COLUMNS = ("t2v/R@1", "t2v/R@5", "t2v/R@10", "t2v/MedR")
HOW2SIGN, PHOENIX = "how2sign", "phoenix14t"
BEST_CM, BEST_SR = (24.5, 40.7, 46.7, 15.7), (18.4, 32.2, 36.6, 68.0)
SR, CM, COMB = "sr", "cm", "comb"  # values of fusion.systems
WORDS = {"mouthing": 1079, "full": 1887}  # of a vocabulary

# {(rounds, vocabulary): (SR, CM)}; without rounds there are mouthings alone.
ROUNDS = {
    (0, "mouthing"): ((0.6, 2.3, 4.4, 1174.5), (16.4, 31.1, 38.2, 32.7)),
    (1, "mouthing"): ((10.2, 21.2, 26.5, 136.3), (20.6, 36.7, 43.3, 22.0)),
    (2, "mouthing"): ((15.6, 29.0, 33.9, 92.0), (21.8, 38.0, 44.6, 18.2)),
    (3, "mouthing"): ((16.7, 29.1, 33.3, 95.3), (21.9, 38.2, 44.8, 18.7)),
    (1, "full"): ((14.1, 26.1, 31.4, 88.0), (20.4, 36.4, 43.5, 20.0)),
    (2, "full"): ((18.3, 31.3, 35.8, 69.8), (23.7, 40.8, 47.1, 14.7)),
    (3, "full"): (BEST_SR, BEST_CM),
}
FIRST_FEATURES = {"kinetics": (1.0, 4.4, 6.9, 296.8), "bobsl": (17.2, 32.5, 39.5, 30.5)}
# {the file's name: numbers}
WORD_VECTORS = {
    "gpt": (15.4, 30.5, 37.6, 30.2),
    "gpt2_xl": (17.0, 32.5, 39.6, 25.7),
    "albert_xl": (19.7, 36.7, 43.8, 19.2),
    "word2vec": (24.2, 40.0, 46.7, 14.8),
    "grovle": BEST_CM,
}
THRESHOLDS = {
    0.0: (13.1, 26.5, 32.0, 75.5),
    0.1: (13.4, 26.4, 32.4, 74.0),
    0.25: (17.5, 30.9, 35.4, 56.5),
    0.5: BEST_SR,
    0.75: (15.0, 27.9, 32.4, 91.0),
}
ALIGNMENTS = {
    "speech": ((9.5, 16.1, 19.0, 418.0), (5.9, 13.6, 18.0, 483.5)),
    "signing": (BEST_SR, BEST_CM),
}


def _row(label: str, published: tuple, systems: str = CM, **overrides: Any) -> Row:
  """`overrides`: keys of the configuration with "__" for dots."""
  values = {key.replace("__", "."): value for key, value in overrides.items()}
  return Row(label, "spot_align", {"fusion.systems": systems, **values}, published)


def _both(label, published, **overrides):
  """The row of recognised signs, and that of embeddings."""
  return tuple(
      _row(f"{label}, {systems.upper()}", numbers, systems, **overrides)
      for systems, numbers in zip((SR, CM), published, strict=True)
  )


def _encoder(rounds, vocabulary):
  return {"spotting__iterations": rounds, "spotting__vocabulary": vocabulary}


_BEST = _encoder(3, "full")  # named by all rows of it, which thereby are measured on the same data


def _round(rounds, vocabulary, published):
  label = f"M+D{rounds}" if rounds else "M"
  return _both(f"{label} {WORDS[vocabulary]}", published, **_encoder(rounds, vocabulary))


def _table(number, title, *rows, dataset=HOW2SIGN, columns=COLUMNS):
  return Table(f"Table {number}: {title}", dataset, columns, rows)


TABLES = {
    "spot_align/table1": _table(
        1, "features of videos, by rounds of spotting and vocabulary",
        *(_row(f"{name.title() if name == 'kinetics' else name.upper()}, CM", numbers,
               data__combine=name) for name, numbers in FIRST_FEATURES.items()),
        *(row for key, numbers in ROUNDS.items() for row in _round(*key, numbers)),
    ),
    "spot_align/table2": _table(
        2, "aggregation of a video's windows",
        _row("max", (23.3, 39.7, 46.3, 15.3), model__video__aggregation="max"),
        _row("mean", BEST_CM, model__video__aggregation="mean"),
    ),
    "spot_align/table3": _table(
        3, "vectors of words, each in a file of one's own",
        *(_row(name, numbers, model__text__embedding="file", model__text__file=f"{name}.npz")
          for name, numbers in WORD_VECTORS.items()),
    ),
    "spot_align/table4": _table(
        4, "least probability of a recognised sign",
        *(_row(str(x), numbers, SR, sr__threshold=x, **_BEST) for x, numbers in THRESHOLDS.items()),
    ),
    "spot_align/table5": _table(
        5, "times of sentences",
        *(row for name, numbers in ALIGNMENTS.items()
          for row in _both(name, numbers, data__alignment=name)),
    ),
    "spot_align/table6": _table(
        6, "combination",
        _row("SR", (18.4, 32.2, 36.5, 68.0, 11.5, 27.9, 33.3, 66.0), SR, **_BEST),
        _row("CM", (24.7, 39.6, 46.0, 17.0, 17.9, 40.8, 46.6, 15.0), CM, **_BEST),
        _row("SR + CM", (32.8, 47.7, 52.9, 7.0, 23.3, 48.5, 53.7, 7.0), COMB, **_BEST),
        columns=RANKS,
    ),
    "spot_align/table7": _table(
        7, "PHOENIX-2014T, with a translation in place of recognised signs",
        _row("translation", (30.2, 53.1, 63.4, 4.5, 28.8, 52.0, 60.8, 56.1), SR,
             sr__source="translation"),
        _row("cross-modal", (48.6, 76.5, 84.6, 2.0, 50.3, 78.4, 84.4, 1.0), CM,
             sr__source="translation"),
        _row("combination", (55.8, 79.6, 87.2, 1.0, 53.1, 79.4, 86.1, 1.0), COMB,
             sr__source="translation"),
        dataset=PHOENIX, columns=RANKS,
    ),
    "spot_align/switches": Table(
        "What the paper says in place of the released components, and their other forms", "",
        ("t2v/R@1", "v2t/R@1"),
        (
            switch("spot_align", "released"),
            switch("spot_align", "padding masked", text__mask_padding=True),
            switch("spot_align", "loss divided by the batch", loss="batch"),
            switch("spot_align", "loss with right pairs", loss="diagonal"),
            switch("spot_align", "linear projection", video__projection="linear"),
            switch("spot_align", "linear layer before the gate", video__projection="reduce_geu"),
            switch("spot_align", "variant=paper", variant="paper"),
        ),
    ),
    "spot_align/words": Table(
        "Vectors of words that need no file", "", ("t2v/R@1", "v2t/R@1"),
        tuple(
            switch("spot_align", name, text__embedding=name)
            for name in ("hash", "corpus", "learned")
        ),
    ),
}
