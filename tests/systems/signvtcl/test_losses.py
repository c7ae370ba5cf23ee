import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops import alignment
from sign_jax.systems.base import resolve
from sign_jax.systems.signvtcl import card, losses, settings

GLOSSES = np.array([[1, 2, 1], [3, 0, 0]], np.int32)
TEXT = losses.Text(np.array([[0, 1, 1, 2, -1], [0, -1, -1, -1, -1]]), np.array([4, 1]))


def section(variant="paper", **overrides):
  found = settings.model_section(variant)
  changes = {key.replace("__", "."): value for key, value in overrides.items()}
  found.update_from_flattened_dict(changes)
  return resolve(card.SYSTEM, found)


@pytest.fixture(scope="module")
def out():
  """What a model with two streams might return."""
  draw = np.random.default_rng(0)
  normal = lambda *shape: jnp.asarray(draw.standard_normal(shape), jnp.float32)
  steps = jnp.array([6, 4])
  level = lambda: {"features": normal(2, 12, 5), "steps": 2 * steps, "logits": normal(2, 12, 7)}
  return {
      "logits": {name: normal(2, 6, 7) for name in ("video", "flow", "joint")}, "steps": steps,
      "pyramid": {name: {"c2": level(), "c3": level()} for name in ("video", "flow")},
      "shared": {
          "v2t_gloss": normal(2, 6, 4), "v2t_sentence": normal(2, 6, 4), "t2v": normal(2, 5, 4)
      },
  }


def test_terms_of_the_variants(out):
  heads = {f"ctc_{name}" for name in out["logits"]}
  paper = losses.terms(out, GLOSSES, section(), TEXT)
  assert set(paper) == {*heads, "spn_video", "spn_flow", "align_gloss", "align_sentence"}
  assert paper["spn_video"] == 0 != paper["align_gloss"]
  base = losses.terms(out, GLOSSES, section("base"))
  distil = {f"distil_{name}" for name in out["logits"]}
  assert set(base) == {*heads, *distil, "spn_video", "spn_flow"}


def test_weights(out):
  one = losses.terms(out, GLOSSES, section("base", distil=1.0))
  other = losses.terms(out, GLOSSES, section("base", distil=3.0, ctc=2.0, spn__weight=0.5))
  np.testing.assert_allclose(other["distil_video"], 3 * one["distil_video"], rtol=1e-6)
  np.testing.assert_allclose(other["ctc_joint"], 2 * one["ctc_joint"], rtol=1e-6)
  np.testing.assert_allclose(other["spn_flow"], one["spn_flow"], rtol=1e-6)
  heads = losses.of_heads(out, GLOSSES)
  for name, share in (("video", 0.2), ("flow", 0.5)):
    np.testing.assert_allclose(
        one[f"spn_{name}"], share * (heads[f"{name}_c2"] + heads[f"{name}_c3"]), rtol=1e-6
    )
  changed = section(align__gloss=0.0, align__sentence=2.0)
  found = losses.terms(out, GLOSSES, changed, TEXT)
  assert "align_gloss" not in found
  plain = losses.terms(out, GLOSSES, section(), TEXT)["align_sentence"]
  np.testing.assert_allclose(found["align_sentence"], 2 * plain, rtol=1e-6)


def test_a_given_path_is_used(out):
  path = alignment.Path(jnp.full((2, 6), -1), jnp.zeros(2, bool), jnp.zeros(2))
  terms = losses.terms(out, GLOSSES, section(), TEXT, path)
  assert terms["align_gloss"] == 0
  assert terms["align_sentence"] > 0


def test_the_target_of_distillation_has_no_gradient(out):
  value = lambda logits: sum(losses.distillation(logits).values())
  gradients = jax.grad(value)(out["logits"])
  mean = np.mean([jax.nn.softmax(x) for x in out["logits"].values()], axis=0)
  for name, x in out["logits"].items():  # that of KL(mean || softmax) alone
    np.testing.assert_allclose(gradients[name], (jax.nn.softmax(x) - mean) / 2, atol=1e-6)


@pytest.mark.parametrize("kind", losses.KINDS)
def test_text_is_detached_in_the_loss_of_sentences(out, kind):
  def sentence(t2v, detach):
    changed = section(align__detach_text=detach, align__sentence_kind=kind)
    given = {**out, "shared": {**out["shared"], "t2v": t2v}}
    return losses.terms(given, GLOSSES, changed, TEXT)["align_sentence"]

  of_text = jax.grad(sentence)
  t2v = out["shared"]["t2v"]
  assert not np.asarray(of_text(t2v, True)).any()
  gradient = np.asarray(of_text(t2v, False))
  assert gradient[0, 4].any() and gradient[1, 1].any()  # of the end-of-sentence tokens alone
  assert not gradient[0, :4].any()


def test_padded_steps_have_no_part_in_the_loss_of_sentences(out):
  sentence = lambda shared: losses.terms(
      {**out, "shared": shared}, GLOSSES, section(), TEXT
  )["align_sentence"]
  changed = out["shared"]["v2t_sentence"].at[1, 4:].set(100.0)
  assert sentence({**out["shared"], "v2t_sentence": changed}) == sentence(out["shared"])


def test_what_is_told_of_the_agreement_is_what_the_losses_see(out):
  steps, shared = out["steps"], out["shared"]
  position = np.array([[0, 0, 1, 1, 2, 2], [0, 0, 0, 0, -1, -1]])
  tell = lambda **how: losses.agreement(out, position, GLOSSES, TEXT, section(**how).align)
  found = tell()
  assert set(found) == {"positives", "video", "text", "entropy"}
  assert found["positives"].shape == (2, 3) and found["positives"][1, 0] == 1  # of one gloss
  path = alignment.Path(position, np.ones(2, bool), np.zeros(2))
  terms = losses.aligned(out, path, GLOSSES, TEXT, section().align)
  own = -np.sum(found["video"] * found["text"], axis=1)
  np.testing.assert_allclose(own.mean(), terms["sentence"], rtol=1e-5)
  end = np.stack([shared["t2v"][0, 4], shared["t2v"][1, 1]])
  np.testing.assert_allclose(found["entropy"], alignment.channel_entropies(end) / np.log(4))
  assert set(tell(align__sentence=0.0)) == {"positives"}
  found = tell(align__gloss=0.0, align__sentence_kind="batch")
  assert set(found) == {"video", "text"}
  np.testing.assert_allclose(np.linalg.norm(found["video"], axis=1), 1, rtol=1e-6)
  mean = np.mean(shared["v2t_sentence"][1, : steps[1]], axis=0)
  np.testing.assert_allclose(found["video"][1], mean / np.linalg.norm(mean), rtol=1e-5)
