"""The released float16 arithmetic; its numbers are compared in tests/systems/upret."""

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.protocols import ParameterKinds
from sign_jax.run import checks
from sign_jax.systems import registry
from sign_jax.train import optim, released_float16

KINDS = ParameterKinds((r"^tower/",), (r"^scale$",))
SECTION = {
    "name": "released_adam", "lr": 1e-2, "warmup": 0.1, "b1": 0.9, "b2": 0.98, "eps": 1e-6,
    "weight_decay": 0.001, "decay_norms": True, "clip_norm": 1.0, "precision": "released_float16",
}


def tree(seed, scale=1.0):
  rng = np.random.default_rng(seed)
  draw = lambda *shape: np.float32(scale * rng.standard_normal(shape))
  return {"tower": {"kernel": draw(8, 6)}, "rest": {"kernel": draw(6, 3)}, "scale": draw()}


def in_float16(x):
  with np.errstate(over="ignore"):
    return np.asarray(x).astype(np.float16).astype(np.float32)


def equal_bits(a, b):
  np.testing.assert_array_equal(*(np.asarray(x, np.float32).view(np.int32) for x in (a, b)))


def test_half_is_the_cast_to_float16():
  rng = np.random.default_rng(0)
  x = np.float32(rng.standard_normal(200_000) * 10 ** rng.uniform(-12, 6, 200_000))
  every = np.arange(2**16, dtype=np.uint16).view(np.float16)
  every = every[np.isfinite(every)].astype(np.float32)
  halfway = (every[:-1] + every[1:])[np.sign(every[:-1]) == np.sign(every[1:])] / 2
  ends = np.float32([0, -0.0, np.inf, -np.inf, 65519.99, 65520, 1e-40])
  x = np.concatenate([x, every, halfway, ends])
  equal_bits(jax.jit(released_float16.half)(x), in_float16(x))
  assert np.isnan(released_float16.half(np.float32(np.nan)))


def run(steps, section=SECTION, kinds=KINDS, state=None):
  """(parameters, state) after updates; `state` goes on from such a pair."""
  section = ml_collections.ConfigDict(section)
  transform, _ = optim.from_config(section, 10, kinds)
  settle = optim.settling(section, kinds)
  params = settle(tree(0)) if state is None else state[0]
  state = transform.init(params) if state is None else state[1]
  for step in steps:
    updates, state = transform.update(tree(1 + step, 0.1), state, params)
    params = settle(jax.tree.map(lambda p, u: p + u, params, updates))
  return params, state


def test_float16_parameters_and_moments_hold_float16_values_and_others_do_not():
  params, state = run(range(4))
  for found in (params, state.mu, state.nu):
    equal_bits(found["tower"]["kernel"], in_float16(found["tower"]["kernel"]))
    rest = found["rest"]["kernel"]
    assert rest.dtype == jnp.float32 and np.any(rest != in_float16(rest))


def test_training_that_stops_goes_on_bit_by_bit():
  whole, parts = run(range(4)), run(range(2, 4), state=run(range(2)))
  jax.tree.map(equal_bits, whole, parts)


def test_groups_have_their_rates():
  groups = {"towers": {"paths": "^tower/", "lr": 1e-3}}
  first, _ = run(range(3))
  params, _ = run(range(3), {**SECTION, "groups": groups})
  slow, _ = run(range(3), {**SECTION, "lr": 1e-3})
  equal_bits(params["tower"]["kernel"], slow["tower"]["kernel"])
  equal_bits(params["rest"]["kernel"], first["rest"]["kernel"])
  assert np.any(slow["tower"]["kernel"] != first["tower"]["kernel"])


@pytest.mark.parametrize("precision", optim.PRECISIONS)
def test_gradients_from_before_the_gathering_are_divided(precision):
  """Before both clippings, which leave these alone."""
  section = {**SECTION, "precision": precision, "clip_norm": 1e9}
  params = tree(0)

  def moments(**changes):
    transform, _ = optim.from_config(ml_collections.ConfigDict({**section, **changes}), 10, KINDS)
    _, state = transform.update(tree(1), transform.init(params), params)
    return optim.optax.tree_utils.tree_get(state, "mu")

  one, four = moments(), moments(released_gpus=4)
  np.testing.assert_allclose(four["rest"]["kernel"], one["rest"]["kernel"] / 4, rtol=1e-6)
  np.testing.assert_allclose(four["tower"]["kernel"], one["tower"]["kernel"] / 4, rtol=1e-3)
  equal_bits(four["scale"], one["scale"])


PATHS = {
    "visual/conv1/kernel": (True, False), "textual/text_projection": (True, False),
    "visual/transformer/resblocks_11/attn/in_proj/bias": (True, False),
    "visual_rgb/transformer/resblocks_0/mlp/c_proj/kernel": (True, False),
    "visual/transformer/resblocks_0/ln_1/bias": (False, False),
    "visual/positional_embedding": (False, False),
    "textual/token_embedding/embedding": (False, False),
    "fuse/transformer/resblocks_0/mlp/c_fc/kernel": (False, False),
    "pose_encoder/st_gcn_hand/conv4_0/kernel": (False, False), "logit_scale": (False, True),
}
OF_UPRET = {
    "video_weight_fc/fc_0/kernel": (False, True), "dist_text_trans/fc/bias": (False, True),
}


@pytest.mark.parametrize("name", ["cico", "seds", "upret"])
def test_which_parameters_are_float16_and_which_come_after_the_gathering(name):
  float16, gathered, _ = registry.get(name).parameter_kinds
  found = lambda patterns, path: any(optim.re.search(p, path) for p in patterns)
  for path, expected in (PATHS | (OF_UPRET if name == "upret" else {})).items():
    assert (found(float16, path), found(gathered, path)) == expected, path


@pytest.mark.parametrize(("changes", "message"), [
    ({"optim.name": "adam"}, "is the arithmetic of released_adam, not of adam"),
    ({"optim.precision": "half"}, "optim.precision='half' is not one of float32, released_float16"),
    ({"optim.released_gpus": 0}, "optim.released_gpus=0 must be greater than 0"),
])
def test_settings_that_do_not_go_together_are_one_sentence(changes, message):
  config = registry.get("upret").config("how2sign")
  config.update_from_flattened_dict(changes)
  with pytest.raises(UserError, match=message):
    checks.check(config)


@pytest.mark.parametrize(("section", "message"), [
    ({}, "mine does not say it: use --config.optim.precision=float32"),
    ({"precision": "float32", "released_gpus": 2}, "mine does not say it: set it to 1"),
])
def test_a_system_that_does_not_say_its_kinds_is_refused(section, message):
  with pytest.raises(UserError, match=message):
    optim.check(ml_collections.ConfigDict({**SECTION, **section}), ParameterKinds(), "mine")


@pytest.mark.parametrize("name", ["cico", "seds", "upret"])
def test_published_settings_are_as_released_and_the_others_float32(name):
  card = registry.get(name)
  for dataset in ("how2sign", "phoenix14t", "csl_daily"):
    config = card.config(dataset)
    assert config.optim.precision == "released_float16" and config.optim.lr == 1e-5
    assert card.training_warning(config) is None
    config.optim.precision = "float32"
    assert "1e-05 belongs to the float16 moments" in card.training_warning(config)
    config.optim.lr = 1e-3
    assert card.training_warning(config) is None
  for dataset in ("signing_sim", *(() if name == "seds" else ("video_folder",))):
    config = card.config(dataset)
    assert config.optim.precision == "float32" and card.training_warning(config) is None
