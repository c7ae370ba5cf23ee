"""What eight devices exchange, in the compiled step and in programs written here."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from launch import collectives, cost_model, step_program
from sign_jax.errors import UserError
from sign_jax.ops.late_interaction import late_interaction
from sign_jax.systems import registry
from tests import program
from tests.gathering import BATCH, TOKENS

TEXT = """\
HloModule m

%sum (a: f32[], b: f32[]) -> f32[] {
  ROOT %c = f32[] add(f32[] %a, f32[] %b)
}

%body (p: (s32[], f32[4,8])) -> (s32[], f32[4,8]) {
  %g = f32[32,8]{1,0} all-gather(f32[4,8]{1,0} %x), channel_id=1, replica_groups=[1,8]<=[8], \
dimensions={0}
}

%condition (p: (s32[], f32[4,8])) -> pred[] {
  %r = pred[] all-reduce(pred[] %y), channel_id=2, replica_groups={{0,1},{2,3}}, to_apply=%sum
}

ENTRY %main (x: f32[4,8]) -> f32[4,8] {
  %w = (s32[], f32[4,8]) while(%t), condition=%condition, body=%body, \
backend_config={"known_trip_count":{"n":"3"}}
  %s = (bf16[10]{0}, f32[]) all-reduce(bf16[10]{0} %u, f32[] %v), replica_groups={}, to_apply=%sum
  %a = (f32[2]{0}, f32[16]{0}) all-gather-start(f32[2]{0} %z), replica_groups=[1,8]<=[8], \
dimensions={0}
  %d = f32[16]{0} all-gather-done(%a)
}
"""


def test_collectives_are_read_with_sizes_groups_and_repetitions():
  found = {(c.kind, c.shapes): c for c in collectives.count(TEXT, devices=8)}
  assert len(found) == 4
  inside = found["all-gather", ((32, 8),)]
  assert (inside.devices, inside.times, inside.nbytes) == (8, 3, 1024)
  assert inside.sent == 3 * 1024 * 7 / 8
  several = found["all-reduce", ((10,), ())]
  assert several.nbytes == 24 and several.sent == 2 * 24 * 7 / 8
  assert found["all-reduce", ((),)].devices == 2
  assert found["all-gather", ((16,),)].nbytes == 64
  assert collectives.sent_by_kind(found.values())["all-gather"] == inside.sent + 56


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory):
  """What `tests.gathering` finds on eight devices."""
  file = tmp_path_factory.mktemp("exchanged") / "found.json"
  status, _, error = program.run("tests.gathering", file, devices=8)
  assert status == 0, error
  return json.loads(file.read_text())


def test_a_step_gathers_no_similarities_of_tokens(exchanged):
  step = exchanged["step"]
  kinds = {c["kind"] for c in step["collectives"]}
  assert step["pairs"] == [] and "all-reduce" in kinds
  # Every gradient is summed over the devices.
  summed = sum(c["sent"] for c in step["collectives"] if c["kind"] == "all-reduce") / (2 * 7 / 8)
  assert summed >= 4 * 49408 * 32  # of the word embeddings alone
  assert step["flops"] > 2 * 2 * BATCH * BATCH * 10 * TOKENS * 32  # of all tokens' similarities


def test_a_program_that_gathers_them_is_found(exchanged):
  assert exchanged["materialising"]["pairs"] == [[[BATCH, BATCH, TOKENS]]]


@pytest.mark.parametrize("split", ["before", "after"])
def test_gradients_of_weights_gather_no_batch(exchanged, split):
  assert {c["kind"] for c in exchanged[split]["collectives"]} == {"all-reduce"}


def test_matrix_products_are_counted_in_loops_and_on_all_devices():
  weights = jnp.ones((3, 8, 8))

  def loop(x):
    return jax.lax.scan(lambda x, w: (jnp.tanh(x @ w), None), x, weights)[0].sum()

  forward = jax.make_jaxpr(loop)(jnp.ones((4, 8)))
  assert step_program.matrix_flops(forward.jaxpr) == 3 * 2 * 4 * 8 * 8
  both = jax.make_jaxpr(jax.grad(loop))(jnp.ones((4, 8)))
  assert step_program.matrix_flops(both.jaxpr) == 2 * 3 * 2 * 4 * 8 * 8
  mesh = jax.sharding.AbstractMesh(
      (4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,)
  )
  split = jax.shard_map(
      lambda x: x @ x.T, mesh=mesh, in_specs=jax.P("data"), out_specs=jax.P("data")
  )
  divided = jax.make_jaxpr(split)(jnp.ones((8, 5)))
  assert step_program.matrix_flops(divided.jaxpr) == 4 * 2 * 2 * 2 * 5


def small_config():
  config = registry.get("cico").config("signing_sim")
  config.update_from_flattened_dict({
      **program.SMALL_MODEL, "data.video_length": 9, "data.text_length": TOKENS,
  })
  return config


def test_operations_of_all_pairs_are_those_of_the_program_in_one_tile():
  shape = lambda *sizes: jax.ShapeDtypeStruct((6, *sizes), jnp.float32)

  def total(video, text, *weights):
    return sum(x.sum() for x in late_interaction(video, text, *weights, max_elements=10**9))

  shapes = shape(10, 32), shape(TOKENS, 32), shape(10), shape(TOKENS)
  grad = jax.make_jaxpr(jax.value_and_grad(total, argnums=(0, 1)))(*shapes)
  assert step_program.matrix_flops(grad.jaxpr) == step_program.pair_flops(small_config(), 6)
  assert step_program.matrix_flops(grad.jaxpr, undecided=0) == 0


def test_operations_of_a_step_grow_with_the_square_of_the_batch():
  config = small_config()
  few, many = (
      step_program.step_flops(step_program.trace(config, jax.devices()[:1], b, 16), config, b)
      for b in (64, 128)
  )
  square = many - 2 * few  # what grows in proportion is gone
  np.testing.assert_allclose(square, 64 * 64 * 2 * 16 * 10 * TOKENS * 32, rtol=1e-3)


@pytest.mark.parametrize("flags", [
    ["--efficiency", "0"], ["--efficiency", "nan"], ["--link", "0"], ["--batch_per_chip", "0"],
    ["--json", "missing/file.json"],
])
def test_flags_without_a_prediction_are_refused_at_once(monkeypatch, tmp_path, flags):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(cost_model, "_simulate_devices", lambda: pytest.fail("too late"))
  with pytest.raises(UserError, match=flags[0]):
    cost_model.main([*flags, "--", "--config=configs/cico.py"])


def test_laws_go_through_what_was_measured_and_beyond():
  law = lambda n: {"flops": 7.0 * n + n**2, "memory": 100.0 + n, **{
      kind: 3.0 * n if kind == "all-gather" else 0.0 for kind in collectives.KINDS
  }}
  laws = cost_model.fit({n: law(n) for n in cost_model.COUNTS})
  chip = cost_model.Chip(flops=10.0, memory=1e3, link=2.0, island=8, network=0.5)
  few, many = (cost_model.predict(laws, chip, n, 0.5) for n in (8, 64))
  np.testing.assert_allclose(few["compute"], (7 + 8) / 5)
  np.testing.assert_allclose(few["exchange"], 3 * 7 / 2.0)
  np.testing.assert_allclose(many["exchange"], 3 * 63 / 0.5)
  np.testing.assert_allclose(many["memory"], 164)
  np.testing.assert_allclose(many["slowest"], many["compute"] + many["exchange"])
  *_, last = cost_model.table({64: {**many, "memory": 2e3}}, chip, 4).splitlines()
  assert last.split()[:2] == ["64", "256"] and last.endswith("does not fit")
