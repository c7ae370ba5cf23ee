"""Gaps in the numbers of pictures."""

import pytest
from PIL import Image

from data_builders.checks import frame_numbers


def folder(path, names):
  for name in names:
    Image.new("RGB", (1, 1)).save(path / name)
  return path


@pytest.mark.parametrize(("names", "words"), [
    ([f"images{i:04d}.png" for i in range(1, 12)], ""),
    ([f"{i}.jpg" for i in (8, 9, 10, 11)], ""),
    ([f"2010.avi_pid0_fn{i:06d}-0.png" for i in range(3)], ""),
    (["x_7.png"], ""),
    ([], ""),
    ([f"{i}.jpg" for i in (8, 10, 11)], "of the numbers 8 to 11, 1 is missing: 9"),
    ([f"{i}.jpg" for i in (0, 3, 5)], "of the numbers 0 to 5, 3 are missing: 1 to 2, 4"),
    ([f"{2 * i}.jpg" for i in range(8)], "7 are missing: 1, 3, 5, 7, 9 and 2 more gaps"),
    (["a1.png", "a2.png", "preview.png"], "a1.png and others are not called alike"),
    (["a1.png", "a2.jpg"], "not called alike"),
    (["a1-0.png", "a2-1.png"], "from a1-0.png to a2-1.png differ in more than one number"),
])  # fmt: skip
def test_faults(tmp_path, names, words):
  found = frame_numbers.fault(folder(tmp_path, names))
  assert words in found and bool(words) == bool(found)
