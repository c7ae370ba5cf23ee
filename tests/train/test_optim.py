import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from configs import sign_encoder, upret
from sign_jax import protocols
from sign_jax.errors import UserError
from sign_jax.train import optim, schedules

PARAMS = {
    "attn": {"kernel": (8, 6), "bias": (6,)},
    "ln_1": {"scale": (6,), "bias": (6,)},
    "logit_scale": (),
}
TOTAL, WARMUP, LR, B1, B2, EPS, DECAY, CLIP = 10, 0.25, 0.1, 0.9, 0.98, 1e-6, 0.01, 1.0


def tree(seed, scale=1.0):
  rng = np.random.default_rng(seed)
  draw = lambda shape: np.float32(scale * rng.standard_normal(shape))
  return jax.tree.map(draw, PARAMS, is_leaf=lambda x: isinstance(x, tuple))


def named(values):
  """{path: float64 array}."""
  leaves = jax.tree_util.tree_leaves_with_path(values)
  return {jax.tree_util.keystr(path): np.asarray(x, np.float64) for path, x in leaves}


def norm(values):
  return np.sqrt(sum((x**2).sum() for x in values.values()))


def rate(step):
  x = step / TOTAL
  return LR * (x / WARMUP if x < WARMUP else 0.5 * (1 + np.cos(np.pi * x)))


def reference(params, gradients):
  """Parameters after every step: the released optimiser in float64."""
  params = named(params)
  m, v = ({name: np.zeros_like(x) for name, x in params.items()} for _ in range(2))
  for step, gradient in enumerate(gradients):
    gradient = named(gradient)
    together = min(1.0, CLIP / (norm(gradient) + 1e-6))
    for name in params:
      g = gradient[name] * together
      g = g * min(1.0, CLIP / (norm({name: g}) + 1e-6))
      m[name] = B1 * m[name] + (1 - B1) * g
      v[name] = B2 * v[name] + (1 - B2) * g**2
      change = m[name] / (np.sqrt(v[name]) + EPS)
      if not name.endswith("['bias']"):
        change = change + DECAY * params[name]
      params[name] = params[name] - rate(step) * change
    yield dict(params)


def optimizer(**changes):
  section = ml_collections.ConfigDict({
      "name": "released_adam", "lr": LR, "warmup": WARMUP, "b1": B1, "b2": B2, "eps": EPS,
      "weight_decay": DECAY, "decay_norms": True, "clip_norm": CLIP, **changes,
  })
  return optim.from_config(section, TOTAL)


@pytest.mark.parametrize("scale", [0.01, 30.0], ids=["no clipping", "clipping"])
def test_trajectory_is_the_released_one(scale):
  transform, schedule = optimizer()
  params = tree(0)
  gradients = [tree(1 + step, scale) for step in range(TOTAL)]
  state = transform.init(params)
  for step, expected in enumerate(reference(params, gradients)):
    assert float(schedule(step)) == pytest.approx(rate(step), rel=1e-6)
    updates, state = transform.update(gradients[step], state, params)
    params = jax.tree.map(lambda p, u: p + u, params, updates)
    for name, value in named(params).items():
      np.testing.assert_allclose(value, expected[name], rtol=2e-5, atol=1e-6, err_msg=name)


def test_the_first_update_changes_nothing():
  transform, _ = optimizer()
  params = tree(0)
  updates, state = transform.update(tree(1), transform.init(params), params)
  assert all(not np.any(x) for x in jax.tree.leaves(updates))
  updates, _ = transform.update(tree(2), state, params)
  assert all(np.all(x != 0) for x in jax.tree.leaves(updates))


def test_parameters_are_clipped_alone_after_all_together():
  gradient = {"a": jnp.full(4, 3.0), "b": jnp.full(4, 4.0)}  # norms 6 and 8, 10 together
  together, _ = optim.clip_by_global_norm(5.0).update(gradient, None)
  assert float(optim.global_norm(together)) == pytest.approx(5.0, rel=1e-5)
  np.testing.assert_allclose(together["a"] / together["b"], 0.75, rtol=1e-6)
  alone, _ = optim.clip_each_by_norm(3.5).update(together, None)
  assert float(jnp.linalg.norm(alone["a"])) == pytest.approx(3.0, rel=1e-5)  # within its bound
  assert float(jnp.linalg.norm(alone["b"])) == pytest.approx(3.5, rel=1e-5)


def test_biases_alone_do_not_decay():
  params = tree(0)
  mask = named(optim.decay_mask(params))
  assert {name for name, decays in mask.items() if not decays} == {
      "['attn']['bias']", "['ln_1']['bias']"
  }


def second_updates(**changes):
  """{name: update} of the second step, the first one whose rate is not 0, after tiny gradients."""
  transform, _ = optimizer(**changes)
  params, state = tree(0), None
  state = transform.init(params)
  for seed in (1, 2):
    updates, state = transform.update(tree(seed, 1e-3), state, params)
  return named(updates)


def test_scales_of_norms_decay_unless_switched_off():
  with_norms, without = second_updates(), second_updates(decay_norms=False)
  assert {name for name in with_norms if np.any(with_norms[name] != without[name])} == {
      "['ln_1']['scale']"
  }
  difference = with_norms["['ln_1']['scale']"] - without["['ln_1']['scale']"]
  np.testing.assert_allclose(
      difference, -rate(1) * DECAY * named(tree(0))["['ln_1']['scale']"], rtol=1e-3
  )


def test_adam_of_the_papers_corrects_its_bias():
  updates = second_updates(name="adam")
  m, v = ({name: np.zeros_like(x) for name, x in updates.items()} for _ in range(2))
  for seed in (1, 2):
    for name, g in named(tree(seed, 1e-3)).items():
      m[name], v[name] = B1 * m[name] + (1 - B1) * g, B2 * v[name] + (1 - B2) * g**2
  for name, update in updates.items():
    step = m[name] / (1 - B1**2) / (np.sqrt(v[name] / (1 - B2**2)) + EPS)
    np.testing.assert_allclose(update, -rate(1) * step, rtol=1e-3)


def test_adam_l2_adds_the_decay_to_the_gradient():
  """Three steps of PyTorch's Adam, biases and all, in NumPy; `tests/torch` has PyTorch's own."""
  transform, _ = optimizer(name="adam_l2", schedule="constant")
  params = tree(0)
  state, values = transform.init(params), named(params)
  m, v = ({name: np.zeros_like(x) for name, x in values.items()} for _ in range(2))
  for step in (1, 2, 3):
    gradients = tree(step)
    updates, state = transform.update(gradients, state, params)
    params = jax.tree.map(lambda p, u: p + u, params, updates)
    for name, g in named(gradients).items():
      g = g + DECAY * values[name]
      m[name], v[name] = B1 * m[name] + (1 - B1) * g, B2 * v[name] + (1 - B2) * g**2
      change = m[name] / (1 - B1**step) / (np.sqrt(v[name] / (1 - B2**step)) + EPS)
      values[name] = values[name] - LR * change
  for name, value in named(params).items():
    np.testing.assert_allclose(value, values[name], rtol=1e-5, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("config", [upret.get_config(), sign_encoder.get_config()])
@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_every_name_with_every_configuration(config, name):
  section = config.optim.copy_and_resolve_references()
  section.name = name
  if all(key in section for key in optim.KEYS[name]):
    assert optim.from_config(section, TOTAL)
  else:
    with pytest.raises(UserError, match=f"optim.name={name} needs optim.*does not have: use "):
      optim.from_config(section, TOTAL)


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_groups_have_their_rates(name):
  """Each parameter moves as with its own rate for all."""
  section = ml_collections.ConfigDict({
      "name": name, "lr": 0.0, "warmup": 0.5, "b1": B1, "b2": B2, "eps": EPS, "momentum": 0.9,
      "weight_decay": DECAY, "decay_norms": True, "clip_norm": CLIP, "groups": {},
  })

  def run(**changes):
    section.update_from_flattened_dict({key.replace("__", "."): v for key, v in changes.items()})
    transform, schedule = optim.from_config(section, TOTAL)
    params, state = tree(0), None
    state = transform.init(params)
    for seed in (1, 2):
      updates, state = transform.update(tree(seed), state, params)
    return named(updates), float(schedule(1))

  expected = {lr: run(lr=lr)[0] for lr in (0.1, 0.02, 0.003)}
  section.groups = {
      "first": {"paths": "^attn/", "lr": 0.02}, "second": {"paths": "scale$|bias", "lr": 0.003},
      "empty": {"paths": "nothing", "lr": 9.0},
  }
  found, rate_of_rest = run(lr=0.1)
  assert rate_of_rest == pytest.approx(0.1 * 0.2)
  rates = {"attn']['kernel": 0.02, "attn']['bias": 0.02, "ln_1']['scale": 0.003,
           "ln_1']['bias": 0.003}  # fmt: skip
  for path, update in found.items():
    lr = rates.get(path[2:-2], 0.003 if "scale" in path else 0.1)
    # RAdam's steps are rounded as their parameters are.
    rounding = {"rtol": 1e-5, "atol": 2e-7 if name == "radam" else 0}
    np.testing.assert_allclose(update, expected[lr][path], err_msg=path, **rounding)


@pytest.mark.parametrize("name", optim.FLAT)
def test_one_vector_of_all_parameters_gives_the_same(name):
  keys = {"name": name, "momentum": 0.9, "schedule": "constant"}
  (tree_wise, _), (joined, _) = optimizer(**keys), optimizer(**keys, flat=True)
  params = tree(0)
  states = [transform.init(params) for transform in (tree_wise, joined)]
  assert all(x.ndim < 2 for x in jax.tree.leaves(states[1]))
  for seed in (1, 2, 3):
    pairs = [t.update(tree(seed), s, params)
             for t, s in zip((tree_wise, joined), states, strict=True)]  # fmt: skip
    (ours, theirs), states = zip(*pairs, strict=True)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), ours, theirs)
  assert optim.norm_of(ml_collections.ConfigDict({"flat": True})) is optim.norm_of_joined
  assert optim.norm_of_joined(tree(1)) == pytest.approx(float(optim.global_norm(tree(1))))


@pytest.mark.parametrize("changes", [
    {"name": "released_adam"},
    {"name": "adam", "groups": {"a": {"paths": "b", "lr": 1.0}}},
])  # fmt: skip
def test_what_treats_parameters_apart_cannot_see_one_vector(changes):
  section = ml_collections.ConfigDict({"flat": True, **changes})
  with pytest.raises(UserError, match=f"{changes['name']} here cannot.*optim.flat=False"):
    optim.check(section, protocols.NO_KINDS, "toy")


def test_a_group_that_is_no_expression():
  with pytest.raises(UserError, match=r"optim.groups.a.paths='\(' is no regular expression"):
    optimizer(groups={"a": {"paths": "(", "lr": 1.0}})


def test_adam_has_no_bias_correction():
  transform = optim.scale_by_uncorrected_adam(B1, B2, EPS)
  params = {"w": jnp.ones(3)}
  step, _ = transform.update({"w": jnp.array([1.0, -2.0, 5.0])}, transform.init(params))
  # Corrected, the first step would be the sign of the gradient.
  expected = (1 - B1) / np.sqrt(1 - B2)
  np.testing.assert_allclose(step["w"], expected * np.array([1.0, -1.0, 1.0]), rtol=1e-5)


def test_warm_up_jumps_onto_the_cosine():
  schedule = schedules.warmup_cosine(LR, 100, 0.1)
  rates = np.array([float(schedule(jnp.int32(step))) for step in range(101)])
  np.testing.assert_allclose(rates[:10], LR * np.arange(10) / 10, rtol=1e-5, atol=1e-9)
  np.testing.assert_allclose(rates[10], LR * 0.5 * (1 + np.cos(0.1 * np.pi)), rtol=1e-6)
  assert np.all(np.diff(rates[10:]) < 0) and rates[100] == pytest.approx(0.0, abs=1e-8)


def test_a_cosine_begins_at_its_rate():
  schedule = schedules.cosine(LR, 100, warmup=0.1)
  rates = [float(schedule(jnp.int32(step))) for step in range(101)]
  np.testing.assert_allclose(
      rates, LR * 0.5 * (1 + np.cos(np.pi * np.arange(101) / 100)), rtol=1e-5, atol=1e-8
  )


def test_a_cosine_in_stairs_changes_once_an_epoch():
  epochs, steps = 7, 13
  _, schedule = optim.from_config(
      ml_collections.ConfigDict({
          "name": "adam", "lr": LR, "schedule": "cosine", "stairs": epochs, "warmup": 0.0,
          "b1": B1, "b2": B2, "eps": EPS,
      }), epochs * steps,
  )
  rates = np.array([float(schedule(jnp.int32(step))) for step in range(epochs * steps)])
  expected = LR * 0.5 * (1 + np.cos(np.pi * np.arange(epochs) / epochs))
  np.testing.assert_allclose(rates.reshape(epochs, steps), expected[:, None] * np.ones(steps),
                             rtol=1e-5)


def test_a_constant_rate_has_no_warm_up():
  _, schedule = optimizer(schedule="constant")
  assert [float(schedule(step)) for step in (0, 1, TOTAL - 1)] == pytest.approx([LR] * 3)


def test_a_constant_rate_moves_parameters_by_their_own_rate():
  groups = {"mine": {"paths": "^w", "lr": 3 * LR}}
  gradients = {"w": jnp.ones(2), "v": jnp.ones(2)}
  transform, _ = optimizer(name="sgd", schedule="constant", momentum=0.0, groups=groups,
                           weight_decay=0.0, clip_norm=10.0)
  steps, _ = transform.update(gradients, transform.init(gradients), gradients)
  np.testing.assert_allclose(steps["w"], [-3 * LR] * 2, rtol=1e-6)
  np.testing.assert_allclose(steps["v"], [-LR] * 2, rtol=1e-6)
