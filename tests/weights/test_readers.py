import errno
import os
import pathlib
import pickle
import re
import sys
from collections import OrderedDict

import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.weights import readers, torch_archive, writers

STATE = {
  "conv.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
  "bn.count": np.array(3),
}


def torch_state():
  torch = pytest.importorskip("torch")
  return {name: torch.from_numpy(value) for name, value in STATE.items()}


def assert_is_state(state):
  assert state.keys() == STATE.keys()
  for name, value in state.items():
    assert type(value) is np.ndarray
    assert value.dtype == STATE[name].dtype
    np.testing.assert_array_equal(value, STATE[name])


class CreatesFile:
  """Unpickling it runs code that creates a file."""

  def __init__(self, path):
    self.path = str(path)

  def __reduce__(self):
    return (os.mkdir, (self.path,))


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".pth.tar", ".bin", ".bin.12", ".PTH"])
@pytest.mark.parametrize("old_format", [False, True])
def test_reads_pytorch_files(tmp_path, suffix, old_format):
  torch = pytest.importorskip("torch")
  path = tmp_path / f"weights{suffix}"
  torch.save(torch_state(), path, _use_new_zipfile_serialization=not old_format)
  assert_is_state(readers.read(path))


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_unwraps_what_training_scripts_save(tmp_path, key):
  torch = pytest.importorskip("torch")
  wrapped = {f"module.{name}": value for name, value in torch_state().items()}
  torch.save({"epoch": 3, key: wrapped, "optimizer": {"lr": 0.1}}, tmp_path / "a.pth.tar")
  assert_is_state(readers.read(tmp_path / "a.pth.tar"))


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE])
@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pt"])
def test_a_disk_that_fails_is_no_damage(tmp_path, monkeypatch, suffix, number):
  path = tmp_path / f"weights{suffix}"
  path.write_bytes(b"something")

  def fail(*_args, **_options):
    raise OSError(number, os.strerror(number), str(path))

  monkeypatch.setattr(pathlib.Path, "open", fail)
  monkeypatch.setattr(torch_archive, "open", fail, raising=False)
  with pytest.raises(OSError, match=os.strerror(number)):
    readers.read(path)


def test_reads_npz_and_safetensors(tmp_path):
  np.savez(tmp_path / "a.npz", **STATE)
  assert_is_state(readers.read(tmp_path / "a.npz"))
  safetensors = pytest.importorskip("safetensors.torch")
  safetensors.save_file(torch_state(), tmp_path / "a.safetensors")
  assert_is_state(readers.read(tmp_path / "a.safetensors"))


def test_bfloat16_becomes_float32(tmp_path):
  torch = pytest.importorskip("torch")
  state = {"w": torch.tensor([1.5, -2.0], dtype=torch.bfloat16)}
  torch.save(state, tmp_path / "a.pt")
  torch.save(state, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
  pytest.importorskip("safetensors.torch").save_file(state, tmp_path / "a.safetensors")
  for name in ("a.pt", "old.pt", "a.safetensors"):
    value = readers.read(tmp_path / name)["w"]
    assert value.dtype == np.float32
    np.testing.assert_array_equal(value, [1.5, -2.0])


@pytest.mark.parametrize("old_format", [False, True])
def test_reads_every_type_and_every_view(tmp_path, old_format):
  torch = pytest.importorskip("torch")
  whole = torch.arange(24.0).reshape(4, 6)
  kinds = ("float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool")
  state = {kind: whole.to(getattr(torch, kind)) for kind in kinds}
  state |= {"transposed": whole.T, "part": whole[1:3, ::2], "row": whole[2], "one": whole[3, 5]}
  state |= {"empty": torch.zeros(0, 3), "parameter": torch.nn.Parameter(whole)}
  state |= {"uint16": whole.to(torch.uint16)}
  torch.save(state, tmp_path / "a.pt", _use_new_zipfile_serialization=not old_format)
  found = readers.read(tmp_path / "a.pt")
  assert found.keys() == state.keys()
  for name, value in state.items():
    expected = value.detach().numpy()
    assert found[name].dtype == expected.dtype and type(found[name]) is np.ndarray
    assert found[name].flags.aligned
    np.testing.assert_array_equal(found[name], expected)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_numbers_that_numpy_does_not_have_are_named(tmp_path, suffix):
  torch = pytest.importorskip("torch")
  state, path = {"w": torch.zeros(2, dtype=torch.float8_e4m3fn)}, tmp_path / f"a{suffix}"
  if suffix == ".pt":
    torch.save(state, path)
  else:
    pytest.importorskip("safetensors.torch").save_file(state, path)
  with pytest.raises(UserError, match=re.escape(str(path))):
    readers.read(path)


@pytest.mark.parametrize("by_torch", [False, True])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, by_torch):
  torch = pytest.importorskip("torch")
  trap, path = tmp_path / "trap", tmp_path / "a.pt"
  content = {"state_dict": CreatesFile(trap)}
  if by_torch:
    torch.save(content, path)
  else:
    path.write_bytes(pickle.dumps(content, protocol=2))
  with pytest.raises(UserError, match=re.escape(str(path))):
    readers.read(path)
  assert not trap.exists()


def test_objects_in_npz_are_refused_and_not_run(tmp_path):
  trap = tmp_path / "trap"
  np.savez(tmp_path / "a.npz", w=np.array([CreatesFile(trap)], dtype=object))
  with pytest.raises(UserError, match="a.npz"):
    readers.read(tmp_path / "a.npz")
  assert not trap.exists()


@pytest.mark.parametrize("suffix", [".pt", ".npz", ".safetensors"])
def test_damaged_files_are_named(tmp_path, suffix):
  torch = pytest.importorskip("torch")
  path = tmp_path / f"a{suffix}"
  if suffix == ".pt":
    torch.save(torch_state(), path)
  elif suffix == ".npz":
    np.savez(path, **STATE)
  else:
    pytest.importorskip("safetensors.torch").save_file(torch_state(), path)
  whole = path.read_bytes()
  for content in (whole[: len(whole) // 2], b"not weights", b""):
    path.write_bytes(content)
    with pytest.raises(UserError, match=re.escape(str(path))):
      readers.read(path)


def test_missing_unknown_and_foreign_files(tmp_path):
  torch = pytest.importorskip("torch")
  with pytest.raises(UserError, match="there is no file"):
    readers.read(tmp_path / "none.pt")
  (tmp_path / "a.h5").write_bytes(b"x")
  with pytest.raises(UserError, match="known endings"):
    readers.read(tmp_path / "a.h5")
  torch.save([1, 2], tmp_path / "list.pt")
  with pytest.raises(UserError, match="holds a list"):
    readers.read(tmp_path / "list.pt")
  torch.save({"w": torch.zeros(2), "note": "text"}, tmp_path / "text.pt")
  with pytest.raises(UserError, match="note"):
    readers.read(tmp_path / "text.pt")


def test_writing_says_how_to_install_pytorch(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "torch", None)
  with pytest.raises(UserError, match="install it with .pip install .torch"):
    writers.write(tmp_path / "a.pt", STATE)
  assert not list(tmp_path.iterdir())
  writers.write(tmp_path / "a.safetensors", STATE)
  assert_is_state(readers.read(tmp_path / "a.safetensors"))


@pytest.mark.parametrize("old_format", [False, True])
def test_files_of_pytorch_need_no_pytorch(tmp_path, monkeypatch, old_format):
  torch = pytest.importorskip("torch")
  # What training scripts note beside the weights does no harm.
  notes = {"epoch": 3, "best": np.float64(0.5), "history": np.arange(3), "size": torch.Size([1])}
  optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))])
  notes["scheduler"] = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 4]).state_dict()
  notes["optimizer"] = optimizer.state_dict()
  torch.save({**notes, "state_dict": OrderedDict(torch_state())}, tmp_path / "a.pt",
             _use_new_zipfile_serialization=not old_format)  # fmt: skip
  monkeypatch.setitem(sys.modules, "torch", None)
  assert_is_state(readers.read(tmp_path / "a.pt"))


def test_names_of_modules_within_a_state_dict_do_no_harm(tmp_path):
  torch = pytest.importorskip("torch")
  model = torch.nn.BatchNorm1d(2)
  assert hasattr(model.state_dict(), "_metadata")
  for old_format in (False, True):
    torch.save(model.state_dict(), tmp_path / "a.pt", _use_new_zipfile_serialization=not old_format)
    state = readers.read(tmp_path / "a.pt")
    assert list(state) == list(model.state_dict())
    np.testing.assert_array_equal(state["running_var"], [1, 1])


def test_entries_that_a_wrapper_would_hide_are_refused(tmp_path):
  path = tmp_path / "twice.npz"
  np.savez(path, **{"a": np.zeros(2), "module.a": np.ones(2)})
  with pytest.raises(UserError, match="both with and without the beginning module"):
    readers.read(path)


def test_what_a_damaged_file_refers_to_is_no_bare_number(tmp_path):
  path = tmp_path / "a.pt"
  path.write_bytes(b"\x80\x02h\x07.")  # the seventh object of none
  with pytest.raises(UserError, match="refers to something that it does not hold"):
    readers.read(path)
