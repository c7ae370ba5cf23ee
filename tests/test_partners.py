"""A process whose partner is lost or stands still ends with one sentence and a status."""

import os
import signal
import subprocess
import sys

import pytest

from launch import local
from sign_jax.errors import CRASHED
from sign_jax.train import partners
from tests import program


@pytest.mark.parametrize(("number", "who"), [
    (signal.SIGKILL, 0), (signal.SIGKILL, 1), (signal.SIGSTOP, 1),
])
def test_one_that_is_left_says_so(number, who, tmp_path):
  port = local.free_port()
  children = [
      subprocess.Popen(
          [sys.executable, "-m", "tests.several", str(tmp_path), str(int(number)), "8"],
          cwd=program.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
          env={
              **program.environment(), **local.environment(process, 2, 1, port),
              "SEVERAL_PROCESS": str(who), "SEVERAL_HEARTBEAT": "10",
          },
      )
      for process in range(2)
  ]
  try:
    _, error = children[1 - who].communicate()
  finally:
    os.kill(children[who].pid, signal.SIGKILL)
    children[who].communicate()
  assert children[1 - who].returncode == CRASHED, error
  said = [line for line in error.splitlines() if line.startswith("error: ")]
  assert said == [partners.SENTENCE]
  assert "Traceback" not in error and "    @ " not in error  # no stack of either language
