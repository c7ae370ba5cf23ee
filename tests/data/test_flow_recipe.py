"""Pictures of flow, made as a data set notes that its own were."""

import numpy as np
import pytest

from data_builders.signing_sim import continuous
from sign_jax.data import flow_encoding, flow_recipe
from sign_jax.errors import UserError
from sign_jax.video import flow

FRAMES = np.random.default_rng(0).integers(0, 256, (4, 24, 24, 3)).astype(np.uint8)


def test_the_simulators_note_makes_its_pictures():
  pytest.importorskip("cv2")
  note = continuous.metadata(continuous.TINY)["flow"]
  recipe = flow_recipe.of_note(note, continuous.SIZE, "it")
  assert recipe == ("uvm", 12.0, 96, 48)
  large = np.kron(FRAMES, np.ones((1, 4, 4, 1), np.uint8))  # 96 x 96
  found = np.stack(list(flow_recipe.pictures(recipe, large, 48)))
  wanted = continuous._flow(large)
  assert np.abs(found.astype(int) - wanted).max() <= 1  # halves are rounded otherwise
  assert found.std() > 1


def test_a_corpus_note_says_the_size_of_the_pictures():
  pytest.importorskip("cv2")
  note = {"encoding": "wheel", "range": None, "size": 12, "opencv": "4"}
  recipe = flow_recipe.of_note(note, 8, "")
  assert recipe == ("wheel", flow_encoding.RANGE, 0, 12)
  found = list(flow_recipe.pictures(recipe, FRAMES, 12))
  field = next(flow.stream(FRAMES))
  wanted = flow_encoding.resized(flow_encoding.encode(field, "wheel"), 12)
  np.testing.assert_array_equal(found[0], wanted)
  assert [x.shape for x in flow_recipe.pictures(recipe, FRAMES, 8)] == [(8, 8, 3)] * 4
  assert flow_recipe.of_note({}, 8, "") == flow_recipe.of_note(None, 8, "") == flow_recipe.Recipe()


@pytest.mark.parametrize("note", [
    {"encoding": "hsv"}, {"range": -1.0}, {"range": float("inf")}, {"size": 10**6}, {"size": "9"},
    {"encoding": ["uvm"]}, [1],
])
def test_an_impossible_note_is_refused(note):
  with pytest.raises(UserError, match="config.json does not say how"):
    flow_recipe.of_note(note, 8, "config.json")
