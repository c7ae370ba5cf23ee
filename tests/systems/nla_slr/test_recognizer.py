"""Losses, predictions and the pull of one classifier to the other, of outputs made up here."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.ops import gloss_mixup, label_smoothing, mixup
from sign_jax.systems.nla_slr import recognizer, settings, streams

B, N, E = 3, 7, 4
WIDTHS = {name: 5 + 3 * len(members) for name, members in streams.heads(streams.STREAMS).items()}
OURS = recognizer.SignRecognizer()
HALF = jnp.float32(0.5)


def config(dataset=None, **changes):
  found = settings.config(dataset)
  found.update_from_flattened_dict({key.replace("__", "."): x for key, x in changes.items()})
  return found


def draw(number, *shape):
  return jax.random.normal(jax.random.key(number), shape)


@pytest.fixture(scope="module")
def out():
  """What `VKNet` returns of three clips."""
  logits, inputs, layers = {}, {}, {}
  for i, (name, width) in enumerate(WIDTHS.items()):
    logits[name], inputs[name] = 3 * draw(i, B, N), draw(10 + i, B, width)
    layers[name] = {
        "mapped": draw(20 + i, N, width), "kernel": draw(30 + i, width, N), "bias": draw(40 + i, N),
    }
  return {"logits": logits, "head_inputs": inputs, "mixup": layers}


RESIDENT = {"embeddings": draw(50, N, E)}
LABELS, OTHERS = jnp.array([2, 6, 0]), jnp.array([6, 0, 2])
MIXED = {"label": LABELS, "other": OTHERS, "share": jnp.float32(0.3)}


def test_both_losses_are_sums_over_heads(out):
  loss, terms = OURS.loss(config(), out, MIXED, RESIDENT, HALF)
  smoothing = mixing = 0.0
  for name, logits in out["logits"].items():
    for labels, share in ((LABELS, 0.3), (OTHERS, 0.7)):
      soft = label_smoothing.language(labels, RESIDENT["embeddings"])
      smoothing += share * label_smoothing.cross_entropy(logits, soft)
    mixing += gloss_mixup.inter_modality_mixup(
        out["head_inputs"][name], **out["mixup"][name], labels=LABELS, others=OTHERS, share=0.3
    )
  np.testing.assert_allclose(terms["smoothing"], smoothing, rtol=1e-5)
  np.testing.assert_allclose(terms["mixup"], 0.5 * mixing, rtol=1e-5)
  np.testing.assert_allclose(loss, smoothing + 0.5 * mixing, rtol=1e-5)


def test_the_weight_of_the_mixup_falls_with_the_epochs(out):
  term = lambda progress, **changes: OURS.loss(
      config(**changes), out, MIXED, RESIDENT, jnp.float32(progress)
  )[1]["mixup"]
  whole = term(0.0)
  np.testing.assert_allclose(term(0.25), 0.5 * (1 + np.cos(np.pi / 4)) * whole, rtol=1e-5)
  np.testing.assert_allclose(term(0.25, model__inter_mixup_decay=False), whole, rtol=1e-6)


def test_parts_are_left_out(out):
  terms = lambda targets=MIXED, resident=RESIDENT, **changes: OURS.loss(
      config(**changes), out, targets, resident, HALF
  )[1]
  assert set(terms(model__inter_mixup=False)) == {"smoothing"}
  first = lambda targets: sum(
      label_smoothing.cross_entropy(x, targets) for x in out["logits"].values()
  )
  alone = {"label": LABELS, "other": LABELS, "share": jnp.float32(1)}
  found = terms(alone, model__smoothing="none")["smoothing"]
  np.testing.assert_allclose(found, first(jax.nn.one_hot(LABELS, N)), rtol=1e-5)
  found = terms(alone, model__smoothing="uniform", model__smoothing_eps=0.3)["smoothing"]
  np.testing.assert_allclose(found, first(label_smoothing.uniform(LABELS, N, 0.3)), rtol=1e-5)
  found = terms(alone, model__smoothing_eps=0.1, model__smoothing_temperature=2.0)["smoothing"]
  soft = label_smoothing.language(LABELS, RESIDENT["embeddings"], 0.1, 2.0)
  np.testing.assert_allclose(found, first(soft), rtol=1e-5)
  # Without vectors: uniform, and there is nothing to mix with.
  del_mixup = {name: x for name, x in out.items() if name != "mixup"}
  loss, found = OURS.loss(config(), del_mixup, alone, {}, HALF)
  assert set(found) == {"smoothing"}
  np.testing.assert_allclose(loss, first(label_smoothing.uniform(LABELS, N)), rtol=1e-5)


def test_targets():
  found = recognizer.targets_of(LABELS, None)
  assert found["share"] == 1 and found["other"] is LABELS
  found = recognizer.targets_of(LABELS, mixup.Mixup(jnp.float32(0.3)))
  assert found["other"].tolist() == [0, 2, 6] and found["share"] == jnp.float32(0.3)


def test_ensembles(out):
  logits = {name: np.float64(x) for name, x in out["logits"].items()}
  chances = {name: np.exp(x) / np.exp(x).sum(1, keepdims=True) for name, x in logits.items()}
  last = np.log(sum(x for name, x in chances.items() if name.startswith("fuse")))
  every = np.log(sum(chances.values()))
  found = OURS.scores(config(), out)
  assert set(found) == {"", "ensemble_all"}
  np.testing.assert_allclose(found[""], last, rtol=1e-5)
  np.testing.assert_allclose(found["ensemble_all"], every, rtol=1e-5)
  found = OURS.scores(config(model__ensemble="all"), out)
  np.testing.assert_allclose(found[""], every, rtol=1e-5)
  np.testing.assert_allclose(found["ensemble_last"], last, rtol=1e-5)


def test_one_head_predicts_alone(out):
  logits = out["logits"]["video_long"]
  found = OURS.scores(config(), {"logits": {"video_long": logits}})
  assert set(found) == {""}
  np.testing.assert_allclose(found[""], jax.nn.log_softmax(logits), rtol=1e-5, atol=1e-6)


def test_the_first_classifier_is_pulled_to_the_second():
  layer = lambda number: {"kernel": draw(number, 2, N), "bias": draw(number + 1, N)}
  params = {
      "video_long": {"conv": draw(5, 3)},
      "head_fuse": {"fc1": layer(0), "fc2": layer(2), "mapper": layer(4)},
  }
  for progress, beta in ((0.0, 0.99), (0.5, 0.995), (1.0, 1.0)):
    found = OURS.constrain(params, jnp.float32(progress), config())
    for name in ("kernel", "bias"):
      first, second = (params["head_fuse"][fc][name] for fc in ("fc1", "fc2"))
      np.testing.assert_allclose(
          found["head_fuse"]["fc1"][name], beta * first + (1 - beta) * second, rtol=1e-5, atol=1e-6
      )
    assert found["video_long"] is params["video_long"]
    assert found["head_fuse"]["fc2"] is params["head_fuse"]["fc2"]
  found = OURS.constrain(params, jnp.float32(0), config(model__integration_base=0.5))
  np.testing.assert_allclose(
      found["head_fuse"]["fc1"]["bias"],
      (params["head_fuse"]["fc1"]["bias"] + params["head_fuse"]["fc2"]["bias"]) / 2, rtol=1e-5,
  )
  for switch in ("integration", "inter_mixup"):
    assert OURS.constrain(params, HALF, config(**{f"model__{switch}": False})) is params
  # Without vectors there is no second classifier.
  alone = {"head_fuse": {"fc1": layer(0)}}
  assert OURS.constrain(alone, HALF, config()) == alone


def test_vectors_of_the_glosses(tmp_path, capsys):
  facts = {"names": ["a", "b"], "classes": 2, "gloss_vectors": [[1, 2, 3], [4, 5, 6]]}
  found = OURS.resident(config(), facts)
  np.testing.assert_array_equal(found["embeddings"], facts["gloss_vectors"])
  path = tmp_path / "a.vec"
  path.write_text("2 2\na 1 2\nb 3 4\n")
  found = OURS.resident(config(data__gloss_embeddings=str(path)), facts)
  np.testing.assert_array_equal(found["embeddings"], [[1, 2], [3, 4]])
  assert not capsys.readouterr().err
  without = {**facts, "gloss_vectors": None}
  assert OURS.resident(config(), without) == {}
  assert "there are no vectors of the glosses, so labels are" in capsys.readouterr().err
  assert OURS.resident(config("nmfs_csl"), without) == {}
  assert not capsys.readouterr().err
  with pytest.raises(UserError, match="names none of its 2 classes"):
    OURS.resident(config(data__gloss_embeddings=str(path)), {**without, "names": None})


def test_what_the_model_is_built_for():
  found = OURS.inputs(config("wlasl"), 2000, {"embeddings": np.zeros((2000, 300))})
  assert found == {
      "video_long": [[64, 224, 224, 3], "float32"], "video_short": [[32, 224, 224, 3], "float32"],
      "keypoint_long": [[64, 112, 112, 63], "float32"],
      "keypoint_short": [[32, 112, 112, 63], "float32"], "classes": 2000, "embedding": 300,
  }
  found = OURS.inputs(config(model__modalities="keypoint", model__lengths="short"), 5, {})
  assert set(found) == {"keypoint_short", "classes", "embedding"} and found["embedding"] == 0
  assert OURS.inputs(config(model__embedding=9), 5, {})["embedding"] == 9


@pytest.mark.parametrize(("modalities", "fields"), [
    ("both", ("video", "keypoints")), ("video", ("video",)), ("keypoint", ("keypoints",)),
])
def test_what_a_batch_holds(modalities, fields):
  assert OURS.fields(config(model__modalities=modalities)) == fields
