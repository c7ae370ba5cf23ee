"""Words of texts, and their lemmas: by a dictionary inside a package, or by a user's table."""

import re
import unicodedata
from collections.abc import Callable, Mapping

from sign_jax.errors import UserError, did_you_mean, shown
from sign_jax.untrusted import csv_table

COLUMNS = ("word", "lemma")
SIMPLEMMA, NONE = "simplemma", "none"
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words(text: str) -> list[str]:
  """The words of a text in lower case: letters and digits, with apostrophes between them."""
  return _WORD.findall(_plain(text))


def entry(text: str) -> str:
  """An entry of a dictionary, of one or several words, as all tables write it here.

  In lower case, with single blanks between words.
  """
  return " ".join(text.lower().split())


class Lemmatizer:
  """A function of a word that gives its dictionary form, both in lower case.

  Attributes:
    table: see `__init__`.
  """

  def __init__(self, lemma_of: Callable[[str], str], table: Mapping[str, str] | None = None):
    """A lemmatizer.

    Args:
      lemma_of: a function of a word in lower case, asked once for each.
      table: {word: lemma} of all that it knows, where a table is all that it asks.
    """
    self._lemma_of, self._known, self.table = lemma_of, {}, table

  def __call__(self, word: str) -> str:
    word = word.lower()
    if word not in self._known:
      self._known[word] = self._lemma_of(word).lower()
    return self._known[word]


def lemmatizer(source: str, language: str = "en") -> Lemmatizer:
  """A lemmatizer.

  Args:
    source: "simplemma", whose dictionaries are inside the package of that name; "none", where every
      word is its own lemma; or the path of a CSV table with the columns word and lemma, where a
      word that it lacks is its own lemma.
    language: of simplemma's dictionary, such as "en" or "de".

  Raises:
    UserError: a language that simplemma lacks; a table that is none, names the line.
  """
  if source == NONE:
    return Lemmatizer(lambda word: word)
  if source == SIMPLEMMA:
    return Lemmatizer(_by_simplemma(language))
  return of_table(read(source))


def of_table(table: Mapping[str, str]) -> Lemmatizer:
  """A lemmatizer by {word: lemma}, in lower case; a word that it lacks is its own lemma."""
  return Lemmatizer(lambda word: table.get(word, word), table)


def read(path: str) -> dict[str, str]:
  """Reads a table of lemmas.

  Args:
    path: CSV file with the columns word and lemma.

  Returns:
    {word: lemma}, both in lower case.

  Raises:
    UserError: names the line: as `csv_table.read`; a word or lemma that is missing, or a word with
      another lemma than in an earlier line.
  """
  lemmas, lines = {}, {}
  for line, row in csv_table.read(path, COLUMNS):
    word, lemma = (_plain(row[column]) for column in COLUMNS)
    if not word or not lemma:
      raise UserError(f"{path}, line {line}: the {COLUMNS[bool(word)]} is empty, write it")
    if lemmas.setdefault(word, lemma) != lemma:
      raise UserError(
        f"{path}, line {line}: the lemma of {shown(word)} is {shown(lemma)}, and it is "
        f"{shown(lemmas[word])} in line {lines[word]}, remove one"
      )
    lines.setdefault(word, line)
  return lemmas


def _plain(text):
  return unicodedata.normalize("NFC", text).lower().replace("’", "'")


def _by_simplemma(language):
  # A dictionary is unpacked where the first word is asked for, and the package where one is wanted.
  import simplemma
  from simplemma.strategies.dictionaries import dictionary_factory

  languages = dictionary_factory.SUPPORTED_LANGUAGES
  if language not in languages:
    close = did_you_mean(language, languages) or f": it has {', '.join(sorted(languages))}"
    raise UserError(
      f"simplemma has no dictionary of the language {shown(language)}{close}; pass one of those, "
      "the path of a table word,lemma, or none"
    )
  return lambda word: simplemma.lemmatize(word, lang=language)
