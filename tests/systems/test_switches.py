"""Every switch between released code and paper: the default is golden, the other differs."""

import pathlib

import jax
import numpy as np
import pytest

from sign_jax import parity
from sign_jax.golden import seeded
from sign_jax.ops import transport
from sign_jax.systems import base, registry
from sign_jax.systems.upret import golden as retrieval

GOLDEN = pathlib.Path(__file__).parent.parent / "golden"
UPRET = registry.get("upret")
# Key of the `model` section -> what is not the default, where it has an influence by itself.
OTHER = {
    "token_pooling": "max",
    "mask_padding": True,
    "loss": "joint",
    "distribution.split": "before",
    "distribution.score_scale": "paper",
    "distribution.first_is_mean": False,
    "distribution.refine": True,
    "ot.level": "token",
    "ot.scaled": True,
}
# The shortest distance from the default's loss, relative: far above rounding (1e-7).
LEAST = 1e-5


@pytest.fixture(scope="module")
def case():
  return parity.read_case(GOLDEN / "upret_tiny")


def golden_loss(case, **overrides):
  """The loss of the golden step under a configuration of configs/upret.py."""
  facts, _ = case
  golden = retrieval.build_model("upret", facts)
  config = UPRET.config("how2sign").model
  config.update({"video": golden.video, "text": golden.text, "embed_dim": golden.embed_dim})
  config.distribution.dropout = 0.0
  config.ot.solver = "ott"
  config.update_from_flattened_dict(overrides)
  inputs = {"video_valid": [[retrieval.VIDEO_LENGTH], "bool"]}
  model, batch = UPRET.build(config, inputs), retrieval.make_batch()
  noise = retrieval.make_noise(dim=model.embed_dim)
  if not base.resolve(UPRET, config).distribution.first_is_mean:
    # Then the mean is no sample, and one more is drawn.
    noise = {
        name: np.concatenate([x, seeded.normal(f"more/{name}", x.shape)])
        for name, x in noise.items()
    }
  params = parameters(facts, model, batch)
  out = model.apply({"params": params}, batch, noise=noise)
  return float(model.loss(out)[0])


def parameters(facts, model, batch):
  """Golden weights; the first rows of the first channels where an attention is narrower."""
  golden_model = retrieval.build_model("upret", facts)
  golden = retrieval.load_variables("upret", facts, golden_model, batch)["params"]
  keys = {"params": jax.random.key(0), "noise": jax.random.key(1)}
  wanted = jax.eval_shape(model.init, keys, batch)["params"]
  cut = lambda want, have: have[tuple(slice(n) for n in want.shape)]
  return jax.tree.map(cut, wanted, golden)


def test_every_difference_of_the_variants_is_tested():
  paper, released = UPRET.variants["paper"], UPRET.variants["released"]
  assert OTHER.keys() - {"distribution.refine"} == paper.keys() == released.keys()
  assert all(paper[key] != released[key] for key in paper)


def test_the_default_is_golden(case):
  np.testing.assert_allclose(golden_loss(case), case[1]["loss"], rtol=1e-5)


@pytest.mark.parametrize("key", OTHER)
def test_the_other_setting_is_another_computation(case, key):
  changed = golden_loss(case, **{key: OTHER[key]})
  assert np.isfinite(changed)
  assert abs(changed / case[1]["loss"] - 1) > LEAST


def test_the_variant_paper_is_all_of_its_switches(case):
  overrides = {key: value for key, value in OTHER.items() if key != "distribution.refine"}
  assert golden_loss(case, variant="paper") == golden_loss(case, **overrides)


def test_the_released_solver_stops_before_the_others():
  """At the golden inputs all solvers agree to 1e-6; on plans far from uniform they do not."""
  cosines = np.random.default_rng(0).uniform(-0.6, 0.6, (6, 2, 2)).astype(np.float32)
  exact = np.asarray(transport.uniform_plans(cosines, "closed_form", 0.1, None))
  distance = {
      solver: np.abs(transport.uniform_plans(cosines, solver, 0.1, 1000) - exact).max()
      for solver in ("released", "ott")
  }
  assert distance["ott"] < 1e-4
  assert distance["released"] > 5e-4
