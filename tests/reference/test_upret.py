"""The reference itself against the golden numbers, and ours against the reference."""

import json
import pathlib

import pytest

torch = pytest.importorskip("torch")

import jax  # noqa: E402
import numpy as np  # noqa: E402

from sign_jax.golden import retrieval_inputs, seeded  # noqa: E402
from tests import cases  # noqa: E402
from tests.reference import upret  # noqa: E402
from tests.torch import compare  # noqa: E402
from tests.torch.reference import ReleasedAdam  # noqa: E402

GOLDEN = pathlib.Path(__file__).parent.parent / "golden"
TINY = {"width": 128, "heads": 2, "layers": 2}
SYSTEMS = {"upret": upret.UPRet, "cico": upret.CiCo}
UNUSED = (
    "clip.visual.conv2_trans.weight", "clip.logit_scale_first_softmax",
    "clip.logit_scale_sec_softmax",
    *(f"dist_{side}_trans.{name}_proj.{kind}" for side in ("video", "text")
      for name in ("mu", "logsig") for kind in ("weight", "bias")),
)  # fmt: skip


def tensors(arrays):
  convert = lambda x: torch.from_numpy(np.ascontiguousarray(x))
  batch = {name: convert(x) for name, x in arrays.items()}
  return {name: x.long() if x.dtype == torch.int32 else x for name, x in batch.items()}


def load(system, facts, prefix=""):
  """The reference with the golden weights, and every released name accounted for."""
  module = SYSTEMS[system](TINY, TINY, int(dict(facts["params"])["clip.text_projection"][1]))
  state = seeded.state_dict({**facts, "seed_prefix": prefix})
  state = {name: torch.from_numpy(np.array(x)) for name, x in state.items() if name not in UNUSED}
  module.load_state_dict(state, strict=True)
  return module


def noise(prefix, size, dim):
  made = retrieval_inputs.noise(prefix, size, dim)
  return {name: torch.from_numpy(x[0]) for name, x in made.items()}


@pytest.fixture(params=SYSTEMS)
def case(request):
  stem = GOLDEN / f"{request.param}_tiny"
  facts = json.loads(stem.with_suffix(".json").read_text())
  with np.load(stem.with_suffix(".npz")) as arrays:
    return request.param, facts, dict(arrays)


def test_the_step_is_golden(case):
  system, facts, golden = case
  module = load(system, facts)
  i2t, t2i = module(tensors(retrieval_inputs.batch()), noise("", 6, 128))
  loss = upret.contrastive_loss(i2t, t2i)
  loss.backward()
  compare.assert_close(golden["i2t_logits"], i2t)
  compare.assert_close(golden["t2i_logits"], t2i)
  assert loss.item() == pytest.approx(float(golden["loss"]), rel=1e-6)
  found = {name: p.grad.norm().item() for name, p in module.named_parameters()}
  assert found.keys() == facts["grad_norms"].keys()
  for name, norm in facts["grad_norms"].items():
    assert found[name] == pytest.approx(norm, rel=1e-3, abs=1e-6), name


def test_six_steps_are_golden():
  facts = json.loads((GOLDEN / "upret_tiny.json").read_text())
  module = load("upret", facts)
  optimizer = ReleasedAdam(dict(module.named_parameters()), facts["lr"], facts["t_total"])
  losses = []
  for step in range(facts["steps"]):
    prefix = f"step{step}/"
    batch = tensors(retrieval_inputs.batch(prefix))
    module.zero_grad()
    loss = upret.contrastive_loss(*module(batch, noise(prefix, 6, 128)))
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
  golden = np.load(GOLDEN / "upret_tiny.npz")["trajectory_loss"]
  np.testing.assert_allclose(losses, golden, rtol=1e-5)


def test_ours_is_the_reference_on_other_weights_and_another_batch():
  prefix, size = "other/", 9
  facts = json.loads((GOLDEN / "upret_tiny.json").read_text())
  batch, drawn = retrieval_inputs.batch(prefix, size), retrieval_inputs.noise(prefix, size, 128)
  reference = load("upret", facts, prefix)
  expected = reference(tensors(batch), noise(prefix, size, 128))
  task = cases.make_task("upret", facts)
  variables = cases.variables("upret", {**facts, "seed_prefix": prefix}, task)
  loss, out = jax.jit(lambda variables: cases.loss(task, variables, batch, drawn))(variables)
  for name, logits in zip(("i2t", "t2i"), expected, strict=True):
    compare.assert_close(out[name], logits, name)
  assert float(loss) == pytest.approx(upret.contrastive_loss(*expected).item(), rel=1e-5)
