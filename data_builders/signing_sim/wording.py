"""Sentences in which words have other forms than in a dictionary, as those of people have.

The grammar puts verbs in the future and most nouns in the singular. Here some sentences are in the
past, the present or a progressive form, some nouns are plural and some adjectives comparative.
"""

import re

from data_builders.signing_sim import grammar, inflection, lexicon
from data_builders.signing_sim.inflection import form, lemma
from data_builders.signing_sim.rng import Random

_TENSES = ("future", "past", "progressive", "third")  # each with the same probability
_INFLECTED = 0.25  # probability for a noun or an adjective
_PEOPLE = lexicon.ROLES["person"]
_COMING = ("TOMORROW", "TONIGHT", "SOON")  # with these, nothing is in the past
# The sentence's auxiliary verb, and what becomes of it; `V` is the verb, `F` a form of it.
_REWRITES = {
  "past": ((r"will not V", "did not V"), (r"will V", "F"), (r"and V", "and F"),
           (r"^Will the (\w+) V", r"Did the \1 V")),
  "third": ((r"will not V", "does not V"), (r"will V", "F"), (r"and V", "and F"),
            (r"^Will the (\w+) V", r"Does the \1 V")),
  "progressive": ((r"will not V", "will not be F"), (r"will V", "will be F"), (r"and V", "and F"),
                  (r"must V", "must be F"), (r"^Will the (\w+) V", r"Will the \1 be F")),
}  # fmt: skip


def headword(concept: str) -> str:
  """The word that a dictionary has a concept under: "coast" for one that is "along the coast"."""
  return dictionary_form(lexicon.WORDS[concept][0])


def dictionary_form(phrase: str) -> str:
  """The dictionary form of the word that a phrase is about, its last one."""
  return lemma(phrase.split()[-1])


def said(sentence: grammar.Sentence) -> dict[str, str]:
  """{concept: word in its dictionary form} of what a sentence says, synonyms as they are."""
  return {name: dictionary_form(_phrase(name, sentence.text)) for name in sentence.concepts}


def text(sentence: grammar.Sentence, random: Random) -> str:
  """The sentence with some of its words in other forms, which `inflection.lemmas` undoes."""
  words = said(sentence)
  people = [words[name] for name in sentence.concepts if name in _PEOPLE]
  things = [words[name] for name in sentence.concepts if name in lexicon.OBJECTS]
  many = {word for word in (*people, *things) if _is_used(word, inflection.NOUNS, random)}
  more = {word for word in words.values() if _is_used(word, inflection.ADJECTIVES, random)}
  tense = _tense(sentence, many & set(people), random.choice(_TENSES))
  written = sentence.text
  for word in words.values():
    if tense != "future" and word in inflection.VERBS:
      written = _with_verb(written, word, tense)
  for kind, chosen in (("plural", many), ("comparative", more)):
    for word in sorted(chosen):
      written = _replaced(word, form(word, kind), written)
  return written


def _phrase(concept, written):
  found = [x for x in lexicon.WORDS[concept] if re.search(rf"\b{x}\b", written, re.IGNORECASE)]
  return max(found, key=len)


def _is_used(word, words, random):
  return word in words and random.chance(_INFLECTED)


def _tense(sentence, many_people, tense):
  """`tense`, or another one where it would not be English."""
  if tense == "third" and (many_people or _has_many(sentence)):
    tense = "past"
  if tense == "past" and set(_COMING) & set(sentence.concepts):
    return "progressive"
  return tense


def _has_many(sentence):
  """Whether a verb's subject is more than one person or thing."""
  two = re.search(r"\w+ and the \w+ will", sentence.text)
  several = [w for name in sentence.concepts for w in lexicon.WORDS[name]
             if name in lexicon.ROLES["phenomenon"] and lemma(w) != w]
  return bool(two or several)


def _with_verb(written, verb, tense):
  for pattern, changed in _REWRITES[tense]:
    changed = changed.replace("V", verb).replace("F", form(verb, tense))
    written, count = re.subn(rf"\b{pattern}\b".replace("V", verb).replace(r"\b^", "^"), changed,
                             written)
    if count:
      return written
  return written


def _replaced(word, other, written):
  def matching_case(match):
    return other.capitalize() if match[0][0].isupper() else other

  return re.sub(rf"\b{word}\b", matching_case, written, flags=re.IGNORECASE)
