import jax
import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.weights import convert
from sign_jax.weights.convert import CONV, LINEAR, Rule

TABLE = (
  Rule("scale", "params/scale"),
  Rule("blocks.{n}.fc.weight", "params/block_{n}/fc/kernel", LINEAR),
  Rule("blocks.{n}.fc.bias", "params/block_{n}/fc/bias"),
  Rule("{path}.conv.weight", "params/{path}/conv/kernel", CONV),
  Rule("{path}.bn.running_mean", "batch_stats/{path}/bn/mean"),
)


def state():
  rng = np.random.default_rng(0)
  shapes = {
    "scale": (),
    "blocks.0.fc.weight": (2, 3),
    "blocks.0.fc.bias": (2,),
    "blocks.11.fc.weight": (4, 2),
    "blocks.11.fc.bias": (4,),
    "stem.a.conv.weight": (5, 3, 1, 2, 4),
    "stem.b.conv.weight": (5, 3, 2),
    "stem.a.bn.running_mean": (5,),
  }
  return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def target():
  def zeros(*shape):
    return np.zeros(shape, np.float32)

  return {
    "params": {
      "scale": zeros(),
      "block_0": {"fc": {"kernel": zeros(3, 2), "bias": zeros(2)}},
      "block_11": {"fc": {"kernel": zeros(2, 4), "bias": zeros(4)}},
      "stem": {
        "a": {"conv": {"kernel": zeros(1, 2, 4, 3, 5)}},
        "b": {"conv": {"kernel": zeros(2, 3, 5)}},
      },
    },
    "batch_stats": {"stem": {"a": {"bn": {"mean": zeros(5)}}}},
  }


def test_every_entry_finds_its_place_and_layout():
  source = state()
  merged = convert.merge(target(), source, TABLE)
  params = merged["params"]
  np.testing.assert_array_equal(params["block_0"]["fc"]["kernel"], source["blocks.0.fc.weight"].T)
  np.testing.assert_array_equal(params["block_11"]["fc"]["bias"], source["blocks.11.fc.bias"])
  kernel = params["stem"]["a"]["conv"]["kernel"]
  assert kernel[0, 1, 3, 2, 4] == source["stem.a.conv.weight"][4, 2, 0, 1, 3]
  assert params["stem"]["b"]["conv"]["kernel"][1, 2, 4] == source["stem.b.conv.weight"][4, 2, 1]
  mean = merged["batch_stats"]["stem"]["a"]["bn"]["mean"]
  np.testing.assert_array_equal(mean, source["stem.a.bn.running_mean"])


def test_in_and_out_is_the_identity():
  exported = convert.export(convert.merge(target(), state(), TABLE), TABLE)
  assert exported.keys() == state().keys()
  for name, value in state().items():
    np.testing.assert_array_equal(exported[name], value)
    assert exported[name].shape == value.shape


def test_keeps_the_structure_and_dtypes_of_a_target_of_shapes():
  shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, "float32"), target())
  halves = {name: value.astype(np.float16) for name, value in state().items()}
  merged = convert.merge(shapes, halves, TABLE)
  assert jax.tree.structure(merged) == jax.tree.structure(target())
  assert {leaf.dtype for leaf in jax.tree.leaves(merged)} == {np.dtype(np.float32)}


def test_names_everything_that_does_not_fit():
  source = state()
  del source["blocks.0.fc.bias"]
  source["blocks.7.fc.bias"] = np.zeros(3)  # a rule fits, but the model has no block 7
  source["head.gamma"] = np.zeros(3)  # no rule fits
  source["blocks.11.fc.weight"] = np.zeros((4, 3))
  source["stem.b.conv.weight"] = np.zeros(5)  # too few axes for its layout
  with pytest.raises(UserError) as error:
    convert.merge(target(), source, TABLE)
  text = str(error.value)
  assert "1 missing (blocks.0.fc.bias)" in text
  assert "2 unexpected (blocks.7.fc.bias, head.gamma)" in text
  assert "blocks.11.fc.weight (4, 3) for params/block_11/fc/kernel (2, 4)" in text
  assert "2 misshaped" in text and "stem.b.conv.weight (5,)" in text
  assert "\n" not in text


def test_long_lists_are_abbreviated():
  extra = {f"extra.{i:04d}": np.zeros(1) for i in range(2005)}
  with pytest.raises(UserError) as error:
    convert.merge(target(), {**state(), **extra}, TABLE)
  assert "2005 unexpected" in str(error.value) and "and 5 more" in str(error.value)
  assert "extra.1999" in str(error.value) and "extra.2000" not in str(error.value)


def test_one_number_fits_with_and_without_an_axis():
  for found, wanted in (((1,), ()), ((), (1,))):
    target = {"params": {"scale": np.zeros(wanted, np.float32)}}
    merged = convert.merge(target, {"scale": np.full(found, 3.0)}, TABLE)
    assert merged["params"]["scale"].shape == wanted and merged["params"]["scale"] == 3
  for found, wanted in (((1, 1), ()), ((2,), ()), ((), (2,)), ((1,), (1, 1)), ((0,), ())):
    with pytest.raises(UserError, match="1 misshaped"):
      target = {"params": {"scale": np.zeros(wanted, np.float32)}}
      convert.merge(target, {"scale": np.zeros(found)}, TABLE)


def test_two_entries_for_one_place_are_an_error():
  table = (*TABLE, Rule("other_scale", "params/scale"))
  with pytest.raises(UserError, match="1 unexpected .other_scale"):
    convert.merge(target(), {**state(), "other_scale": np.zeros(())}, table)


def test_ignore_matches_whole_names_only():
  source = {**state(), "counter": np.zeros(()), "counter.b": np.zeros(())}
  with pytest.raises(UserError, match="1 unexpected .counter.b"):
    convert.merge(target(), source, TABLE, ignore=("counter",))
  convert.merge(target(), source, TABLE, ignore=(r"counter.*",))


def test_kept_entries_stay_and_may_not_come_from_the_file():
  source = state()
  del source["blocks.11.fc.weight"], source["blocks.11.fc.bias"]
  initial = target()
  initial["params"]["block_11"]["fc"]["bias"] += 7
  merged = convert.merge(initial, source, TABLE, keep=("params/block_11/.+",))
  np.testing.assert_array_equal(merged["params"]["block_11"]["fc"]["bias"], np.full(4, 7))
  with pytest.raises(UserError, match="2 unexpected"):
    convert.merge(initial, state(), TABLE, keep=("params/block_11/.+",))


def test_export_names_variables_without_a_rule():
  with pytest.raises(UserError, match="params/head/kernel"):
    convert.export({"params": {"head": {"kernel": np.zeros(2)}}}, TABLE)
