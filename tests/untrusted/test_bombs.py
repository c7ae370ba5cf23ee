"""Small files that ask for much are refused in one sentence, in little memory and time."""

import json

import pytest

from tests import program
from tests.untrusted import bombs

MEGABYTES = 300  # above what the process has
SECONDS = 6  # of the processor, not of a clock: a machine at leisure needs less than 2
LARGEST = 20 << 20  # bytes of a file


@pytest.mark.parametrize("reader", bombs.READERS)
def test_small_files_take_little_and_are_refused(reader, tmp_path):
  folder = tmp_path / "files"
  folder.mkdir()
  sizes = bombs.write(reader, folder)
  assert len(sizes) >= 10 and max(sizes.values()) < LARGEST
  _, out, error = program.run("tests.untrusted.bombs", reader, folder)
  found = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
  assert [entry["name"] for entry in found] == sorted(sizes), error[-3000:]
  for entry in found:
    outcome = entry["outcome"]
    assert outcome.startswith("UserError: "), entry
    assert "\n" not in outcome and len(outcome) < 1500, entry
    assert entry["megabytes"] < MEGABYTES / bombs.share_of(entry["name"]), entry
    assert entry["seconds"] < SECONDS, entry
