"""How poses of clips are refused."""

import pytest

from data_builders.attachments.poses import PoseFolder
from sign_jax.errors import UserError


def refused(path, words):
  with pytest.raises(UserError, match=words) as caught:
    PoseFolder(path.parent).read(path)
  text = str(caught.value)
  assert str(path) in text and "\n" not in text and len(text) < 700
  return text
