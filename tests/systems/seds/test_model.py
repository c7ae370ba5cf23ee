import functools

import jax
import numpy as np
import pytest

from sign_jax.ops.contrastive import symmetric_loss
from tests.systems.seds.tiny import BATCH, WINDOWS, make_batch, make_model, make_variables

pytestmark = pytest.mark.usefixtures("quick_compile")
SCALE = np.exp(2.66)  # of `make_variables`
PARTS = {
    "both": {"pose_encoder", "visual", "visual_rgb", "fuse"},
    "pose": {"pose_encoder", "visual"},
    "rgb": {"visual_rgb"},
}


@functools.cache
def computed():
  """One pass of both streams: what `compare` returns, tokens by stream, search scores, and the
  statistics afterwards."""
  model, batch = make_model(), make_batch()

  def run(m):
    streams = m.encode_streams(batch["video"], batch["video_valid"], batch["pose"])
    video = m.encode_video(batch["video"], batch["video_valid"], batch["pose"])
    out = m.compare(m.encode_batch(batch))
    return out, streams, m.score(video, m.encode_text(batch["text"]))

  apply = jax.jit(lambda variables: model.apply(variables, method=run, mutable=["batch_stats"]))
  (out, streams, score), updates = apply(make_variables(model, batch))
  return jax.tree.map(np.asarray, (out, streams, score, updates["batch_stats"]))


@pytest.mark.parametrize("streams", PARTS)
def test_streams_hold_only_what_they_need(streams):
  batch = make_batch()
  if streams == "pose":
    batch["video"] = None
  if streams == "rgb":
    del batch["pose"]
  shapes = jax.eval_shape(make_model(streams=streams).init, jax.random.key(0), batch)
  assert set(shapes["params"]) == PARTS[streams] | {"textual", "logit_scale"}
  assert ("batch_stats" in shapes) == (streams != "rgb")


@pytest.mark.parametrize("streams", ["pose", "rgb"])
def test_one_stream_is_that_stream_of_both(streams):
  both, model, batch = make_model(), make_model(streams=streams), make_batch()
  wanted = jax.eval_shape(model.init, jax.random.key(0), batch)
  variables = make_variables(both, batch)
  variables = {k: {name: variables[k][name] for name in tree} for k, tree in wanted.items()}
  encode = jax.jit(functools.partial(model.apply, method="encode_video"))
  found = encode(variables, batch["video"], batch["video_valid"], batch["pose"])
  np.testing.assert_allclose(found.features, computed()[1][streams].features, atol=1e-5)
  out = jax.eval_shape(model.apply, variables, batch)
  assert set(out["logits"]) == {streams}


def test_the_fusion_is_searched_with():
  out, streams, score, _ = computed()
  assert set(out["logits"]) == {"fusion", "pose", "rgb", "match"}
  assert all(x.shape == (BATCH, BATCH) for pair in out["logits"].values() for x in pair)
  np.testing.assert_array_equal((out["i2t"], out["t2i"]), out["logits"]["fusion"])
  np.testing.assert_array_equal(out["video"].features, streams["fusion"].features)
  # Scores are without the scale; their I2T reads the same text, their T2I the plain one.
  model, batch = make_model(), make_batch()
  variables = make_variables(model, batch)
  similarity = jax.jit(functools.partial(model.apply, method="similarity"))
  i2t, t2i = similarity(variables, streams["fusion"], out["text"])
  np.testing.assert_allclose(score, (i2t + t2i) / 2, atol=1e-6)
  np.testing.assert_allclose(SCALE * i2t, out["i2t"], rtol=1e-4, atol=1e-5)


def test_the_class_token_is_valid():
  video = computed()[0]["video"]
  assert video.mask.shape == (BATCH, 1 + WINDOWS) and video.mask[:, 0].all()
  np.testing.assert_array_equal(video.mask[:, 1:], make_batch()["video_valid"])
  np.testing.assert_allclose(video.weights.sum(1), 1, rtol=1e-6)


def test_the_class_token_is_attended_to():
  model, batch = make_model(streams="rgb"), make_batch()
  variables = make_variables(model, batch)
  encode = jax.jit(functools.partial(model.apply, method="encode_video"))
  run = lambda v: encode(v, batch["video"], batch["video_valid"]).features
  tower = variables["params"]["visual_rgb"]
  other = {**tower, "class_embedding": -tower["class_embedding"]}
  changed = {"params": {**variables["params"], "visual_rgb": other}}
  assert np.abs(run(changed) - run(variables))[:, 1:].max((1, 2)).min() > 1e-3


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.4), (0.8, 0.4), (0.0, 2.0)])
def test_the_loss_weighs_its_terms(alpha, beta):
  out = computed()[0]
  loss, terms = make_model(alpha=alpha, beta=beta).loss(out)
  plain = {name: symmetric_loss(*pair) for name, pair in out["logits"].items()}
  weights = {"fusion": 1.0, "pose": alpha, "rgb": alpha, "match": beta}
  for name, weight in weights.items():
    np.testing.assert_allclose(terms[name], weight * plain[name], rtol=1e-6)
  np.testing.assert_allclose(loss, sum(weights[n] * x for n, x in plain.items()), rtol=1e-6)


@pytest.mark.parametrize("streams", ["pose", "rgb"])
def test_alpha_does_not_weigh_a_stream_alone(streams):
  pair = computed()[0]["logits"][streams]
  loss, terms = make_model(streams=streams, alpha=0.3).loss({"logits": {streams: pair}})
  np.testing.assert_allclose(loss, symmetric_loss(*pair), rtol=1e-6)
  assert list(terms) == [streams]


def test_no_matching_at_beta_zero():
  model, batch = make_model(beta=0.0), make_batch()
  out = jax.eval_shape(model.apply, make_variables(model, batch), batch)
  assert set(out["logits"]) == {"fusion", "pose", "rgb"}


def test_matching_counts_every_window_by_itself():
  """From the tokens in numpy; sums over a video's valid windows and its class token."""
  out, streams, _, _ = computed()
  unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)
  pose, rgb = (unit(np.float64(streams[name].features)) for name in ("pose", "rgb"))
  mask, at = streams["pose"].mask, np.arange(1 + WINDOWS)
  s = np.einsum("aid,bjd->abij", pose, rgb)
  shares = np.exp(s / 0.07)
  to_rgb = (s * shares / shares.sum(3, keepdims=True))[:, :, at, at]
  to_pose = (s * shares / shares.sum(2, keepdims=True))[:, :, at, at]
  p2r, r2p = (to_rgb * mask[:, None]).sum(-1), (to_pose * mask[None]).sum(-1)
  np.testing.assert_allclose(out["logits"]["match"][0], SCALE * p2r, rtol=1e-4, atol=1e-4)
  np.testing.assert_allclose(out["logits"]["match"][1], SCALE * r2p, rtol=1e-4, atol=1e-4)


def test_matching_in_tiles_is_the_same():
  out, streams, _, _ = computed()
  model = make_model(max_elements=1)
  variables = make_variables(model, make_batch())
  match = jax.jit(functools.partial(model.apply, method="match"))
  found = match(variables, streams["pose"], streams["rgb"])
  np.testing.assert_allclose(SCALE * np.stack(found), out["logits"]["match"], atol=1e-4)


def test_evaluation_keeps_the_running_statistics():
  before = make_variables(make_model(), make_batch())["batch_stats"]
  jax.tree.map(np.testing.assert_array_equal, computed()[3], before)


def test_unknown_streams_are_refused():
  with pytest.raises(ValueError, match="unknown streams 'depth'"):
    jax.eval_shape(make_model(streams="depth").init, jax.random.key(0), make_batch())
