import pytest

from sign_jax.data import shards
from sign_jax.errors import UserError


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "1/0", "-1/3", "1/3/3", "", "1/9999999"])
def test_what_is_no_part(text):
  with pytest.raises(UserError, match="is no part, write 1/3"):
    shards.parse(text)
