"""Sentences, splits, and who signs them."""

import collections
import re

import numpy as np
import pytest

from data_builders.signing_sim import corpus, grammar, lexicon


@pytest.fixture(scope="module")
def sentences():
  return grammar.sentences(corpus.SMALL.seed, dict(zip(corpus.SPLITS, corpus.SMALL.sentences,
                                                       strict=True)))


def _normal(text):
  return " ".join(re.findall(r"[a-z]+", text.lower()))


def test_no_sentence_is_shared_or_repeated(sentences):
  texts = [_normal(s.text) for split in sentences.values() for s in split]
  assert len(texts) == len(set(texts)) == sum(corpus.SMALL.sentences)
  assert len(sentences["validation"]) >= 200 and len(sentences["test"]) >= 200


def test_sentences_of_a_split_differ_in_two_content_words(sentences):
  for split in sentences.values():
    sets = [frozenset(s.concepts) for s in split]
    for k, first in enumerate(sets):
      assert all(max(len(first - other), len(other - first)) >= 2 for other in sets[k + 1:])


def test_signs_are_the_content_words_and_function_words_are_not_signed(sentences):
  for s in sentences["test"]:
    text = f" {_normal(s.text)} "
    for concept in s.concepts:
      words = ["not"] if concept == "NOT" else lexicon.WORDS[concept]
      assert any(f" {_normal(word)} " in text for word in words), (concept, s.text)
    assert 3 <= len(s.concepts) <= 8
    assert len(text.split()) > len(s.concepts)


def _word_order(sentence):
  text = f" {_normal(sentence.text)} "
  return sorted(sentence.concepts, key=lambda concept: max(
    text.find(f" {_normal(word)} ") for word in lexicon.WORDS[concept]))


def test_sign_order_is_not_word_order_and_time_comes_first(sentences):
  test = sentences["test"]
  same = np.mean([_word_order(s) == list(s.concepts) for s in test])
  assert same < 0.2
  for s in test:
    times = [k for k, name in enumerate(s.concepts) if name in lexicon.ROLES["time"]]
    assert times in ([], [0])
    assert "NOT" not in s.concepts or s.concepts[-1] == "NOT"


def test_two_domains_are_common(sentences):
  counts = collections.Counter(s.domain for s in sentences["train"])
  assert set(counts) == {"weather", "daily life"} and min(counts.values()) > 200


def test_every_gloss_is_in_twelve_training_sentences(videos):
  found = collections.defaultdict(set)
  for video in videos["train"]:
    for name in video.glosses:
      found[name].add(video.sentence.sentence_id)
  assert set(found) == set(lexicon.GLOSSES)
  assert min(len(ids) for ids in found.values()) >= 12


def _context_score(sentences, member, rival):
  """Log odds of the other concepts of a sentence, from training counts: member against rival."""
  counts = {name: collections.Counter(c for s in sentences["train"] if name in s.concepts
                                      for c in s.concepts) for name in (member, rival)}
  hits = [sum(np.log((counts[member][c] + 0.5) / (counts[rival][c] + 0.5))
              for c in s.concepts if c not in (member, rival)) > 0
          for split in ("validation", "test") for s in sentences[split]
          if member in s.concepts and rival not in s.concepts]
  return np.mean(hits)


def test_context_tells_lookalikes_apart(sentences):
  scores = collections.defaultdict(list)
  for a, b, related in lexicon.lookalike_pairs():
    scores[related] += [_context_score(sentences, a, b), _context_score(sentences, b, a)]
  assert np.mean(scores[True]) > 0.65  # chance is 0.5
  assert np.mean(scores[False]) > 0.95


def test_one_to_three_videos_of_a_sentence_by_different_signers(videos):
  for split in corpus.SPLITS:
    signers = collections.defaultdict(list)
    for video in videos[split]:
      signers[video.sentence.sentence_id].append(video.signer.name)
    assert all(len(names) == len(set(names)) for names in signers.values())
    assert {len(names) for names in signers.values()} == {1, 2, 3}


@pytest.mark.parametrize("settings", [corpus.TINY, corpus.SMALL, corpus.MEDIUM])
def test_test_signers_are_partly_unseen(settings):
  facts = corpus.metadata(settings)
  train, test = set(facts["signers"]["train"]), set(facts["signers"]["test"])
  assert test & train and test - train == set(facts["unseen_signers"]["test"])
  assert test - train and not (test - train) & set(facts["signers"]["validation"])


def test_the_signer_decides_between_two_signs(videos):
  used = collections.defaultdict(set)
  for video in videos["train"]:
    for name in video.glosses:
      used[lexicon.concept(name), video.signer.name].add(name)
  assert all(len(names) == 1 for names in used.values())
  for concept in lexicon.TWO_SIGNS:
    chosen = set().union(*(names for (c, _), names in used.items() if c == concept))
    assert chosen == {concept, f"{concept}-2"}


def test_sizes_grow():
  sizes = [sum(s.sentences) for s in (corpus.TINY, corpus.SMALL, corpus.MEDIUM)]
  assert sizes[0] < 50 and 3 * sizes[1] < sizes[2]
