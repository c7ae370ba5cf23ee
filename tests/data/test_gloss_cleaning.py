import json

import pytest

from sign_jax.data import gloss_cleaning
from sign_jax.errors import UserError
from tests.cases import GOLDEN

NAMES = {"phoenix2014": "phoenix14", "phoenix2014t": "phoenix14t", "csl_daily": "csl_daily"}
CASES = [
    (NAMES[case["dataset"]], case[kind], case[f"{kind}_clean"])
    for case in json.loads((GOLDEN / "signvtcl.json").read_text())["text_cases"]
    if case["dataset"] in NAMES for kind in ("reference", "hypothesis")
]
# Of rules that no golden sentence tells apart, by hand.
PHOENIX = ("phoenix14", "phoenix14t")
OWN = [
    *((corpus, *sentences) for corpus in PHOENIX for sentences in (
        ("X SCH A ", "X SCH A"),  # spaces at the end are no letters' neighbours
        ("X+REGEN REGEN", "X+REGEN"),
        ("A1 __EMOTION__ A1", "A1"),  # two spaces are one
        ("KOMMEN-HER KOMMEN-HER KOMMEN-HER", "KOMMEN-HER"),
        ("A B C D E F+G", "A B+C+D+E+F+G"),  # D, E and F are joined by one pass each
        ("X+AB" + 15 * " AB", "X+AB"),  # each pass halves their number
    )),
    *(("phoenix14t", *sentences) for sentences in (
        ("__A__LEFTHAND__", "__A"), ("__A__EPENTHESIS__", "__A"), ("__A__EMOTION__", "__A"),
        ("S H BERG C M ODER K U N A", "S+H BERG C+M ODER K+U+N+A"),
        ("BLEIBEN SCH N NN K REGEN", "BLEIBEN SCH+N+NN+K REGEN"),
        ("A B C D E", "A B+C+D+E"),
    )),
]


def cleaned(text, corpus):
  return " ".join(gloss_cleaning.clean(text.split(" "), corpus))


@pytest.mark.parametrize(("corpus", "text", "expected"), CASES + list(OWN))
def test_sentences(corpus, text, expected):
  assert cleaned(text, corpus) == expected


@pytest.mark.parametrize(
    ("corpus", "number"),
    [(corpus, n) for corpus, rules in gloss_cleaning.RULES.items() for n in range(len(rules))],
)
def test_each_rule_left_out_changes_a_sentence(monkeypatch, corpus, number):
  rules = gloss_cleaning.RULES[corpus]
  monkeypatch.setitem(gloss_cleaning.RULES, corpus, rules[:number] + rules[number + 1 :])
  assert any(cleaned(text, name) != expected for name, text, expected in CASES + OWN
             if name == corpus)


@pytest.mark.parametrize(
    ("corpus", "number", "passes"),
    [(corpus, n, passes) for corpus, rules in gloss_cleaning.RULES.items()
     for n, rule in enumerate(rules) for passes in range(1, rule.passes)],
)
def test_each_pass_left_out_changes_a_sentence(monkeypatch, corpus, number, passes):
  rules = gloss_cleaning.RULES[corpus]
  fewer = rules[number]._replace(passes=passes)
  changed = rules[:number] + (fewer,) + rules[number + 1 :]
  monkeypatch.setitem(gloss_cleaning.RULES, corpus, changed)
  assert any(cleaned(text, name) != expected for name, text, expected in CASES + OWN
             if name == corpus)


@pytest.mark.parametrize("number", range(len(gloss_cleaning.RULES["phoenix14"])))
def test_each_rule_of_phoenix_is_seen_by_a_golden_sentence(monkeypatch, number):
  """But for those of spaces and repeats that are like others in golden sentences."""
  rules = gloss_cleaning.RULES["phoenix14"]
  monkeypatch.setitem(gloss_cleaning.RULES, "phoenix14", rules[:number] + rules[number + 1 :])
  changed = [text for name, text, expected in CASES
             if name == "phoenix14" and cleaned(text, name) != expected]
  assert bool(changed) != (number == 0 or number >= len(rules) - 3)


def test_four_passes_over_repeats():
  """Each halves their number; the first stands in no word of its own here, where merging ends."""
  assert cleaned("X+AB" + 15 * " AB", "phoenix14") == "X+AB"
  assert cleaned("X+AB" + 16 * " AB", "phoenix14") == "X+AB AB"


def test_letters_take_several_passes():
  for corpus in PHOENIX:
    assert cleaned("X A B C D E F G H I", corpus) == "X A+B+C+D+E+F+G+H+I"


def test_words_by_themselves_see_no_neighbours():
  glosses = ["REGEN", "REGEN", "loc-NORD", "__PU__", "WIE", "AUSSEHEN", "ZEIGEN"]
  assert gloss_cleaning.clean_words(glosses, "phoenix14") == [
      "REGEN", "REGEN", "NORD", "WIE", "AUSSEHEN", "ZEIGEN-BILDSCHIRM",
  ]
  assert gloss_cleaning.clean(glosses, "phoenix14") == [
      "REGEN", "NORD", "WIE-AUSSEHEN", "ZEIGEN-BILDSCHIRM",
  ]


def test_a_sentence_may_be_empty():
  for corpus in gloss_cleaning.RULES:
    assert gloss_cleaning.clean([], corpus) == []


def test_another_corpus_is_one_sentence():
  with pytest.raises(UserError, match="'phoenix14x', only of phoenix14, .*did you mean"):
    gloss_cleaning.clean(["A"], "phoenix14x")
