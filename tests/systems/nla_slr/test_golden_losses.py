"""The losses of the golden case from its own features; no network is run."""

import numpy as np
import pytest

from sign_jax.golden import compare, seeded
from sign_jax.ops import gloss_mixup, heatmap, label_smoothing
from sign_jax.systems.nla_slr import recognizer, streams
from tests.cases import GOLDEN

LOSS, LOGITS = 1e-5, 1e-4  # relative to the largest number


@pytest.fixture(scope="module")
def case():
  """(facts, golden arrays, glosses' embeddings, labels)."""
  facts, golden = compare.read_case(GOLDEN / "nla_slr")
  count = facts["num_classes"]
  embeddings = seeded.normal("input/word_embeddings", (count, 300))
  return facts, golden, embeddings, np.int32(golden["labels"])


def assert_close(found, expected, tolerance):
  error = np.abs(np.asarray(found) - expected).max() / np.abs(expected).max()
  assert error < tolerance, error


@pytest.fixture(scope="module")
def mixed(case):
  """What the mixup on the head `fuse` reads."""
  facts, golden, embeddings, _ = case
  parts = {
      name: seeded.parameter(name, tuple(shape), facts["gain"], facts["seed_prefix"])
      for name, shape in facts["params"] if name.startswith("heads.fuse.w")
  }
  get = lambda layer, kind: parts[f"heads.fuse.{layer}.{kind}"]
  mapped = embeddings @ get("word_emb_mapper", "weight").T + get("word_emb_mapper", "bias")
  features = [golden[f"feature/{streams.released(name)}"] for name in streams.STREAMS]
  second = "word_fused_gloss_output_layer"
  return np.concatenate(features, 1), mapped, get(second, "weight").T, get(second, "bias")


def test_label_smoothing(case):
  _, golden, embeddings, labels = case
  logits = golden["logits/fuse"]
  for name, soft in (
      ("language_aware", label_smoothing.language(labels, embeddings)),
      ("vanilla", label_smoothing.uniform(labels, len(embeddings))),
  ):
    loss = label_smoothing.cross_entropy(logits, soft)
    assert_close(loss, golden[f"loss/{name}_label_smoothing"], LOSS)


def test_inter_modality_mixup(case, mixed):
  _, golden, _, labels = case
  loss = gloss_mixup.inter_modality_mixup(*mixed, labels)
  assert_close(loss, golden["loss/inter_modality_mixup"], LOSS)
  loss = gloss_mixup.inter_modality_mixup(*mixed, labels, labels[::-1].copy(), 0.3)
  assert_close(loss, golden["loss/inter_modality_mixup_with_intra_mixup_lambda_0.3"], LOSS)


def test_inter_modality_logits(case, mixed):
  golden = case[1]
  order = golden["inter_modality_gloss_order/fuse"].astype(int)
  found = np.take_along_axis(
      np.asarray(gloss_mixup.inter_modality_logits(*mixed)), order[:, :, None], axis=1
  )
  assert_close(found, golden["inter_modality_logits/fuse"], LOGITS)


def test_heatmaps(case):
  golden = case[1]
  points = golden["heatmap/input"][None] / 128  # pixels of pictures of this size
  found = np.asarray(heatmap.heatmaps(points, 56, canvas=56, sigma=4.0))
  maps = np.moveaxis(found[0, 0][..., [0, 7, 62]], -1, 0)
  assert_close(maps, golden["heatmap/output_frame0_joint0_7_62"], LOSS)


def test_ensembles(case):
  golden = case[1]
  heads = streams.heads(streams.STREAMS)
  logits = {name: golden[f"logits/{streams.released(name)}"] for name in heads}
  assert_close(recognizer.ensemble(list(logits.values())), golden["logits/ensemble_all"], LOGITS)
  last = recognizer.ensemble([x for name, x in logits.items() if name.startswith("fuse")])
  assert_close(np.exp(last), golden["probability_sum_of_fuse_heads"], LOGITS)
