"""A process whose partner is lost or stands still ends with one sentence and a status."""

import signal

import pytest

from launch import local
from sign_jax.errors import CRASHED
from sign_jax.train import partners
from tests import forked, program

CASES = [(signal.SIGKILL, 0), (signal.SIGKILL, 1), (signal.SIGSTOP, 1)]


def start(number, who, folder):
  """Two processes, one of which sends itself that signal in step 8."""
  port = local.free_port()
  return [
      forked.start(
          "tests.several", str(folder), str(int(number)), "8",
          environment={
              **program.environment(), **local.environment(process, 2, 1, port),
              "SEVERAL_PROCESS": str(who), "SEVERAL_HEARTBEAT": "10",
          },
      )
      for process in range(2)
  ]


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
  """{case: (exit status, stderr) of the one that is left}; all cases wait at the same time."""
  children = {case: start(*case, tmp_path_factory.mktemp("run")) for case in CASES}
  found = {}
  for case, pair in children.items():
    who = case[1]
    try:
      _, error = pair[1 - who].communicate()
    finally:
      pair[who].kill()
      pair[who].communicate()
    found[case] = pair[1 - who].returncode, error
  return found


@pytest.mark.parametrize("case", CASES)
def test_one_that_is_left_says_so(ended, case):
  status, error = ended[case]
  assert status == CRASHED, error
  said = [line for line in error.splitlines() if line.startswith("error: ")]
  assert said == [partners.SENTENCE]
  assert "Traceback" not in error and "    @ " not in error  # no stack of either language
