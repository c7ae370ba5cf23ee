"""How far a model that is aligned with texts agrees with those of the measured videos."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.ops.unit_length import unit_length
from tests.sentences import SYSTEM, ReaderRecognizer
from tests.tasks.test_continuous import evaluated, task

GLOSSES = "?ABC"


class Words:
  """Of each sentence how often each gloss stands in it, as one token; it reads four glosses."""

  width = len(GLOSSES)

  def __init__(self, sentences):
    self._sentences = {sentence for sentence in sentences if len(sentence) <= 4}

  def rows(self, sentences):
    assert self._sentences.issuperset(sentences)
    count = lambda one: np.bincount([GLOSSES.index(x) for x in one], minlength=self.width)
    none = np.zeros((len(sentences), 1), np.int32)
    text = np.float32([[count(one)] for one in sentences])
    return {"text": text, "gloss_of_token": none, "text_end": none[:, 0]}

  def __contains__(self, sentence):
    return sentence in self._sentences


class Aligned(ReaderRecognizer):
  """Compares how often each class is said with how often it stands in the text."""

  def words(self, config, sentences, folder, others=()):
    assert ("B", "C") not in sentences
    return Words([*sentences, *others])

  def agreement(self, config, out, batch, position):
    if "text" not in batch:
      return {}
    said = jnp.argmax(out["logits"], 2)
    valid = jnp.arange(said.shape[1])[None] < out["steps"][:, None]
    bags = jnp.sum((said[..., None] == jnp.arange(4)[None, None]) & valid[..., None], axis=1)
    share = jnp.where(batch["glosses"] > 0, 1 / jnp.maximum(batch["glosses"], 1), 0.0)
    vectors = (x[:, 1:].astype(jnp.float32) for x in (bags, batch["text"][:, 0]))
    video, text = map(unit_length, vectors)
    return {"positives": share, "video": video, "text": text, "entropy": text[:, 0]}


ALIGNED = dataclasses.replace(SYSTEM, recognizer=Aligned())
REFERENCES = ["A B", "B C", "A NEW", "", "C C C C C", "B C", "A"]
SAYS = [[1, 2], [2, 3], [1], [1], [3] * 10, [0, 2], [2, 0]]


def test_numbers_are_of_the_videos_that_have_a_text_and_glosses_of_those_that_have_a_path():
  counts = [4 * len(one) for one in SAYS]
  counts[0] = 7  # one step for two glosses
  made = task(REFERENCES, SAYS, counts, system=ALIGNED)
  found = {key: x for key, x in evaluated(made).items() if key.startswith("align")}
  assert found == pytest.approx({
      # B, C, B, C, A: what is new, empty, or too long is not counted.
      "align_positives": 100 * (2 * (1 / 2 + 1 / 3) + 1) / 5,
      "align_positives_chance": 100 * (4 / 2 + 1) / 5,
      # Of A B, B C and A: those of A B and A say A and B; that of B C says B, which is in two.
      "align_sentence_R@1": 100 * 1.5 / 4, "align_sentence_chance": 100 / 3,
      "align_entropy": 100 * (2**-0.5 + 1) / 4,
  })  # fmt: skip
  table = made.table({f"validation/{key}": x for key, x in evaluated(made).items()}, "validation")
  assert "find their own sentence among those of the split: 37.5" in table


def test_nothing_is_said_of_a_model_without_texts_nor_of_videos_without_one():
  for references, system in ((REFERENCES, SYSTEM), (["A NEW"] * len(SAYS), ALIGNED)):
    found = evaluated(task(references, SAYS, system=system))
    assert "wer" in found and not [key for key in found if key.startswith("align")]


def test_features_that_are_not_finite_are_named(monkeypatch):
  bad = lambda self, config, out, batch, position: {"video": batch["glosses"] / 0.0}
  monkeypatch.setattr(Aligned, "agreement", bad)
  with pytest.raises(UserError, match="scores of 1 of the 1 videos of the validation split"):
    evaluated(task(["A"], [[1]], system=ALIGNED))
