import os
import subprocess
import sys

from tests.program import ROOT

PROGRAM = """
import sys
from sign_jax.train import board
assert "torch" not in sys.modules
import torch
print(torch.WHO, board.SummaryWriter.__name__)
"""


def test_tensorboards_writer_leaves_pytorch_to_those_who_ask_for_it(tmp_path):
  (tmp_path / "torch.py").write_text("WHO, Tensor = 'here', object\n")
  paths = os.pathsep.join([str(tmp_path), str(ROOT)])
  done = subprocess.run(
      [sys.executable, "-c", PROGRAM], env={**os.environ, "PYTHONPATH": paths}, text=True,
      capture_output=True, check=False,
  )
  assert done.stdout == "here SummaryWriter\n", done.stderr
