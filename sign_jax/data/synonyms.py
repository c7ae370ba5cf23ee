"""Tables of synonyms: text files with a group of words on each line, separated by commas."""

import pathlib

from sign_jax.errors import UserError
from sign_jax.files import existing_file

OWN = pathlib.Path(__file__).with_name("synonyms.txt")
MAX_BYTES = 64 << 20


def read(path=None):
  """Reads a table.

  Args:
    path: the file, UTF-8; None is the small English one that comes with this library. A line is a
      group of words with one meaning, `big, large, huge`; a word may belong to several groups. What
      follows # is a comment.

  Returns:
    {lower-case word: list of its groups, tuples of words}.

  Raises:
    UserError: the file is missing, too large or no text, or a line has fewer than two words.
  """
  groups_of = {}
  for number, line in enumerate(_text(pathlib.Path(path or OWN)).splitlines(), 1):
    words = (" ".join(word.split()).lower() for word in line.partition("#")[0].split(","))
    group = tuple(dict.fromkeys(filter(None, words)))
    if len(group) == 1:
      raise UserError(
        f"line {number} of {path} has only the word {group[0][:50]!r}: write a group of synonyms, "
        "separated by commas"
      )
    for word in group:
      groups_of.setdefault(word, []).append(group)
  return groups_of


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
