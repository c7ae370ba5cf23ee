"""Tables of synonyms: text files with a group of words on each line, separated by commas."""

import io
import pathlib

from sign_jax.errors import UserError, shown
from sign_jax.files import existing_file
from sign_jax.untrusted import budget as budgets

OWN = pathlib.Path(__file__).with_name("synonyms.txt")
MAX_BYTES = 64 << 20
_LINE, _WORD = 300, 250  # bytes that a group takes, and each of its words


def read(path=None):
  """Reads a table.

  Args:
    path: the file, UTF-8; None is the small English one that comes with this library. A line is a
      group of words with one meaning, `big, large, huge`; a word may belong to several groups. What
      follows # is a comment.

  Returns:
    {lower-case word: list of its groups, tuples of words}.

  Raises:
    UserError: the file is missing, too large or no text, has more words than its size warrants, or
      a line has fewer than two words.
  """
  path, groups_of = pathlib.Path(path or OWN), {}
  text = _text(path)
  budget = budgets.Budget(len(text))
  for number, line in enumerate(io.StringIO(text, newline=None), 1):
    written = line.partition("#")[0]
    _check_room(path, number, written, budget)
    words = (" ".join(word.split()).lower() for word in written.split(","))
    group = tuple(dict.fromkeys(filter(None, words)))
    if len(group) == 1:
      raise UserError(
        f"line {number} of {path} has only the word {shown(group[0])}: write a group of synonyms, "
        "separated by commas"
      )
    for word in group:
      groups_of.setdefault(word, []).append(group)
  return groups_of


def _check_room(path, number, line, budget):
  try:
    budget.take_memory(_LINE * bool(line.strip()) + _WORD * line.count(","))
  except budgets.Exceeded as error:
    raise UserError(
      f"line {number} of {path} is not read, {error}: write fewer words or fewer groups"
    ) from error


def _text(path):
  existing_file(path, "--config.data.synonyms", "pass a text file")
  try:
    if path.stat().st_size > MAX_BYTES:
      raise UserError(f"the table of synonyms {path} has more than {MAX_BYTES >> 20} MiB")
    return path.read_text(encoding="utf-8")
  except OSError as error:
    raise UserError(
      f"the table of synonyms {path} cannot be read ({error.strerror}): set --config.data.synonyms "
      "to a text file"
    ) from error
  except UnicodeDecodeError as error:
    raise UserError(f"the table of synonyms {path} is not UTF-8 text") from error
