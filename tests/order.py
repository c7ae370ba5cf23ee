"""In which order files of tests run, when several processes share them."""

import pathlib

from tests import quick

_TESTS = pathlib.Path(__file__).parent
# Half a minute and more each on two cores: none of them may be begun when all else is done.
LONGEST = """
systems/signvtcl/test_golden_training test_devices systems/seds/test_program launch/test_local
untrusted/test_bombs test_parity_seds systems/upret/test_released_float16_case
ops/test_late_interaction test_configs test_resume tasks/test_isolated test_full_disk
encoder/test_windows_on_devices golden/test_pipelines test_parity train/test_nonfinite
launch/test_benchmark test_export golden/test_pipelines_from_files test_placements
test_adding_a_system search/test_processes test_extract systems/signvtcl/test_program
""".split()


def rank(path):
  """Files of a lower rank run earlier: the longest ones first, and the quick ones last."""
  name = path.relative_to(_TESTS).with_suffix("").as_posix()
  return LONGEST.index(name) if name in LONGEST else len(LONGEST) + (name in quick.FILES)
