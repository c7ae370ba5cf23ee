"""In which order files of tests run, when several processes share them."""

import pathlib

from tests import quick

_TESTS = pathlib.Path(__file__).parent
# A quarter of a minute and more each: none of them may be begun when all else is done.
LONGEST = """
systems/signvtcl/test_golden_training systems/seds/test_program test_devices launch/test_local
test_resume untrusted/test_bombs systems/signvtcl/test_program tasks/test_isolated
systems/upret/test_released_float16_case test_parity_seds systems/nla_slr/test_golden
search/test_index test_configs torch/test_nla_slr_step golden/test_pipelines test_placements
test_parity ops/test_late_interaction systems/signvtcl/test_step systems/test_switches
test_full_disk encoder/test_windows_on_devices systems/signvtcl/test_golden launch/test_benchmark
launch/test_spot_align test_extract tasks/test_streams test_export golden/test_pipelines_from_files
train/test_nonfinite
""".split()


def rank(path):
  """Files of a lower rank run earlier: the longest ones first, and the quick ones last."""
  name = path.relative_to(_TESTS).with_suffix("").as_posix()
  return LONGEST.index(name) if name in LONGEST else len(LONGEST) + (name in quick.FILES)
