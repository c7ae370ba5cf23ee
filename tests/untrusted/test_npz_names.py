"""Names of the arrays of an .npz file, which may be wrong or hostile."""

import zipfile

import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.untrusted import npz


def test_names_in_the_order_of_the_file(tmp_path):
  np.savez(tmp_path / "a.npz", **{"b/2": np.ones(1), "a": np.ones(2), "ä.npy": np.ones(3)})
  assert npz.names(tmp_path / "a.npz") == ["b/2", "a", "ä.npy"]
  assert list(npz.read(tmp_path / "a.npz")) == npz.names(tmp_path / "a.npz")


def test_two_of_one_name(tmp_path):
  with pytest.warns(UserWarning), zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
    archive.writestr("a.npy", b"x")
    archive.writestr("a.npy", b"y")
  with pytest.raises(UserError, match="two of its entries have one name"):
    npz.names(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", bytes(100)])
def test_files_that_are_none(tmp_path, content):
  (tmp_path / "a.npz").write_bytes(content)
  with pytest.raises(UserError, match=r"a.npz is no complete table \(.*\), pass another"):
    npz.names(tmp_path / "a.npz", kind="table", remedy="pass another")
