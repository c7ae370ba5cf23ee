"""Levels and names that wrappers put around a model's own."""

import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.weights import readers, wrappers
from tests.weights import checkpoints
from tests.weights.checkpoints import NUMBERS, Object

NAMES = ("conv.weight", "visual.model.bias", "module", "model")
PREFIXES = [
  "module.", "model.", "_orig_mod.", "module.module.", "module._orig_mod.", "_orig_mod.module.",
  "model._orig_mod.", "model.module._orig_mod.model.", "_forward_module.", "_fsdp_wrapped_module.",
  "_forward_module.module._fsdp_wrapped_module.",
]  # fmt: skip


@pytest.mark.parametrize("prefix", PREFIXES)
def test_names_of_wrappers_are_taken_off_and_said(tmp_path, prefix, capsys):
  np.savez(tmp_path / "a.npz", **{prefix + name: np.ones(2) for name in NAMES})
  assert tuple(readers.read(tmp_path / "a.npz")) == NAMES
  said = capsys.readouterr().err
  assert said.startswith(str(tmp_path / "a.npz")) and said.count("\n") == 1
  assert all(f"{part}." in said for part in prefix.split(".")[:-1])


def test_names_without_wrappers_stay_and_nothing_is_said(tmp_path, capsys):
  names = ("a.module.b", "vision_model.c", "text_model.model.d", "modules.e", "my_orig_mod.f",
           "x_model.g")  # fmt: skip
  np.savez(tmp_path / "a.npz", **{name: np.ones(2) for name in names})
  assert tuple(readers.read(tmp_path / "a.npz")) == names
  assert capsys.readouterr().err == ""


@pytest.mark.parametrize("inside", ["_orig_mod", "_fsdp_wrapped_module",
                                    "_checkpoint_wrapped_module"])
def test_wrapped_parts_of_a_model(inside):
  state = {f"visual.{inside}.conv.weight": 1, "textual.weight": 2, f"a.{inside}.{inside}.b": 3}
  assert wrappers.without_prefixes(state) == (
    {"visual.conv.weight": 1, "textual.weight": 2, "a.b": 3}, [f"{inside}."],
  )  # fmt: skip


def test_the_count_of_an_average_goes_with_its_prefix():
  average = {"n_averaged": 5, "module.a": 1}
  assert wrappers.without_prefixes(average) == ({"a": 1}, ["module."])
  assert wrappers.without_prefixes({"n_averaged": 5, "a": 1})[0] == {"n_averaged": 5, "a": 1}


@pytest.mark.parametrize("names", [("a", "module.a"), ("model.a", "module.a"), ("_orig_mod.a", "a"),
                                   ("x.a", "x._orig_mod.a")])  # fmt: skip
def test_two_entries_of_one_name_are_refused(tmp_path, names):
  np.savez(tmp_path / "a.npz", **{name: np.ones(2) for name in names})
  with pytest.raises(UserError, match="both with and without the beginning .*a file of one model"):
    readers.read(tmp_path / "a.npz")


@pytest.mark.parametrize("keys", [
  *((key,) for key in wrappers.KEYS), ("model", "state_dict"), ("state_dict", "module"),
  ("net", "model", "state_dict"),
])  # fmt: skip
def test_levels_around_the_weights(tmp_path, keys, capsys):
  content = {"w": Object.tensor()}
  for key in reversed(keys):
    content = {"epoch": 3, "optimizer": {"state": {}}, "name": "i3d", key: content}
  state = readers.read(checkpoints.archive(tmp_path / "a.pt", checkpoints.dumps(content)))
  np.testing.assert_array_equal(state["w"], NUMBERS)
  said = capsys.readouterr().err
  assert repr(keys[-1]) in said if keys[-1] not in ("model", "state_dict") else not said


def test_the_model_is_taken_before_its_average(tmp_path):
  content = {"ema": {"w": Object.tensor("1")}, "model": {"w": Object.tensor()}, "model_ema": {}}
  path = checkpoints.archive(tmp_path / "a.pt", checkpoints.dumps(content))
  np.testing.assert_array_equal(readers.read(path)["w"], NUMBERS)


def test_a_models_name_or_settings_beside_the_weights(tmp_path):
  for other in ("i3d", 5, checkpoints.Raw(b"ctraining\nConfig\n)\x81")):
    content = {"model": other, "net": {"w": Object.tensor()}}
    path = checkpoints.archive(tmp_path / "a.pt", checkpoints.dumps(content))
    np.testing.assert_array_equal(readers.read(path)["w"], NUMBERS)


def test_many_prefixes_take_no_time():
  # Counted by the length of what is looked at, not by a clock: one pass over each name.
  name = "module." * 100_000 + "a"
  assert wrappers.without_prefixes({name: 1}) == ({"a": 1}, ["module."])
