import pytest

torch = pytest.importorskip("torch")

import jax  # noqa: E402
import ml_collections  # noqa: E402
import numpy as np  # noqa: E402

from sign_jax.modules import clip  # noqa: E402
from sign_jax.systems.cico import released_names as cico  # noqa: E402
from sign_jax.train import optim, schedules  # noqa: E402
from sign_jax.weights import convert  # noqa: E402
from tests.torch import compare, reference  # noqa: E402

STEPS, TOTAL, RATE = 8, 20, 1e-2
SIZES = {"width": 16, "heads": 2, "layers": 1}
# Below, around and above the norm of 1 where clipping begins.
SCALES = (1.0, 1e-4, 0.02, 10.0, 0.0, 0.05, 1e-3, 3.0)


def test_released_adam_over_several_steps():
  torch.manual_seed(0)
  module = reference.VideoTower(**SIZES, dim=12, length=4, features=6)
  model = clip.VideoTower(**SIZES, embed_dim=12, length=4)
  inputs = np.zeros((1, 4, 6), np.float32), np.ones((1, 4), bool)
  names = {"prefix": "clip.visual.", "path": "visual"}
  params = compare.carry(module, model, inputs, cico.NAMES, **names)["params"]
  theirs = {f"clip.visual.{name}": p for name, p in module.named_parameters()}
  first = {name: p.detach().clone() for name, p in theirs.items()}
  reference_optimizer = reference.ReleasedAdam(theirs, RATE, TOTAL)
  optimizer = optim.released_adam(schedules.warmup_cosine(RATE, TOTAL, 0.1))
  update, state = jax.jit(optimizer.update), optimizer.init(params)
  shapes = {"params": {"visual": params}}
  for step in range(STEPS):
    grads = {
      name: compare.draw([step, i], *p.shape) * np.float32(SCALES[step])
      for i, (name, p) in enumerate(theirs.items())
    }
    for name, p in theirs.items():
      p.grad = torch.from_numpy(grads[name])
    ours = convert.merge(shapes, {n: g.copy() for n, g in grads.items()}, cico.NAMES)
    reference_optimizer.step()
    updates, state = update(ours["params"]["visual"], state, params)
    params = jax.tree.map(lambda p, u: p + u, params, updates)
    found = convert.export({"params": {"visual": params}}, cico.NAMES)
    for name, p in theirs.items():
      compare.assert_close(found[name], p, f"step {step}: {name}")
  # Not only the weights, which barely move, but how far they moved.
  for name, p in theirs.items():
    compare.assert_close(found[name] - first[name].numpy(), p - first[name], name, 2e-5)


def test_the_first_step_changes_nothing_and_biases_do_not_decay():
  params = {"a": {"kernel": np.ones((2, 2), np.float32), "bias": np.ones(2, np.float32)}}
  zeros = jax.tree.map(np.zeros_like, params)
  optimizer = optim.released_adam(schedules.warmup_cosine(1.0, 10, 0.1))
  first, state = optimizer.update(zeros, optimizer.init(params), params)
  assert not any(np.any(x) for x in jax.tree.leaves(first))
  second, _ = optimizer.update(zeros, state, params)
  assert np.all(second["a"]["kernel"] < 0) and not np.any(second["a"]["bias"])


def test_adam_l2_is_pytorchs_adam_with_weight_decay():
  rng = np.random.default_rng(0)
  start = rng.standard_normal((3, 4)).astype(np.float32)
  theirs = torch.nn.Parameter(torch.tensor(start))
  settings = {"lr": 1e-3, "weight_decay": 1e-3, "eps": 1e-8}
  reference_optimizer = torch.optim.Adam([theirs], betas=(0.9, 0.998), **settings)
  scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(reference_optimizer, T_max=4)
  section = ml_collections.ConfigDict({
    "name": "adam_l2", "schedule": "cosine", "stairs": 4, "warmup": 0.0, "b1": 0.9, "b2": 0.998,
    **settings,
  })
  optimizer, _ = optim.from_config(section, 8)  # 4 epochs of 2 steps
  ours = {"w": start}
  state = optimizer.init(ours)
  for step in range(8):
    grad = rng.standard_normal(start.shape).astype(np.float32)
    theirs.grad = torch.from_numpy(grad.copy())
    reference_optimizer.step()
    if step % 2:
      scheduler.step()
    updates, state = optimizer.update({"w": grad}, state, ours)
    ours = jax.tree.map(lambda p, u: p + u, ours, updates)
  compare.assert_close(ours["w"] - start, theirs - torch.tensor(start), "movement", 1e-4)
