"""Records lie in the order of the annotations; training shuffles them."""

import pickle
import random

import numpy as np
import pytest
from tensorflow_datasets.core import shuffle
from tensorflow_datasets.core.utils import shard_utils

from data_builders import build
from data_builders.writing import buckets, schema
from sign_jax.data import description, pipeline
from sign_jax.data.source import RetrievalSplit
from tests import fakes
from tests.data_builders import trees


@pytest.fixture
def tree(tmp_path):
  """CSL-Daily with sentences in no order that names have."""
  trees.csl_daily(tmp_path / "tree", 20)
  for path in (tmp_path / "tree/cico").iterdir():
    content = pickle.loads(path.read_bytes())
    keys = random.Random(0).sample([*content], len(content))
    trees.dump(path, {key: content[key][::-1] for key in keys})
  return tmp_path / "tree"


def listed(tree, split):
  """(names of videos, ids of sentences) in the order of the annotations."""
  content = pickle.loads((tree / "cico" / f"{trees.SPLITS[split]}.pkl").read_bytes())
  return [x["video_name"] for videos in content.values() for x in videos], [*content]


@pytest.mark.parametrize("files", [1, 3])
def test_videos_and_sentences_are_in_the_order_of_the_annotations(
  files, tree, tmp_path, monkeypatch
):
  if files > 1:  # as of a large corpus: several files, and more than fits in memory
    monkeypatch.setattr(shard_utils.ShardConfig, "get_number_shards", lambda *_, **__: files)
    monkeypatch.setattr(shuffle, "MAX_MEM_BUFFER_SIZE", 100)
  build.prepare("csl_daily", None, tmp_path / "tfds", tree)
  for split in trees.SPLITS:
    read = RetrievalSplit("csl_daily", split, tmp_path / "tfds")
    assert (read.video_ids, read.sentence_ids) == listed(tree, split)
    assert read.in_order
    name = read.video_ids[7]
    np.testing.assert_array_equal(read.features(7)["agnostic"], trees.feature(name).astype("f2"))
  folder = next((tmp_path / "tfds/csl_daily").glob("*/1.0.0"))
  assert len(description.read(folder).paths("train")) == files


def test_what_is_skipped_moves_nothing(tree, tmp_path):
  names, _ = listed(tree, "test")
  (tree / f"features/agnostic/test/{names[3]}.pkl").write_bytes(b"damaged")
  build.prepare("csl_daily", None, tmp_path / "tfds", tree, "skip")
  read = RetrievalSplit("csl_daily", "test", tmp_path / "tfds")
  assert read.video_ids == [*names[:3], *names[4:]]


@pytest.mark.parametrize("count", [1, 2, 7, 31164, 10**6])
def test_keys_are_in_order_and_divide_the_examples_evenly(count):
  keys = schema.order_keys(count)
  assert sum(1 for _ in keys) == count and keys[-1] < 2**128
  bucket = lambda key: shuffle.get_bucket_number(key, shuffle.BUCKETS_NUMBER)
  if count > 1000:
    sizes = np.bincount([bucket(key) for key in keys])
    assert len(sizes) == shuffle.BUCKETS_NUMBER and sizes.max() <= count // len(sizes) + 1


def test_what_an_earlier_version_built_is_kept_and_said_to_be_shuffled(
  tree, tmp_path, monkeypatch, capsys
):
  args = ["csl_daily", "--manual_dir", str(tree), "--data_dir", str(tmp_path / "tfds")]
  builder = build.find("csl_daily", None)[0]
  monkeypatch.setattr(builder, "IN_ORDER", False)
  build.main(args)
  assert "order of the annotations" not in capsys.readouterr().out
  read = RetrievalSplit("csl_daily", "test", tmp_path / "tfds")
  assert not read.in_order
  monkeypatch.undo()
  build.main(args)
  out = capsys.readouterr().out
  assert "already built" in out and "not in the order of the annotations" in out


def test_training_batches_are_drawn_from_everywhere():
  split = fakes.FakeSplit(sentences=400, videos=400, dims={"agnostic": 4})
  batches = [
    np.array([s for _, s in pipeline.train_examples(split, batch_size=40, seed=0, step=step)])
    for step in range(20)
  ]
  for epoch in (batches[:10], batches[10:]):
    order = np.concatenate(epoch)
    assert sorted(order) == list(range(400))
    assert abs(np.corrcoef(order, np.arange(400))[0, 1]) < 0.15
    assert (np.abs(np.diff(order)) == 1).sum() < 12  # neighbours follow each other by chance: 2
    assert all(np.ptp(batch) > 300 and abs(batch.mean() - 199.5) < 60 for batch in epoch)
  assert not np.array_equal(batches[0], batches[10])


def test_buckets_give_back_what_was_added(tmp_path):
  bucket = buckets.Bucket(tmp_path / "new/bucket")
  assert not len(bucket) and not [*bucket.read_values()]
  bucket.del_file()
  examples = [(2**127 + 3, b"abc"), (0, b""), (5, bytes(range(256)) * 300)]
  for key, data in examples:
    bucket.add(key, data)
  assert [*bucket.read_values()] == examples and len(bucket) == 3 and bucket.size == 76803
  bucket.del_file()
  assert not [*(tmp_path / "new").iterdir()]
