"""Forms of English words that sentences may use, and the dictionary form of each."""

import functools
from collections.abc import Mapping

_VOWELS = "aeiou"
_DOUBLED = ("stop", "begin", "forget", "big", "sad")  # their last letter, before -ed, -ing and -er
_IRREGULAR = {
  "plural": {"child": "children"},
  "past": {
    "spread": "spread", "grow": "grew", "begin": "began", "eat": "ate", "drink": "drank",
    "buy": "bought", "sell": "sold", "find": "found", "lose": "lost", "bring": "brought",
    "read": "read", "write": "wrote", "forget": "forgot", "sleep": "slept", "sing": "sang",
  },
}  # fmt: skip

NOUNS = tuple("""
  mother mum father dad brother sister grandmother grandma aunt uncle child kid friend teacher
  doctor nurse neighbour boss manager student farmer cake apple egg book letter newspaper car
  bicycle bike door table chair key phone telephone shirt hat picture photo storm wind cloud flood
  mountain valley island wood
""".split())
VERBS = tuple("""
  arrive disappear vanish spread remain stay increase grow weaken begin start stop eat cook drink
  buy purchase sell wash find lose bring repair fix read write paint forget share need work sleep
  play wait study sing dance
""".split())
ADJECTIVES = tuple("strong gentle cold warm big large small new old happy sad angry".split())
FORMS = {
  "plural": NOUNS, "past": VERBS, "progressive": VERBS, "third": VERBS,
  "comparative": ADJECTIVES,
}  # fmt: skip
_ENDINGS = {"plural": "s", "past": "ed", "progressive": "ing", "third": "s", "comparative": "er"}


def form(word: str, kind: str) -> str:
  """A form of a word, such as "children" of "child".

  Args:
    word: one of `FORMS[kind]`.
    kind: a key of `FORMS`.
  """
  irregular = _IRREGULAR.get(kind, {})
  return irregular[word] if word in irregular else _regular(word, _ENDINGS[kind])


def _regular(word, ending):
  after_consonant = word[-1] == "y" and word[-2] not in _VOWELS
  if ending == "s":
    if after_consonant:
      return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "sh", "ch", "x")) else "s")
  if after_consonant and ending != "ing":
    return word[:-1] + "i" + ending
  if word.endswith("e"):
    return word[:-1] + ending
  return word + (word[-1] if word in _DOUBLED else "") + ending


@functools.cache
def lemmas() -> Mapping[str, str]:
  """{form: dictionary form} of all forms that differ from it."""
  pairs = {(form(word, kind), word) for kind, words in FORMS.items() for word in words}
  return dict(sorted(pair for pair in pairs if pair[0] != pair[1]))


def lemma(word: str) -> str:
  """The dictionary form of a word, in lower case."""
  return lemmas().get(word.lower(), word.lower())
