"""What `measure` finds, as text."""

from collections.abc import Iterable

from sign_jax.metrics import localisation

_DIRECTIONS = {"t2v": "text to video", "v2t": "video to text"}
_METRICS = ("R@1", "R@5", "R@10", "MedR", "MnR")
_PLACES = {localisation.FOUND: "found", localisation.MIDDLE: "middle", localisation.WHOLE: "whole"}


def of_metrics(numbers: dict[str, float], results: dict[str, float]) -> Iterable[str]:
  """Yields the lines of the two directions, and how they compare with the run's own evaluation.

  Args:
    numbers: what `measure.metrics` returns.
    results: {name: number} of the same split in the run's results.json; {} for none.
  """
  yield "".join([f"{'':<16}", *(f"{name:>9}" for name in _METRICS)])
  for direction, title in _DIRECTIONS.items():
    values = (numbers[f"{direction}/{name}"] for name in _METRICS)
    yield "".join([f"{title:<16}", *(f"{value:>9.2f}" for value in values)])
  both = numbers.keys() & results.keys()
  if both:
    worst = max(both, key=lambda name: abs(numbers[name] - results[name]))
    difference = abs(numbers[worst] - results[worst])
    yield (
        f"the same as in results.json, all {len(both)} numbers" if difference < 1e-6 else
        f"results.json has others: {worst} is {results[worst]:.2f} there"
    )


def of_places(rows: dict[str, dict[str, float]]) -> Iterable[str]:
  """Yields the lines of how well places are found.

  Args:
    rows: {what was searched: `metrics.localisation.summary`}.
  """
  yield "".join(
      [f"{'overlap of places, %':<32}{'searches':>9}",
       *(f"{title:>9}{'> 50 %':>8}" for title in _PLACES.values())]
  )  # fmt: skip
  for title, numbers in rows.items():
    cells = [f"{title:<32}{numbers['places']:>9.0f}"]
    for name in _PLACES if numbers["places"] else ():
      cells += [f"{numbers[f'{name}/overlap']:>9.1f}", f"{numbers[f'{name}/above_half']:>8.1f}"]
    yield "".join(cells)
