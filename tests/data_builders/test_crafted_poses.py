"""Small files of poses that ask for much are refused, or take little: see `crafted_poses`."""

import json
import subprocess
import sys

import pytest

from tests.data_builders import crafted_poses

MOST_MB = 300
MOST_SECONDS = 60  # of CPU; they take 3 at most, but other machines are slower
# Read, for there is nothing wrong with them but their size; all others are refused.
READ = {
  "the same key again and again", "one long text", "a text of escapes", "blanks",
  "999 people without anything in each of 500 frames", "nobody in 5000 frames",
  "a format of 65535 letters",
}  # fmt: skip


@pytest.mark.parametrize("kind", crafted_poses.KINDS)
def test_small_files_take_little_and_are_refused_in_a_sentence(tmp_path, kind):
  if kind == "pose":
    pytest.importorskip("pose_format")
  note = tmp_path / "files.json"
  note.write_text(json.dumps(crafted_poses.make(kind, tmp_path)))
  ended = subprocess.run(
    [sys.executable, "-m", "tests.data_builders.crafted_poses", kind, str(note)],
    capture_output=True, text=True,
  )  # fmt: skip
  assert not ended.returncode, ended.stderr[-2000:]
  found = json.loads(ended.stdout.splitlines()[-1])
  assert len(found) >= 20
  for file in found:
    assert file["peak"] < MOST_MB and file["seconds"] < MOST_SECONDS, file
    assert (file["said"] == "read") == (file["name"] in READ), file
    assert "\n" not in file["said"] and len(file["said"]) < 700, file
