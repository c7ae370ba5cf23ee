"""The released float16 arithmetic against numbers measured on the released program."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from sign_jax import parity
from sign_jax.errors import UserError
from sign_jax.golden import compare
from sign_jax.golden.judge import Judge
from sign_jax.systems import registry
from sign_jax.systems.upret import released_float16_updates as updates
from sign_jax.train import released_float16
from tests.cases import GOLDEN

pytestmark = pytest.mark.usefixtures("quick_compile")
STEM = GOLDEN / "released_float16"
WEIGHT = "clip.visual.transformer.resblocks.0.attn.in_proj_weight"


@pytest.fixture(scope="module")
def case():
  return compare.read_case(STEM, "optimiser")


def bad(rows):
  return [row.name for row in rows if not row.agrees]


def update_rows(case, arrays=None, names=("joint", "own")):
  """Of the cases of these names; `joint` clips all gradients together before each by itself."""
  facts, golden = case
  cases = {name: facts["optimiser"]["cases"][name] for name in names}
  return updates.rows(
      Judge(), registry.case("released_float16"), {**facts["optimiser"], "cases": cases},
      arrays or golden, facts["seed_prefix"],
  )


@pytest.fixture(scope="module")
def updated(case):
  """{name of a case: what `updates.updates` gives}, computed once."""
  facts, _ = case
  card, optimiser = registry.case("released_float16"), facts["optimiser"]
  return {
      name: list(updates.updates(card, optimiser, name, settings, facts["seed_prefix"]))
      for name, settings in optimiser["cases"].items()
  }


def test_every_golden_number_agrees():
  rows = parity.check("released_float16", STEM)
  assert not bad(rows)
  assert len(rows) == 203


@pytest.mark.parametrize("title", [
    f"joint/parameter/{WEIGHT}", f"own/second_moment/{WEIGHT}", "own/first_moment/clip.visual.proj",
])
def test_the_last_digit_of_one_number_counts(case, updated, monkeypatch, title):
  monkeypatch.setattr(updates, "updates", lambda system, facts, name, *_: updated[name])
  assert not bad(update_rows(case))
  arrays = {name: np.array(x) for name, x in case[1].items()}
  arrays[title].flat[-1] = np.nextafter(arrays[title].flat[-1], np.float16(1))
  assert bad(update_rows(case, arrays)) == [title]


def no_subnormals(x):
  return lax.reduce_precision(jnp.asarray(x, jnp.float32), 5, 10)


def corrected(h, m, v, eps):
  return h(m / 0.1 / h(h(jnp.sqrt(v / 0.02)) + eps))


def inside_the_root(h, m, v, eps):
  return h(m / h(h(jnp.sqrt(h(v + eps)))))


def rounded_square(h, v, g, b2):
  return h(h(b2 * v) + h(1 - b2) * h(g * g))


def exact_share(h, m, g, b1):
  return h(h(b1 * m) + (1 - b1) * g)


def unclipped(gradients, *_):
  return gradients


@pytest.mark.parametrize(("name", "other"), [
    ("half", no_subnormals), ("_direction", corrected), ("_direction", inside_the_root),
    ("_second_moment", rounded_square), ("_first_moment", exact_share),
    ("clip_jointly", unclipped),
])
def test_another_arithmetic_fails(case, monkeypatch, name, other):
  monkeypatch.setattr(released_float16, name, other)
  assert bad(update_rows(case, names=["joint"]))


def test_a_case_without_what_it_is_made_of_is_one_sentence(case, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  for end in ("json", "npz"):
    (tmp_path / f"case.{end}").write_bytes((GOLDEN / f"released_float16.{end}").read_bytes())
  with pytest.raises(UserError, match=r"there is no file .*upret_tiny.json"):
    parity.check("released_float16", tmp_path / "case")
  with pytest.raises(UserError, match="no golden case: it has no entry `optimiser`"):
    parity.check("released_float16", GOLDEN / "upret_tiny")
