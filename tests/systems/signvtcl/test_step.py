"""A training step of the real network: texts, a teacher's path, frozen blocks, a batch in parts."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from sign_jax.ops import alignment
from sign_jax.systems.signvtcl import build, card, losses, model, settings, teachers
from sign_jax.tasks.continuous import Continuous
from sign_jax.train.step import Trainer
from tests.sentences import Videos
from tests.systems.signvtcl import texts

CHANGES = {
    "model.streams": "video", "model.width": 1 / 16, "model.depth": "small",
    "model.head.hidden": 8, "model.head.feedforward": 8, "model.head.dropout": 0.0,
    "model.align.shared": 4, "model.align.adapter": 4, "model.align.source": "teacher",
    "model.freeze_blocks": 1, "model.dtype": "float32", "init.teacher": "teacher",
    "data.buckets": (16,), "data.size_stored": 8, "data.size": 16, "data.least_area": 1.0,
    "data.stretch": (1.0, 1.0), "batch_size": 4, "accumulate": 2, "optim.lr": 0.01,
}  # fmt: skip


@pytest.fixture(scope="module")
def stepped(tmp_path_factory):
  """(task, batch, teacher's variables, state before, state after, metrics) of one update."""
  config = settings.config()
  config.update_from_flattened_dict(CHANGES)
  config.text.cache_dir = str(tmp_path_factory.mktemp("texts"))
  config.text.tiny.update(texts.TINY)
  found = ["A B", "B", "C A", "B A"]
  splits = {
      name: Videos(found, [16] * 4, ("video",), name) for name in ("train", "validation")
  }
  made = Continuous(config, card.SYSTEM, splits)
  section = settings.decided(config.model)
  section.align.gloss = section.align.sentence = 0.0
  network = build.build(section, {"classes": 4})
  teacher = teachers.Teacher(
      network, model.init(network, jax.random.key(7)), config, made.inputs
  )
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(teachers, "read", lambda path: teacher)
    with contextlib.closing(made.train_batches(0)) as batches:
      batch = next(batches)
    trainer = Trainer(made, config, steps=2)
    state = trainer.create()
    before = jax.tree.map(np.asarray, state.variables)
    after, metrics = trainer.step(state, batch)
    yield made, batch, teacher, before, jax.tree.map(np.asarray, after.variables), metrics


def flat(tree):
  return traverse_util.flatten_dict(tree, sep="/")


def test_frozen_blocks_stay_and_all_others_move(stepped):
  before, after = flat(stepped[3]), flat(stepped[4])
  still = {path for path in before if "/video/base_0/" in path}
  moved = {path for path, x in before.items() if not np.array_equal(x, after[path])}
  assert len(still) == 10 and not moved & still
  for part in ("video/base_2", "head_video", "v2t_gloss", "v2t_sentence", "t2v"):
    assert any(part in path for path in moved), part


def test_losses_of_texts_are_there_and_the_parts_of_the_batch_make_its_loss(stepped):
  metrics = jax.tree.map(float, stepped[5])
  terms = [x for name, x in metrics.items() if name.startswith("loss_")]
  assert {"loss_align_gloss", "loss_align_sentence"} < set(metrics)
  assert all(np.isfinite(x) and x > 0 for x in terms)
  assert metrics["loss"] == pytest.approx(sum(terms), rel=1e-5)


def test_the_path_is_that_of_the_teacher(stepped, monkeypatch):
  made, batch, teacher, *_ = stepped
  recognizer, config = card.SYSTEM.recognizer, made._config
  monkeypatch.setattr(teachers, "read", lambda path: teacher)
  seen, batch = [], jax.tree.map(jnp.asarray, batch)
  monkeypatch.setattr(losses, "terms", lambda *args: seen.append(args[-1]) or {"": jnp.zeros(())})
  inputs = recognizer.eval_inputs(config, batch)
  recognizer.loss(
      config, {}, batch, {**inputs, "text": batch["text"]}, {"teacher": teacher.variables}
  )
  out = jax.jit(teacher.model.apply)(teacher.variables, **inputs)
  expected = alignment.monotone_path(
      jax.nn.log_softmax(out["logits"]["video"]), out["steps"], batch["glosses"]
  )
  np.testing.assert_array_equal(seen[0].position, expected.position)
