"""Work in several processes, of programs as users write them."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[3]

# Without `if __name__ == "__main__"`, which processes would otherwise begin anew.
PROGRAM = """
import multiprocessing
from data_builders.signing_sim import processes

print("begun")
with processes.mapping() as mapped:
  print(*mapped(abs, range(-20, 0)))
  print(len(multiprocessing.active_children()) > 0)
"""


def test_a_program_without_a_guard_shares_out_its_work(tmp_path):
  path = tmp_path / "program.py"
  path.write_text(PROGRAM)
  ran = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False,
                       env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=300)  # fmt: skip
  assert ran.returncode == 0, ran.stderr
  assert ran.stdout.splitlines() == ["begun", " ".join(map(str, range(20, 0, -1))), "True"]
