import json
import random

import numpy as np
import pytest

from sign_jax.metrics import word_error
from tests.cases import GOLDEN

CASES = json.loads((GOLDEN / "signvtcl.json").read_text())["text_cases"]


def split(text):
  return word_error.align(*(part.split() for part in text))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["reference"][:20])
def test_golden_sentences(case):
  found = word_error.count(split((case["reference_clean"], case["hypothesis_clean"])))
  kinds = ("substitutions", "deletions", "insertions")
  assert [getattr(found, kind) for kind in kinds] == [case[kind] for kind in kinds]
  assert found.words == case["reference_words"]


def test_golden_corpus():
  golden = np.load(GOLDEN / "signvtcl.npz")
  sentences = ([case[f"{kind}_clean"].split() for case in CASES] for kind in
               ("reference", "hypothesis"))
  found = word_error.word_errors(*sentences)
  counts = [found.substitutions, found.deletions, found.insertions, found.words]
  assert counts == golden["wer/substitutions_deletions_insertions_words"].tolist()
  assert found.percent()["wer"] == pytest.approx(float(golden["wer/percent"]), rel=1e-12)


def all_alignments(a, b):
  """Every way to pair two sentences."""
  if not a and not b:
    yield []
  if a and b:
    yield from ([(a[0], b[0]), *rest] for rest in all_alignments(a[1:], b[1:]))
  if a:
    yield from ([(a[0], None), *rest] for rest in all_alignments(a[1:], b))
  if b:
    yield from ([(None, b[0]), *rest] for rest in all_alignments(a, b[1:]))


def rank(pair):
  """Match, substitution, insertion, deletion."""
  if None not in pair:
    return pair[0] != pair[1]
  return 2 if pair[0] is None else 3


def cost(pairs):
  return sum((0, 4, 3, 3)[rank(pair)] for pair in pairs)


def test_the_cheapest_of_all_alignments_and_of_equal_ones_the_preferred():
  draw = random.Random(0)
  for _ in range(60):
    a, b = ([draw.choice("AB") for _ in range(draw.randint(0, 4))] for _ in range(2))
    best = min(all_alignments(a, b), key=lambda x: (cost(x), [rank(p) for p in x[::-1]]))
    assert word_error.align(a, b) == best


def test_long_sentences_do_not_overflow():
  found = word_error.count(word_error.align(["A"] * 300, ["B"] * 290))
  assert (found.substitutions, found.deletions, found.insertions) == (290, 10, 0)


def test_more_errors_than_the_fewest():
  found = word_error.count(split(("A B C X Y", "X Y D E F")))
  assert (found.substitutions, found.deletions, found.insertions) == (0, 3, 3)


def test_an_empty_reference_counts_insertions():
  found = word_error.word_errors([[], ["A", "B"]], [["C"], ["A"]])
  assert found == word_error.WordErrors(0, 1, 1, 2)
  assert found.percent() == {"wer": 100, "substitutions": 0, "deletions": 50, "insertions": 50}


def test_a_corpus_is_no_mean_of_sentences():
  references = [["A"], ["B"] * 9]
  assert word_error.word_errors(references, [["X"], ["B"] * 9]).percent()["wer"] == 10


def test_no_words_and_unequal_numbers_of_sentences_are_errors():
  with pytest.raises(ValueError, match="no reference has a word"):
    word_error.word_errors([[]], [["A"]]).percent()
  with pytest.raises(ValueError):
    word_error.word_errors([["A"]], [])


def test_lines():
  pairs = split(("JETZT WETTER MORGEN ZWOELF", "JETZT HEUTE ZWOELF ACHT MORGEN"))
  assert word_error.lines(pairs).split("\n") == [
      "REF:  jetzt WETTER MORGEN zwoelf **** ******",
      "HYP:  jetzt ****** HEUTE  zwoelf ACHT MORGEN",
      "Eval:       D      S             I    I",
  ]
  assert word_error.lines([]) == "REF:\nHYP:\nEval:"
  assert split(("好", "吗")) == [("好", "吗")]
