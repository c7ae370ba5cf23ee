"""What is told of how much an index holds."""

import numpy as np
import pytest

from sign_jax.search import contents, manifest
from sign_jax.search.entries import Entry
from sign_jax.search.store import Store
from tests.search.stores import HEADER, arrays


def test_parts_that_overlap_are_counted_once(tmp_path):
  store = Store.create(tmp_path / "index", HEADER)
  assert contents.of(store)[:5] == (0, 0, 0, 0.0, 0)
  clips = [
      Entry("a#2", "a.mp4", 4.0, 12.0), Entry("a#1", "a.mp4", 0.0, 8.0),
      Entry("a late", "a.mp4", 20.0, 21.0), Entry("inside", "a.mp4", 1.0, 2.0),
      Entry("b", "b.mp4", 0.0, 2.5), Entry("no times", "b.mp4"), Entry("no video"),
      Entry("gone", "c.mp4", 0.0, 99.0),
  ]  # fmt: skip
  store.append(arrays(8), clips, np.eye(4, dtype=np.float32))
  store.remove(["gone"])
  found = contents.of(store)
  assert found[:5] == (7, 1, 3, 15.5, 2) and found.run == {"system": "cico"}
  files = [path for path in store.folder.rglob("*") if path.is_file() and path.name != ".lock"]
  assert found.bytes == sum(path.stat().st_size for path in files)
  table = list(contents.table(found._replace(bytes=1_234_567, seconds=5400)))
  assert [line.split()[-1] for line in table[:5]] == ["7", "1", "3", "1.50", "2"]
  assert table[5].endswith(" 1.2 MB") and table[-1].split()[-2:] == ["system", "cico"]
  assert manifest.FILE in {path.name for path in files}


@pytest.mark.parametrize(("count", "text"), [
    (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (66_600_000_000, "66.6 GB"),
    (12 * 10**15, "12000.0 TB"),
])  # fmt: skip
def test_sizes_are_read_by_people(count, text):
  assert contents.size(count) == text
