import re

import jax
import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.golden import seeded
from sign_jax.systems.seds import released_names as table
from sign_jax.weights import convert
from tests import cases
from tests.systems.seds.tiny import make_batch, make_model, make_variables

EMBED = "signbert.embed."


@pytest.fixture(scope="module")
def released():
  """(released state dict, shapes of the Flax variables) of the golden case."""
  facts = cases.read_facts("seds_tiny")
  return seeded.state_dict(facts), cases.shapes(cases.make_task("seds", facts))


@pytest.fixture(scope="module")
def tiny():
  """Variables of a small model."""
  return make_variables(make_model(), make_batch())


def merge(shapes, state):
  return convert.merge(shapes, state, table.NAMES, table.IGNORE)


def test_in_out_and_in_again_keeps_every_bit(released):
  state, shapes = released
  variables = merge(shapes, state)
  again = convert.export(variables, table.NAMES)
  left_out = {name for name in state if any(re.fullmatch(x, name) for x in table.IGNORE)}
  assert again.keys() == state.keys() - left_out
  for name, array in again.items():
    np.testing.assert_array_equal(array, state[name], err_msg=name)
  jax.tree.map(np.testing.assert_array_equal, merge(shapes, again), variables)


def test_only_what_has_no_part_is_left_out(released):
  state, _ = released
  left_out = [name for name in state if any(re.fullmatch(x, name) for x in table.IGNORE)]
  endings = ("num_batches_tracked", "conv2_trans.weight", "_softmax")
  assert len(left_out) == 33 + 2 + 2 and all(name.endswith(endings) for name in left_out)


def test_constant_graphs_may_be_in_the_file(tiny):
  state = convert.export(tiny, table.NAMES)
  constants = (f"st_gcn_{group}.A{kind}" for group in ("hand", "body") for kind in ("", "_pool"))
  state |= {EMBED + name: np.zeros(3) for name in constants}
  jax.tree.map(np.testing.assert_array_equal, merge(tiny, state), tiny)


@pytest.mark.parametrize(
  "name",
  ["signbert.GCN_Conv.bn.running_var", "clip_rgb.visual.ln_post.bias",
   "fusion.mlp_fusion.ln.weight", f"{EMBED}st_gcn_body.st_gcn_pool.0.residual.1.running_mean"],
)  # fmt: skip
def test_a_missing_entry_is_named(tiny, name):
  state = convert.export(tiny, table.NAMES)
  del state[name]
  with pytest.raises(UserError, match=rf"1 missing \({re.escape(name)}\)"):
    merge(tiny, state)


def test_an_entry_too_many_is_named(tiny):
  name = f"{EMBED}st_gcn_hand.st_gcn_networks.3.tcn.0.weight"
  with pytest.raises(UserError, match=rf"1 unexpected \({re.escape(name)}\)"):
    merge(tiny, {**convert.export(tiny, table.NAMES), name: np.zeros(4)})


@pytest.mark.parametrize("kind", ["add_mlp", "concat_mlp", "concat_transformer", "cross_attention"])
def test_the_other_fusions_have_names_too(kind):
  variables = make_variables(make_model(kind), make_batch())
  state = convert.export(variables, table.NAMES)
  assert any(name.startswith("fusion.") for name in state)
  jax.tree.map(np.testing.assert_array_equal, merge(variables, state), variables)


def signbert(variables, groups, prefix):
  """A file's entries: a pose encoder behind `prefix`, and what SignBERT has beside it."""
  state = {
    prefix + name.removeprefix(EMBED): x + 1
    for name, x in convert.export(variables, table.NAMES).items()
    if name.startswith(tuple(f"{EMBED}st_gcn_{group}." for group in groups))
  }
  other = {f"{prefix}st_gcn_hand.data_bn.num_batches_tracked": np.int64(3)}
  return {**state, **other, "decoder.layers.0.weight": np.zeros((2, 2))}


@pytest.mark.parametrize("prefix", ["", "embed.", "signbert.embed.", "model.st_gcn."])
@pytest.mark.parametrize("groups", [("hand",), ("hand", "body")])
def test_signbert_is_loaded_into_the_pose_encoder_alone(tiny, tmp_path, groups, prefix):
  np.savez(tmp_path / "signbert.npz", **signbert(tiny, groups, prefix))
  found = table.load_pose_encoder(tiny, tmp_path / "signbert.npz")
  taken = tuple(f"pose_encoder/st_gcn_{group}/" for group in groups)

  def check(path, ours, before):
    name = "/".join(key.key for key in path[1:])
    np.testing.assert_array_equal(ours, before + 1 if name.startswith(taken) else before, name)

  jax.tree_util.tree_map_with_path(check, found, tiny)


def test_a_pytorch_file_of_signbert(tiny, tmp_path):
  torch = pytest.importorskip("torch")
  state = signbert(tiny, ("hand",), "module.embed.")
  state = {name: torch.from_numpy(np.asarray(x)) for name, x in state.items()}
  torch.save({"state_dict": state}, tmp_path / "pretrain_signbert.pth")
  found = table.load_pose_encoder(tiny, tmp_path / "pretrain_signbert.pth")
  hand = lambda tree: tree["params"]["pose_encoder"]["st_gcn_hand"]["data_bn"]["scale"]
  np.testing.assert_array_equal(hand(found), hand(tiny) + 1)


def test_other_files_are_refused_in_one_sentence(tiny, tmp_path):
  path = tmp_path / "file.npz"
  np.savez(path, weight=np.zeros(3))
  with pytest.raises(UserError, match="file.npz holds no entries st_gcn_hand.data_bn.weight"):
    table.load_pose_encoder(tiny, path)
  state = signbert(tiny, ("hand",), "")
  np.savez(path, **{**state, **signbert(tiny, ("hand",), "second.")})
  with pytest.raises(UserError, match="file.npz holds 2 entries"):
    table.load_pose_encoder(tiny, path)
  del state["st_gcn_hand.conv4.0.bias"]
  np.savez(path, **state)
  with pytest.raises(UserError, match=r"file.npz: .*1 missing \(.+st_gcn_hand.conv4.0.bias"):
    table.load_pose_encoder(tiny, path)
