"""What a checkpoint's metadata name is looked up or ignored, never imported, nor read elsewhere."""

import base64
import json
import sys

import numpy as np
import orbax.checkpoint as ocp
import pytest

from sign_jax.errors import UserError
from sign_jax.train.checkpoint import Checkpoints
from tests.train.test_checkpoint import saved, target

_FOREIGN = ("evil.Handler", "this.Handler", "antigravity.X")


def edited(file, change):
  """A function that changes a JSON file of a checkpoint."""

  def edit(folder, name):
    content = json.loads((folder / file).read_text())
    change(content, name)
    (folder / file).write_text(json.dumps(content))

  return edit


def renamed_array(content, name, use_ocdbt):
  """`w` under a name that leads elsewhere."""
  del name
  arrays = content["tree_metadata"]
  entry = arrays.pop("('w',)")
  entry["key_metadata"][0]["key"] = "../../../../../etc"
  content.update(use_ocdbt=use_ocdbt, tree_metadata={**arrays, "('../../../../../etc',)": entry})


CHANGES = {
  "handlers": edited(
    "_CHECKPOINT_METADATA", lambda x, name: x.update(item_handlers={"tree": name, "record": name})
  ),
  "one handler": edited("_CHECKPOINT_METADATA", lambda x, name: x.update(item_handlers=name)),
  "custom": edited("_CHECKPOINT_METADATA", lambda x, name: x.update(custom_metadata={"x": name})),
  "array's type": edited(
    "tree/_METADATA",
    lambda x, name: x["tree_metadata"]["('w',)"]["value_metadata"].update(value_type=name),
  ),
  "tree's custom": edited("tree/_METADATA", lambda x, name: x.update(custom_metadata={"x": name})),
  "array elsewhere": edited("tree/_METADATA", lambda x, name: renamed_array(x, name, True)),
  "file elsewhere": edited("tree/_METADATA", lambda x, name: renamed_array(x, name, False)),
  "sharding": edited(
    "tree/_sharding",
    lambda x, name: x.update(
      {base64.b64encode(b"w").decode(): json.dumps({"sharding_type": name, "device_str": name})}
    ),
  ),
}


@pytest.mark.parametrize("name", _FOREIGN)
@pytest.mark.parametrize("change", CHANGES)
def test_names_in_metadata(tmp_path, monkeypatch, change, name):
  saved(tmp_path / "run", 3)
  (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
  monkeypatch.syspath_prepend(str(tmp_path))
  monkeypatch.chdir(tmp_path)
  step = tmp_path / "run" / "last" / "3"
  CHANGES[change](step, name)
  checkpoints = Checkpoints(tmp_path / "run")
  try:
    state, _ = checkpoints.restore_last(target())
    np.testing.assert_array_equal(state["w"], np.full((64, 64), 3.0))
  except UserError as error:
    assert "\n" not in str(error)
  try:
    ocp.StandardCheckpointHandler().metadata(step / "tree")  # what `export` begins with
  except Exception as error:  # of many kinds
    assert not isinstance(error, ImportError)
  assert not (tmp_path / "ran").exists() and not {"evil", "this", "antigravity"} & set(sys.modules)
