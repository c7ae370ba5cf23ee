"""CiCo's main results, as UPRet's and SEDS's papers print them, without mean ranks."""

from sign_jax.systems.published_rows import RANKS, Row, Table

# R@1, R@5, R@10, median rank of text to video, and then of video to text.
RESULTS = {
    "how2sign": (56.6, 69.9, 74.7, 1.0, 51.6, 64.8, 70.1, 1.0),
    "phoenix14t": (69.5, 86.6, 92.1, 1.0, 70.2, 88.0, 92.8, 1.0),
    "csl_daily": (75.3, 88.2, 91.9, 1.0, 74.7, 89.4, 92.2, 1.0),
}
TABLES = {
    f"cico/{dataset}": Table(
        f"Main results: {dataset}", dataset, RANKS, (Row("CiCo", "cico", {}, numbers),)
    )
    for dataset, numbers in RESULTS.items()
}
