"""Vectors of each sentence's words, in one .npz file."""

import types

import numpy as np
import pytest

from sign_jax.data import sentence_vectors
from sign_jax.data.sentence_vectors import SentenceReader
from sign_jax.errors import UserError

SPLIT = types.SimpleNamespace(
  sentence_ids=["s0", "s1", "s2"], video_ids=["v0", "v1", "v2", "v3"],
  videos_of_sentence=[np.array([2]), np.array([0, 3]), np.array([1])],
)
PAIRS = types.SimpleNamespace(
  sentence_ids=["s1", "s2", "s0", "s1"], video_ids=SPLIT.video_ids,
  videos_of_sentence=[np.array([i]) for i in range(4)],
)


def arrays(names, dtype=np.float32, width=3):
  rng = np.random.default_rng(0)
  return {name: rng.standard_normal((2 + i, width)).astype(dtype) for i, name in enumerate(names)}


def written(path, content):
  np.savez(path, **content)
  return path


@pytest.mark.parametrize("at_a_time", [2048, 2])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_arrays_of_sentences(tmp_path, monkeypatch, dtype, at_a_time):
  monkeypatch.setattr(sentence_vectors, "_AT_A_TIME", at_a_time)
  content = arrays([*SPLIT.sentence_ids, "other"], dtype)
  reader = SentenceReader(written(tmp_path / "a.npz", content), 3)
  assert reader.inputs == {"text": [[3, 3], "float32"], "text_valid": [[3], "bool"]}
  rows = reader.rows(SPLIT)
  batch = rows(np.array([2, 0]))
  assert batch["text"].shape == (2, 3, 3) and batch["text"].dtype == np.float32
  assert batch["text_valid"].tolist() == [[True] * 3, [True, True, False]]
  np.testing.assert_array_equal(batch["text"][0], content["s2"][:3].astype(np.float32))
  np.testing.assert_array_equal(batch["text"][1, :2], content["s0"].astype(np.float32))
  assert not batch["text"][1, 2].any()
  kept = np.float16 if dtype == np.float16 else np.float32
  assert {part.dtype for part in rows._parts} == {np.dtype(kept)}


def test_arrays_of_videos(tmp_path):
  content = arrays(SPLIT.video_ids)
  reader = SentenceReader(written(tmp_path / "a.npz", content), 6)
  paired = reader.rows(PAIRS)(np.arange(4))
  for row, name in enumerate(PAIRS.video_ids):
    np.testing.assert_array_equal(paired["text"][row][paired["text_valid"][row]], content[name])
  grouped = reader.rows(SPLIT)(np.arange(3))  # by the first video of each
  np.testing.assert_array_equal(grouped["text"], paired["text"][[2, 0, 1]])


def test_a_repeated_sentence_has_one_array(tmp_path):
  reader = SentenceReader(written(tmp_path / "a.npz", arrays(SPLIT.sentence_ids)), 6)
  batch = reader.rows(PAIRS)(np.arange(4))
  np.testing.assert_array_equal(batch["text"][0], batch["text"][3])


@pytest.mark.parametrize(("change", "message"), [
  ({"s1": None}, "has no array of 1 of 3 sentences, the first is 's1'"),
  ({"s0": None, "s1": None, "s2": None, "v0": np.ones((1, 3)), "v1": np.ones((1, 3))},
   "has no array of 1 of 3 videos, the first is 'v2'"),
  ({"s1": np.ones((2, 4))}, r"under 's1' an array \(2, 4\) of float64, and not numbers \(words, 3"),
  ({"s1": np.ones(3)}, "under 's1' an array"),
  ({"s1": np.array([["a", "b", "c"]])}, "under 's1' an array"),
  ({"s1": np.ones((0, 3))}, "under 's1' an array without rows"),
  ({"s1": np.full((1, 3), np.nan)}, "under 's1' an array with numbers that are not finite"),
  ({"s1": np.full((1, 3), 1e300)}, "under 's1' an array with numbers that are not finite"),
])
def test_arrays_that_are_none(tmp_path, change, message):
  content = {k: x for k, x in (arrays(SPLIT.sentence_ids) | change).items() if x is not None}
  reader = SentenceReader(written(tmp_path / "a.npz", content), 4, width=3)
  with pytest.raises(UserError, match=message) as caught:
    reader.rows(SPLIT)
  assert "a.npz" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("content", "message"), [
  ({}, "holds no array"),
  ({"s0": np.ones(3)}, r"under 's0' an array \(3,\)"),
  ({"s0": np.ones((1, 0))}, r"under 's0' an array \(1, 0\)"),
  ({"s0": np.ones((1, 5000), np.float16)}, r"under 's0' an array \(1, 5000\)"),
])
def test_files_that_are_none(tmp_path, content, message):
  with pytest.raises(UserError, match=message):
    SentenceReader(written(tmp_path / "a.npz", content), 4)


def test_a_file_that_would_run_code(tmp_path):
  path = tmp_path / "a.npz"
  np.savez(path, s0=np.array([{}], object), s1=np.ones((1, 3)), s2=np.ones((1, 3)))
  with pytest.raises(UserError, match="is no complete .npz file"):
    SentenceReader(path, 4, width=3).rows(SPLIT)


def test_a_damaged_file(tmp_path):
  path = written(tmp_path / "a.npz", arrays(SPLIT.sentence_ids))
  path.write_bytes(path.read_bytes()[:-30])
  with pytest.raises(UserError, match="is no complete .npz file"):
    SentenceReader(path, 4)


def test_new_sentences_are_refused(tmp_path):
  reader = SentenceReader("", 4, width=3)
  with pytest.raises(UserError, match="vectors that were made elsewhere.* cannot encode new ones"):
    reader.encode(["hello"])
  with pytest.raises(UserError, match="pass the file .* by --config.model.text.file"):
    reader.rows(SPLIT)
