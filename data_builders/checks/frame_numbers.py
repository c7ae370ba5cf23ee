"""Whether the pictures of a folder are counted without gaps."""

import re

from sign_jax.video import pictures

_NAMED = 5  # numbers that a message names


def fault(folder):
  """What is unusual in the names of a folder's pictures, for a message; "" where nothing is.

  Names differ in one number alone, from a picture to the next by 1, wherever it stands in them.

  Raises:
    VideoError: as `pictures.listing`.
  """
  names = [path.name for path in pictures.paths(folder)]
  pieces = [re.split(r"(\d+)", name) for name in names]
  if len({(len(x), *x[::2]) for x in pieces}) > 1:
    return f"{names[0]} and others are not called alike"
  columns = zip(*(x[1::2] for x in pieces), strict=True)
  varying = [column for column in columns if len(set(map(int, column))) > 1]
  if not varying:
    return ""
  if len(varying) > 1:
    return f"names from {names[0]} to {names[-1]} differ in more than one number"
  found = sorted(map(int, varying[0]))
  missing = [(a + 1, b) for a, b in zip(found, found[1:], strict=False) if b > a + 1]
  if not missing:
    return ""
  count = sum(end - first for first, end in missing)
  shown = [str(first) if end == first + 1 else f"{first} to {end - 1}" for first, end in missing]
  more = f" and {len(shown) - _NAMED} more gaps" if len(shown) > _NAMED else ""
  return (
      f"of the numbers {found[0]} to {found[-1]}, {count} {'is' if count == 1 else 'are'} missing: "
      + ", ".join(shown[:_NAMED]) + more
  )
