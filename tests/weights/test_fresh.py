"""Initial values of what CLIP's files lack, as PyTorch and the released code draw them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from sign_jax.run import task as run_task
from sign_jax.systems import registry
from sign_jax.weights import fresh
from tests import cases, fakes, program
from tests.systems.seds import small as seds

pytestmark = pytest.mark.usefixtures("quick_compile")
KEY = jax.random.key(0)


def layer(*kernel):
  return {"kernel": jnp.full(kernel, 7.0), "bias": jnp.full(kernel[-1:], 7.0)}


@pytest.mark.parametrize("kernel", [(400, 300), (5, 80, 300)], ids=["linear", "convolution"])
def test_uniform_values_have_the_bound_of_their_inputs(kernel):
  found = fresh.as_released({"params": {"a": layer(*kernel)}}, {".+": "uniform"}, KEY)
  for value in found["params"]["a"].values():
    assert value.dtype == np.float32
    assert 0.97 / 20 < np.abs(value).max() <= 1 / 20  # sqrt(400)
    assert abs(value.mean()) < 0.006
    assert np.std(value) == pytest.approx(1 / 20 / np.sqrt(3), rel=0.06)


def test_normal_values_do_not_depend_on_the_inputs():
  found = fresh.as_released({"params": {"a": layer(400, 300)}}, {".+": "normal"}, KEY)
  kernel, bias = (found["params"]["a"][name] for name in ("kernel", "bias"))
  assert np.std(kernel) == pytest.approx(0.02, rel=0.02) and abs(kernel.mean()) < 3e-4
  assert not bias.any()


def test_only_layers_that_a_path_fits_change():
  norm = {"scale": jnp.full(3, 7.0), "bias": jnp.full(3, 7.0)}
  variables = {"params": {"mine": {"a": layer(3, 4), "norm": norm}, "other": layer(3, 4)},
               "batch_stats": {"mine": {"mean": jnp.full(3, 7.0)}}}
  found = fresh.as_released(variables, {"params/mine/.+": "uniform"}, KEY)
  assert jax.tree.structure(found) == jax.tree.structure(variables)
  changed = {path for path, value in traverse_util.flatten_dict(found, sep="/").items()
             if (value != 7).any()}
  assert changed == {"params/mine/a/kernel", "params/mine/a/bias"}


def test_a_value_depends_on_its_path_alone():
  draw = lambda *names: fresh.as_released(
      {"params": {name: layer(3, 4) for name in names}}, {".+": "uniform"}, KEY
  )["params"]
  one, two = draw("a"), draw("b", "a")
  np.testing.assert_array_equal(one["a"]["kernel"], two["a"]["kernel"])
  assert (two["a"]["kernel"] != two["b"]["kernel"]).all()


def make_task(system, **changes):
  if system == "seds":
    return seds.make_task(**changes)
  config = registry.get(system).config("signing_sim")
  config.update_from_flattened_dict({
      **program.SMALL_MODEL, "batch_size": 4, "eval_batch_size": 4,
      **{key.replace("__", "."): value for key, value in changes.items()},
  })
  return run_task.make(config, fakes.splits(dims={"agnostic": 16, "aware": 16}))


# Not: what a file of CLIP's holds, norms, positions.
@pytest.mark.parametrize(("system", "drawn"), [
    ("cico", {"visual": "uniform"}),
    ("upret", {"visual": "uniform", "video_weight_fc": "uniform", "text_weight_fc": "uniform",
               "dist_video_trans": "uniform", "dist_text_trans": "uniform"}),
    ("seds", {"visual": "uniform", "visual_rgb": "uniform", "pose_encoder": "uniform",
              "fuse": "normal"}),
])
def test_what_clip_lacks_is_drawn_anew(system, drawn, monkeypatch):
  for number, kind in enumerate(fresh.DRAWS):  # without the time that real draws compile
    mark = lambda key, shape, fan_in, number=number: np.full(shape, number)
    monkeypatch.setitem(fresh.DRAWS, kind, mark)
  zero = jax.tree.map(lambda x: np.full(x.shape, -1), cases.shapes(make_task(system)))
  found = fresh.as_released(zero, registry.get(system).fresh, KEY)
  leaves = traverse_util.flatten_dict(found, sep="/")
  kinds = {path: list(fresh.DRAWS)[value.flat[0]] for path, value in leaves.items()
           if value.flat[0] >= 0}
  assert {path.split("/")[1]: kind for path, kind in kinds.items()} == drawn
  assert {path.split("/", 2)[2] for path in kinds if "/visual" in path} == {"conv1/kernel"}
  lacking = {path for path in leaves
             if path.split("/")[1] in drawn and "/visual" not in path
             and path.rpartition("/")[0] + "/kernel" in leaves}
  assert lacking <= kinds.keys() and not [path for path in kinds if "norm" in path]


def test_the_setting_decides():
  plain, released = (
      traverse_util.flatten_dict(jax.jit(make_task("cico", init__fresh=how).init)(KEY), sep="/")
      for how in fresh.VALUES
  )
  changed = {path for path, value in released.items() if (value != plain[path]).any()}
  assert changed == {"params/visual/conv1/kernel"}
  largest = [np.abs(values["params/visual/conv1/kernel"]).max() for values in (plain, released)]
  assert largest[1] <= 1 / 4 < largest[0]  # 16 inputs


def test_a_run_made_before_this_was_a_setting_begins_as_then(monkeypatch):
  monkeypatch.setattr(fresh, "as_released", lambda *args: pytest.fail("draws anew"))
  task = make_task("cico")
  cases.shapes(task)
  del task._config.init.fresh
  cases.shapes(task)


def test_the_published_settings_begin_as_released():
  for system in ("cico", "upret", "seds"):
    made = {name: registry.get(system).config(name).init.fresh
            for name in ("how2sign", "phoenix14t", "csl_daily", "signing_sim")}
    assert made == {"how2sign": "released", "phoenix14t": "released", "csl_daily": "released",
                    "signing_sim": "lecun"}
