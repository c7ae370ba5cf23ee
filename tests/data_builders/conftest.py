"""What the tests of damage share."""

import pytest

from tests.data_builders import trees


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
  """A folder with an undamaged tree of each corpus; not to be written to."""
  root = tmp_path_factory.mktemp("pristine")
  names = trees.how2sign(root / "how2sign", with_videos=True)
  trees.write_features(root / "how2sign", names, "aware", sign=-1)
  trees.write_poses(root / "how2sign", names)
  trees.phoenix14t(root / "phoenix14t", with_videos=True)
  trees.csl_daily(root / "csl_daily", with_videos=True)
  return root
