"""Inflected words, and sentences that use them."""

import collections

import pytest

from data_builders.signing_sim import corpus, grammar, inflection, lexicon, wording
from data_builders.signing_sim.rng import Random
from sign_jax.data.words import words

PLACES = ("mountain", "valley", "island", "wood")  # "thunder in the valleys arrives"
PLURALS = {inflection.form(word, "plural") for word in inflection.NOUNS if word not in PLACES}
THIRD = {inflection.form(word, "third") for word in inflection.VERBS}


@pytest.fixture(scope="module")
def sentences():
  sizes = dict(zip(corpus.SPLITS, corpus.SMALL.sentences, strict=True))
  return [x for found in grammar.sentences(0, sizes).values() for x in found]


@pytest.fixture(scope="module")
def texts(sentences):
  return [wording.text(x, Random(0, "wording", x.sentence_id)) for x in sentences]


@pytest.mark.parametrize(("word", "kind", "expected"), [
  ("child", "plural", "children"), ("boss", "plural", "bosses"), ("storm", "plural", "storms"),
  ("study", "past", "studied"), ("stop", "past", "stopped"), ("share", "past", "shared"),
  ("play", "past", "played"), ("sing", "past", "sang"), ("wait", "past", "waited"),
  ("forget", "progressive", "forgetting"), ("dance", "progressive", "dancing"),
  ("study", "progressive", "studying"), ("study", "third", "studies"), ("fix", "third", "fixes"),
  ("vanish", "third", "vanishes"), ("big", "comparative", "bigger"),
  ("large", "comparative", "larger"), ("happy", "comparative", "happier"),
])
def test_forms_follow_english(word, kind, expected):
  assert inflection.form(word, kind) == expected
  assert inflection.lemma(expected.capitalize()) == word


def test_every_form_has_one_dictionary_form_that_has_no_other():
  forms = collections.defaultdict(set)
  for kind, members in inflection.FORMS.items():
    for word in members:
      forms[inflection.form(word, kind)].add(word)
  assert all(len(found) == 1 for found in forms.values())
  assert not set(inflection.lemmas()) & set(inflection.lemmas().values())


def test_every_concept_has_a_word_of_its_own():
  heads = [wording.headword(concept) for concept in lexicon.WORDS]
  assert len(set(heads)) == len(heads) == 152
  assert wording.headword("COAST") == "coast" and wording.headword("STORM") == "storm"
  assert wording.headword("MONDAY") == "monday" and wording.headword("LIGHT") == "gentle"


def test_texts_say_the_same_in_other_forms(sentences, texts):
  changed = 0
  for sentence, text in zip(sentences, texts, strict=True):
    lemmas = {inflection.lemma(word) for word in words(text)}
    assert set(wording.said(sentence).values()) <= lemmas
    changed += text != sentence.text
    assert text[0].isupper() and text[-1] == sentence.text[-1]
  assert 0.6 < changed / len(texts) < 0.95
  assert len(set(texts)) == len(texts)


def test_all_kinds_of_forms_are_used_and_dictionary_forms_too(texts):
  used = collections.Counter(word for text in texts for word in words(text))
  for kind, members in inflection.FORMS.items():
    assert sum(used[inflection.form(word, kind)] for word in members) > 50, kind
  assert sum(used[word] for word in inflection.VERBS) > 200


def test_sentences_are_english(sentences, texts):
  for sentence, text in zip(sentences, texts, strict=True):
    found, tomorrow = words(text), {"TOMORROW", "TONIGHT", "SOON"} & set(sentence.concepts)
    past = {inflection.form(x, "past") for x in inflection.VERBS} - {"read", "spread"}
    for auxiliary, after in zip(found, found[1:], strict=False):
      if auxiliary == "will" and after not in ("be", "not", "the"):
        assert after in inflection.VERBS, text
      if auxiliary == "be" and "there" not in found:
        assert after.endswith("ing"), text
    assert not (tomorrow and past & set(found)), text
    for noun, verb in zip(found, found[1:], strict=False):
      assert noun not in PLURALS or verb not in THIRD, text


def test_synonyms_are_said_as_they_are():
  texts = {"The tired kid must paint the photo.": {"CHILD": "kid", "PICTURE": "photo"},
           "The tired child must paint the picture.": {"CHILD": "child", "PICTURE": "picture"}}
  for text, expected in texts.items():
    sentence = grammar.Sentence("x", text, ("CHILD", "PICTURE"), "daily life")
    assert wording.said(sentence) == expected


@pytest.mark.parametrize(("tense", "expected"), [
  ("past", "Did the friend sing at school?"), ("third", "Does the friend sing at school?"),
  ("progressive", "Will the friend be singing at school?"),
])
def test_questions_keep_their_order(tense, expected, monkeypatch):
  monkeypatch.setattr(wording, "_TENSES", (tense,))
  monkeypatch.setattr(wording, "_INFLECTED", 0.0)
  asked = grammar.Sentence("x", "Will the friend sing at school?", ("SCHOOL", "FRIEND", "SING"), "")
  assert wording.text(asked, Random(0, "x")) == expected
