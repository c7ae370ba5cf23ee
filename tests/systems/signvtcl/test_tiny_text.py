"""The tiny text encoder, on sentences of a toy grammar."""

import jax
import numpy as np
import pytest

from sign_jax.systems.signvtcl import tiny_text
from sign_jax.systems.signvtcl.gloss_text import open_text
from sign_jax.systems.signvtcl.gloss_tokens import GlossTokens
from tests.systems.signvtcl import texts

ALL = texts.sentences(90)
TRAINED, HELD_OUT = ALL[::2], ALL[1::2]
STEPS = 200


def settings(**overrides):
  found = texts.config().text.tiny
  found.update(overrides)
  return found


@pytest.fixture(scope="module")
def trained():
  return tiny_text.train(TRAINED, settings(steps=STEPS))


def test_it_learns_which_glosses_go_together(trained):
  right, most_common = tiny_text.masked_accuracy(trained, HELD_OUT)
  untrained, _ = tiny_text.masked_accuracy(tiny_text.train(TRAINED, settings()), HELD_OUT)
  assert right > 2 * most_common
  assert right > 2 * untrained


def test_training_depends_on_the_seed_alone(trained):
  again = tiny_text.train(TRAINED, settings(steps=STEPS))
  other = tiny_text.train(TRAINED, settings(steps=STEPS, seed=1))
  same = jax.tree.map(np.array_equal, trained.params, again.params)
  assert all(jax.tree.leaves(same))
  changed = jax.tree.map(np.array_equal, trained.params, other.params)
  assert not all(jax.tree.leaves(changed))


def test_the_share_that_is_hidden():
  tokens = GlossTokens(TRAINED)
  ids = np.array([[*tokens.of(TRAINED[0]).ids, 1]] * 20_000)
  read, told = (np.asarray(x) for x in tiny_text.hidden(
      jax.random.key(0), ids, len(tokens.glosses), tokens.mask
  ))  # fmt: skip
  is_gloss = (ids >= 4) & (ids < 4 + len(tokens.glosses))
  assert not told[~is_gloss].any()
  np.testing.assert_array_equal(read[~told], ids[~told])
  assert told[is_gloss].mean() == pytest.approx(0.15, abs=0.005)
  assert (read[told] == tokens.mask).mean() == pytest.approx(0.8, abs=0.01)
  others = (read[told] != tokens.mask) & (read[told] != ids[told])
  assert others.mean() == pytest.approx(0.1 * (1 - 1 / len(tokens.glosses)), abs=0.01)
  assert np.isin(read[told], [*range(4, 4 + len(tokens.glosses)), tokens.mask]).all()


def test_features_are_kept(tmp_path, monkeypatch, capsys):
  config = texts.config(**{"tiny.steps": 3})
  found = open_text(config, TRAINED, tmp_path)
  assert "a text encoder was trained on 45 sentences" in capsys.readouterr().err
  monkeypatch.setattr(tiny_text, "train", None)
  again = open_text(config, TRAINED[::-1], tmp_path)
  assert again.digest == found.digest
  rows = again.rows(TRAINED[:2])
  np.testing.assert_array_equal(rows["text"], found.rows(TRAINED[:2])["text"])
  assert rows["text"].shape == (2, 7, 16)
  count = len(TRAINED[0])
  assert rows["text_end"][0] == count
  assert rows["gloss_of_token"][0, :count].tolist() == list(range(count))


@pytest.mark.parametrize("change", [{"tiny.seed": 1}, {"tiny.hidden": 8}])
def test_other_encoders_have_other_features(tmp_path, change):
  found, other = (open_text(texts.config(**more), TRAINED, tmp_path) for more in ({}, change))
  assert other.digest != found.digest
  assert np.abs(other.rows(TRAINED[:2])["text"] - found.rows(TRAINED[:2])["text"]).max() > 1e-3
