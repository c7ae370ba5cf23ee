"""The features of the pipelines' golden cases, against entries of released batches."""

import numpy as np
import pytest

from sign_jax.data.assemble import combine
from sign_jax.data.sampling import sample_indices
from sign_jax.golden import rebuilt_features
from tests.cases import GOLDEN, read_facts

STEM = GOLDEN / "e2e/upret_20_steps"


@pytest.fixture(scope="module")
def case():
  """(facts, arrays, inputs by name, what makes features)."""
  inputs = rebuilt_features.read_inputs(f"{STEM}_inputs.npz")
  state = rebuilt_features.state_dict(read_facts("upret_tiny")["params"])
  by_name = {name: (name, *rest) for name, *rest in zip(*inputs, strict=True)}
  return read_facts("e2e/upret_20_steps"), np.load(f"{STEM}.npz"), by_name, state


def test_entries_of_released_batches_are_equal(case):
  facts, arrays, inputs, state = case
  features = rebuilt_features.Features(state)
  for names, expected in zip(facts["videos"], arrays["video_part"], strict=True):
    for name, part in zip(names, expected, strict=False):  # of two videos of each batch
      video = combine(features(*inputs[name]), "sum", alpha=0.8)
      kept = video[sample_indices(len(video))]
      kept = np.pad(kept, ((0, 64 - len(kept)), (0, 0)))
      np.testing.assert_array_equal(kept[::16, ::128], part)


def test_numbers_of_windows_and_token_ids_are_the_released_ones(case):
  facts, arrays, inputs, _ = case
  for names, windows, ids in zip(facts["videos"], arrays["windows"], arrays["text"], strict=True):
    rows = [inputs[name] for name in names]
    counts = [rebuilt_features.num_windows(name, frames) for name, frames, _ in rows]
    np.testing.assert_array_equal(np.minimum(counts, 64), windows)
    np.testing.assert_array_equal([row[2] for row in rows], ids)


def test_features_depend_on_name_words_and_weights(case):
  _, _, inputs, state = case
  name, frames, ids = next(iter(inputs.values()))
  other_weights = {**state, "clip.visual.proj": state["clip.visual.proj"][::-1]}
  first = rebuilt_features.Features(state)(name, frames, ids)["aware"]
  others = (
      rebuilt_features.Features(state)(name, frames, ids)["agnostic"],
      rebuilt_features.Features(state)(name, frames, ids // 2)["aware"],
      rebuilt_features.Features(other_weights)(name, frames, ids)["aware"],
  )
  assert first.dtype == np.float32
  for other in others:
    assert other.shape == first.shape and np.abs(other - first).mean(1).min() > 0.1
