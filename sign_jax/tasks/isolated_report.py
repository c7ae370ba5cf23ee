"""What a user reads of an evaluation of isolated recognition."""

from collections.abc import Mapping

COLUMNS = (("top1", "top-1"), ("top5", "top-5"), ("class_top1", "top-1 per class"))
TOP = (1, 5, 10)
# Of a table's rows, in their order: the beginning of the names of their numbers, and a title.
ROWS = (
    ("", "per instance"), ("class_", "per class"),
    ("ensemble_all/", "all heads, per instance"), ("ensemble_all/class_", "all heads, per class"),
    ("one_crop/", "central crop, per instance"), ("one_crop/class_", "central crop, per class"),
    ("one_crop/ensemble_all/", "central crop, all heads"),
    ("related/", "look-alikes, related meanings"), ("unrelated/", "look-alikes, unrelated"),
    ("others/", "all other signs"),
    ("linear/", "linear classifier of keypoints"), ("linear/class_", "the same, per class"),
)
_WIDTH = 2 + max(len(title) for _, title in ROWS)


def line(results: Mapping[str, float], title: str, split: str, count: int) -> str:
  """A title and one line of accuracies.

  Args:
    results: {"SPLIT/top1": percent, ...}.
    title: of the line.
    split: its name.
    count: of its examples; without any there are no accuracies.
  """
  if not count:
    return title
  numbers = (f"{label} {results[f'{split}/{key}']:.1f}" for key, label in COLUMNS)
  return f"{title}\n{', '.join(numbers)}"


def table(results: Mapping[str, float], title: str, split: str) -> str:
  """The accuracies of a split, a line for each of ROWS that there are numbers of.

  Args:
    results: {"SPLIT/top1": percent, "SPLIT/linear/top1": ..., ...}.
    title: of the table.
    split: its name.
  """
  lines = [title, " " * _WIDTH + "".join(f"{f'top-{k}':>8}" for k in TOP)]
  for begin, name in ROWS:
    keys = [f"{split}/{begin}top{k}" for k in TOP]
    if any(key in results for key in keys):
      cells = (f"{results[key]:8.1f}" if key in results else " " * 8 for key in keys)
      lines.append(f"{name:{_WIDTH}}{''.join(cells)}".rstrip())
  return "\n".join(lines)
