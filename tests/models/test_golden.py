"""UPRet and CiCo against numbers measured on the released PyTorch code."""

import jax
import numpy as np
import pytest

from configs.common import retrieval_config
from sign_jax.models.build import build
from sign_jax.ops.contrastive import symmetric_loss
from sign_jax.train import optim
from sign_jax.weights.convert import export
from sign_jax.weights.tables import upret as tables
from tests.golden import cases


def tiny_model(system, **overrides):
  config = retrieval_config(system, "how2sign")
  config.model.update(cases.TINY)
  config.model.update_from_flattened_dict(overrides)
  return build(config.model, video_length=64)


def loss_and_outputs(model, params, batch, noise):
  def compute(params):
    out = model.apply({"params": params}, batch, noise=noise)
    return symmetric_loss(out["i2t"], out["t2i"]), out

  return jax.jit(jax.value_and_grad(compute, has_aux=True))(params)


@pytest.fixture(scope="module", params=["released", "ott", "closed_form"])
def upret(request):
  """The golden training step under each transport solver."""
  facts, golden = cases.load("upret_tiny")
  model = tiny_model("upret", **{"ot.solver": request.param})
  batch = cases.batch()
  variables = cases.variables(facts, model, batch)
  (loss, out), grads = loss_and_outputs(model, variables["params"], batch, cases.noise())
  return facts, golden, model, variables, loss, out, grads


def test_upret_training_step(upret):
  _, golden, _, _, loss, out, _ = upret
  assert cases.relative(loss, golden["loss"]) < 1e-5
  assert cases.relative(out["i2t"], golden["i2t_logits"]) < 1e-4
  assert cases.relative(out["t2i"], golden["t2i_logits"]) < 1e-4
  assert cases.relative(out["plans"], golden["ot_plan"]) < 1e-4
  for name in ("video", "text"):
    assert cases.relative(out[name].features, golden[f"{name}_features"]) < 1e-4
  assert cases.relative(out["text_aug"].features, golden["text_features_aug"]) < 1e-4


def test_upret_gradients(upret):
  facts, golden, *_, grads = upret
  grads = export({"params": grads}, tables.UPRET)
  compared = 0
  for name, norm in facts["grad_norms"].items():
    got = np.linalg.norm(grads[name])
    if name.endswith("weight_fc.2.bias"):  # zero in theory: a softmax ignores a shift
      assert got < 1e-6
    else:
      assert abs(got - norm) < 1e-3 * norm, name
    compared += 1
  assert compared == len(grads) == 112
  for name in (n for n in golden if n.startswith("grad/")):
    grad = grads[name.removeprefix("grad/")]
    assert cases.relative(grad.reshape(golden[name].shape), golden[name]) < 1e-3, name


def test_upret_without_transport():
  facts, golden = cases.load("upret_tiny")
  model = tiny_model("upret", **{"ot.weight": 0.0})
  batch = cases.batch()
  full = cases.variables(facts, tiny_model("upret"), batch)
  params = {k: v for k, v in full["params"].items() if not k.startswith("dist_")}
  out = model.apply({"params": params}, batch)
  assert cases.relative(symmetric_loss(out["i2t"], out["t2i"]), golden["loss_ot_weight_0"]) < 1e-5


@pytest.mark.parametrize("system", ["upret", "cico"])
def test_evaluation_similarity(system):
  facts, golden = cases.load(f"{system}_tiny")
  model, batch = tiny_model(system), cases.batch()
  table = tables.UPRET if system == "upret" else tables.CICO
  variables = cases.variables(facts, model, batch, table)

  def evaluate(m):
    video = m.encode_video(batch["video"], batch["video_valid"])
    text = m.encode_text(batch["text"])
    return *m.similarity(video, text), m.score(video, text)

  i2t, t2i, mix = model.apply(variables, method=evaluate)
  assert cases.relative(i2t, golden["eval_i2t"]) < 1e-4
  assert cases.relative(t2i, golden["eval_t2i"]) < 1e-4
  assert cases.relative(mix, golden["eval_mix"]) < 1e-4


def test_cico_training_step():
  facts, golden = cases.load("cico_tiny")
  model, batch = tiny_model("cico"), cases.batch()
  variables = cases.variables(facts, model, batch, tables.CICO)
  (loss, out), grads = loss_and_outputs(model, variables["params"], batch, None)
  assert cases.relative(loss, golden["loss"]) < 1e-5
  assert cases.relative(out["i2t"], golden["i2t_logits"]) < 1e-4
  assert cases.relative(out["t2i"], golden["t2i_logits"]) < 1e-4
  grads = export({"params": grads}, tables.CICO)
  assert set(grads) == set(facts["grad_norms"])
  for name, norm in facts["grad_norms"].items():
    assert abs(np.linalg.norm(grads[name]) - norm) < 1e-3 * norm, name


def test_optimiser_trajectory():
  facts, golden = cases.load("upret_tiny")
  model = tiny_model("upret", **{"ot.solver": "released"})
  params = cases.variables(facts, model, cases.batch())["params"]
  first = params
  optimizer = optim.released_adam(optim.warmup_cosine(facts["lr"], facts["t_total"], 0.1))
  state = optimizer.init(params)

  @jax.jit
  def update(params, state, batch, noise):
    def compute(params):
      out = model.apply({"params": params}, batch, noise=noise)
      return symmetric_loss(out["i2t"], out["t2i"])

    loss, grads = jax.value_and_grad(compute)(params)
    updates, state = optimizer.update(grads, state, params)
    return loss, jax.tree.map(lambda p, u: p + u, params, updates), state

  for step in range(facts["steps"]):
    prefix = f"step{step}/"
    loss, params, state = update(params, state, cases.batch(prefix), cases.noise(prefix))
    assert cases.relative(loss, golden["trajectory_loss"][step]) < 1e-4, step
    assert cases.relative(params["logit_scale"], golden["trajectory_logit_scale"][step]) < 1e-5
  (after, _), _ = loss_and_outputs(model, params, cases.batch(), cases.noise())
  assert cases.relative(after, golden["loss_after_trajectory"]) < 1e-4
  change = export({"params": jax.tree.map(lambda a, b: a - b, params, first)}, tables.UPRET)
  for name, norm in facts["change_norms_after_trajectory"].items():
    if not name.endswith("weight_fc.2.bias"):  # moved by rounding noise alone
      assert abs(np.linalg.norm(change[name]) - norm) < 5e-3 * norm, name
