"""In which order files of tests run, when several processes share them."""

import pathlib

from tests import quick

_TESTS = pathlib.Path(__file__).parent
# A minute and more each on two cores: none of them may be begun when all else is done.
LONGEST = """
test_devices launch/test_local systems/seds/test_program test_parity_seds test_placements
encoder/test_windows_on_devices test_configs test_resume test_full_disk tasks/test_isolated
test_adding_a_system train/test_nonfinite test_parity test_extract launch/test_benchmark
golden/test_pipelines_from_files golden/test_pipelines
""".split()


def rank(path):
  """Files of a lower rank run earlier: the longest ones first, and the quick ones last."""
  name = path.relative_to(_TESTS).with_suffix("").as_posix()
  return LONGEST.index(name) if name in LONGEST else len(LONGEST) + (name in quick.FILES)
