"""What is made of a sentence of glosses before words are compared: the rules of each corpus.

The released evaluation of continuous recognition applies them to references and hypotheses alike.
PHOENIX's own script reads one word per line, so that there no rule sees two words, and it leaves
references alone: `clean_words`.
"""

import functools
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sign_jax.errors import UserError, did_you_mean

OFFICIAL = "_official"
_B = "[ +]"  # what stands between spelled letters


class Rule(NamedTuple):
  """One substitution, from left to right without overlap, some times in a row."""

  pattern: str
  replacement: str = ""
  passes: int = 1

  def apply(self, text: str) -> str:
    """The text after all passes."""
    for _ in range(self.passes):
      text = re.sub(self.pattern, self.replacement, text)
    return text


_STRIP = Rule(r"^\s+|\s+$")
# Spelled letters are one gloss: "K U N A" -> "K+U+N+A".
_LETTERS = (
    Rule(f"^([A-Z]) ([A-Z]{_B})", r"\1+\2"),
    Rule(f"{_B}([A-Z]) ([A-Z]) ", r" \1+\2 "),
    Rule(f"({_B}[A-Z]) ([A-Z]{_B})", r"\1+\2", passes=3),
    Rule(f"({_B}SCH) ([A-Z]{_B})", r"\1+\2"),
    Rule(f"({_B}NN) ([A-Z]{_B})", r"\1+\2"),
    Rule(f"({_B}[A-Z]) (NN{_B})", r"\1+\2"),
    Rule(f"({_B}[A-Z]) ([A-Z])$", r"\1+\2"),
)
_REPEATS = (
    Rule(" +", " "),
    Rule(r"(?<![\w-])([A-Z]+) \1(?![\w-])", r"\1", passes=4),
    Rule(r"(?<!\S)(\S+)(?: \1)+(?!\S)", r"\1"),
)
_COMPOUND = Rule("WIE AUSSEHEN", "WIE-AUSSEHEN")

RULES = {
    "phoenix14": (
        _STRIP,
        *(Rule(prefix) for prefix in ("loc-", "cl-", "qu-", "poss-", "lh-")),
        Rule("S0NNE", "SONNE"),
        Rule("HABEN2", "HABEN"),
        *(Rule(mark) for mark in ("__EMOTION__", "__PU__", "__LEFTHAND__")),
        _COMPOUND,
        Rule("ZEIGEN(?= |$)", "ZEIGEN-BILDSCHIRM"),
        *_LETTERS,
        Rule("([A-Z][A-Z])RAUM", r"\1"),
        Rule("-PLUSPLUS"),
        *_REPEATS,
    ),
    "phoenix14t": (
        _STRIP,
        *(Rule(mark) for mark in ("__LEFTHAND__", "__EPENTHESIS__", "__EMOTION__")),
        Rule("__[^_ ]*__"),
        Rule(r"\bloc-"),
        Rule(r"\bcl-"),
        Rule(r"-PLUSPLUS\b"),
        Rule(r"\b([A-Z]+)RAUM\b", r"\1"),
        _COMPOUND,
        *_LETTERS,
        *_REPEATS,
    ),
    "csl_daily": (),
}


def rules_of(corpus: str) -> tuple[Rule, ...]:
  """The rules of a corpus, one of RULES, in their order.

  Raises:
    UserError: there are no rules under this name.
  """
  if corpus not in RULES:
    raise UserError(
        f"there are no rules to clean glosses of {corpus!r}, only of {', '.join(RULES)}"
        + did_you_mean(corpus, tuple(RULES))
    )
  return RULES[corpus]


def cleaners(name: str) -> tuple[Callable, Callable]:
  """What is made of a reference, and of a hypothesis: functions of glosses -> list of glosses.

  Args:
    name: a corpus, whose rules clean both; with `OFFICIAL` behind it, as its own script does; ""
      for no rules.

  Raises:
    UserError: there are no rules under this name.
  """
  if not name:
    return list, list
  corpus = name.removesuffix(OFFICIAL)
  rules_of(corpus)
  both = functools.partial(clean, corpus=corpus)
  return (both, both) if corpus == name else (list, functools.partial(clean_words, corpus=corpus))


def clean(glosses: Sequence[str], corpus: str) -> list[str]:
  """The glosses of a sentence as the released evaluation compares them.

  Args:
    glosses: in their order; reference or hypothesis.
    corpus: of RULES.

  Returns:
    The glosses that are left; there may be none.

  Raises:
    UserError: there are no rules under this name.
  """
  text = " ".join(glosses)
  for rule in rules_of(corpus):
    text = rule.apply(text)
  return text.split()


def clean_words(glosses: Sequence[str], corpus: str) -> list[str]:
  """The same with each gloss by itself, as PHOENIX's own script treats a hypothesis."""
  return [word for gloss in glosses for word in clean([gloss], corpus)]
