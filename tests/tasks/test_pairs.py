"""Each video with a sentence of its own: as a training example, and in evaluation."""

import jax
import numpy as np
import pytest

from sign_jax.data import pipeline
from sign_jax.data.source import RetrievalSplit
from sign_jax.errors import UserError
from sign_jax.metrics.retrieval import retrieval_metrics
from sign_jax.run import settings
from sign_jax.run import task as run_task
from sign_jax.systems import registry
from tests import fakes, program

pytestmark = pytest.mark.usefixtures("quick_compile")

SENTENCES, VIDEOS = 6, 9


def config(**changes):
  values = registry.get("cico").config("signing_sim")
  values.update_from_flattened_dict({
      **program.SMALL_MODEL, "data.video_length": 4, "data.text_length": 8, "batch_size": 4,
      "eval_batch_size": 4, **{key.replace("__", "."): value for key, value in changes.items()},
  })
  return values


def splits():
  dims = {"agnostic": 8, "aware": 8}
  return fakes.splits(sentences=SENTENCES, videos=VIDEOS, windows=6, dims=dims)


def examples(split, sample, steps, batch_size=3):
  return [
      pair for step in range(steps)
      for pair in pipeline.train_examples(
          split, batch_size=batch_size, seed=1, step=step, sample=sample
      )
  ]


def test_an_epoch_of_pairs_has_each_video_once():
  split = splits()["train"]
  first, second = (examples(split, "pair", 6)[i : i + VIDEOS] for i in (0, VIDEOS))
  for epoch in (first, second):
    assert sorted(video for video, _ in epoch) == list(range(VIDEOS))
    assert all(split.sentence_of_video[video] == sentence for video, sentence in epoch)
  assert first != second
  sentences = [sentence for _, sentence in examples(split, "sentence", 2)]
  assert sorted(sentences) == list(range(SENTENCES))


@pytest.mark.parametrize("shards", [1, 2])
def test_batches_hold_the_pairs_that_are_named(shards):
  split = splits()["train"]
  options = {"batch_size": 4, "seed": 1, "sample": "pair", "start_step": 1}
  options |= {"video_length": 4, "text_length": 8}
  parts = [
      next(pipeline.train_batches(split, shard_index=i, shard_count=shards, **options))
      for i in range(shards)
  ]
  batch = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
  pairs = pipeline.train_examples(split, batch_size=4, seed=1, step=1, sample="pair")
  for row, (video, sentence) in enumerate(pairs):
    np.testing.assert_array_equal(batch["text"][row], split.token_ids(8)[sentence])
    (streams,) = split.stored_features([video], 4)
    mixed = pipeline.combine(streams, "sum", 0.8)
    np.testing.assert_allclose(batch["video"][row, : len(mixed)], mixed)


def test_an_epoch_counts_what_an_example_is():
  of = lambda **changes: run_task.make(config(**changes), splits())
  assert of(data__sample="pair").steps_per_epoch == 2  # the ninth video is left over
  assert of(data__sample="sentence").steps_per_epoch == 1
  assert of(data__sample="pair", batch_size=9).steps_per_epoch == 1
  with pytest.raises(UserError, match="batch_size 10 exceeds the 9 training videos"):
    of(data__sample="pair", batch_size=10).steps_per_epoch  # noqa: B018
  with pytest.raises(UserError, match="a batch of 10 needs as many videos"):
    of(data__sample="pair", batch_size=10).train_batches(0)


def test_a_pair_is_named_by_its_video():
  task = run_task.make(config(data__sample="pair"), splits())
  pairs = pipeline.train_examples(
      task.split("train"), batch_size=4, seed=task._config.seed, step=0, sample="pair"
  )
  assert task.name_examples(1, [2]) == [
      f"video 'v{pairs[2][0]}' with sentence 's{pairs[2][1]}'"
  ]


def test_each_video_has_its_own_sentence(data_dir):
  grouped, paired = (
      RetrievalSplit("signing_sim/tiny", "train", data_dir=str(data_dir), pairs=pairs)
      for pairs in (False, True)
  )
  assert grouped.num_sentences < grouped.num_videos == paired.num_videos == paired.num_sentences
  assert paired.video_ids == grouped.video_ids
  np.testing.assert_array_equal(paired.sentence_of_video, np.arange(paired.num_videos))
  assert [list(x) for x in paired.videos_of_sentence] == [[i] for i in range(paired.num_videos)]
  for names in ("sentence_ids", "sentence_texts"):
    expected = [getattr(grouped, names)[i] for i in grouped.sentence_of_video]
    assert getattr(paired, names) == expected


def test_the_protocol_counts_for_what_is_measured_alone(data_dir):
  task = run_task.make(config(
      data__name="signing_sim/tiny", data__data_dir=str(data_dir), protocol="pair"
  ))
  train, test = task.split("train"), task.split("test")
  assert train.num_sentences < train.num_videos and test.num_sentences == test.num_videos
  facts = task.facts(("test",))
  assert facts["evaluation_protocol"] == "pair"
  assert facts["test/sentences"] == facts["test/videos"] == test.num_videos
  numbers = dict.fromkeys(
      [f"test/{d}/{c}" for d in ("t2v", "v2t") for c in ("R@1", "R@5", "R@10", "MedR", "MnR")], 1.0
  )
  title = task.table(numbers, "test").splitlines()[0]
  assert f"test: {test.num_videos} pairs, each video with a sentence of its own" in title


def test_pairs_are_measured_as_pairs(data_dir):
  of = lambda protocol: run_task.make(config(
      data__name="signing_sim/tiny", data__data_dir=str(data_dir), protocol=protocol
  ))
  grouped, paired = of("sentence"), of("pair")
  rng = np.random.default_rng(0)
  shapes = jax.eval_shape(grouped.init, jax.random.key(0))
  variables = jax.tree.map(lambda x: 0.3 * rng.standard_normal(x.shape, np.float32), shapes)
  place = lambda batch: batch
  scores = grouped.similarity(variables, "test", place)
  sentence_of_video = grouped.split("test").sentence_of_video
  expected = retrieval_metrics(scores[:, sentence_of_video], np.arange(len(scores)))
  assert paired.evaluate(variables, "test", place) == pytest.approx(expected)


@pytest.mark.parametrize("key", ["protocol", "data__sample"])
def test_what_there_is_not(key):
  with pytest.raises(UserError, match="='pairs' is not one of sentence, pair.*did you mean 'pair'"):
    run_task.make(config(**{key: "pairs"}), splits())


def test_runs_of_earlier_versions_had_sentences():
  older = config()
  del older.protocol, older.data.sample
  task = run_task.make(older, splits())
  assert task.facts()["evaluation_protocol"] == "sentence" and task.steps_per_epoch == 1
  now = settings.flat(config().to_dict())
  assert settings.differing(settings.flat(older.to_dict()), now) == []
  assert "protocol" in settings.MEASURES
