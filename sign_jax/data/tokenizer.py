"""CLIP's byte-pair tokenizer, from the vocabulary file that the package openai-clip installs.

Text is repaired (ftfy), HTML-unescaped twice, its white space collapsed, and lower-cased; then it
is cut into words, and the UTF-8 bytes of every word are merged pair by pair, the pair that stands
first in the vocabulary's list of merges before all others (Radford et al. 2021; Sennrich et al.
2016). Only the vocabulary file is read: importing `clip` itself would need torch.
"""

import functools
import html
import importlib.util
import io
import itertools
import pathlib
import zlib

import ftfy
import numpy as np
import regex

from sign_jax.errors import UserError
from sign_jax.untrusted import budget

START, END = 49406, 49407
VOCABULARY_SIZE = 49408
_VOCABULARY_FILE = "bpe_simple_vocab_16e6.txt.gz"
_MAX_BYTES = 16 << 20  # unpacked; the true one has 3 million
_MERGES = VOCABULARY_SIZE - 2 - 2 * 256  # all but the special tokens and the single bytes
_WORD_END = "</w>"
_SPECIAL = {"<|startoftext|>": START, "<|endoftext|>": END}
_WORD = regex.compile(
  r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+",
  regex.IGNORECASE,
)


class Tokenizer:
  """Text to CLIP token ids. Safe to share between threads; `get()` holds the shared instance."""

  def __init__(self):
    byte_symbols = _byte_symbols()
    merges = _read_merges(_vocabulary_path())
    symbols = [byte_symbols[byte] for byte in _byte_order()]
    symbols += [symbol + _WORD_END for symbol in symbols]
    symbols += [first + second for first, second in merges]
    self._byte_symbols, self._symbols = byte_symbols, symbols
    self._bytes = {symbol: byte for byte, symbol in byte_symbols.items()}
    self._id = {symbol: index for index, symbol in enumerate(symbols)}
    self._rank = {pair: rank for rank, pair in enumerate(merges)}
    self._word_ids = functools.lru_cache(maxsize=1 << 16)(self._merge_word)

  def encode(self, text):
    """Token ids of `text`, without start, end or padding: a list of int in [0, 49408)."""
    return [token for word in _WORD.findall(clean(text)) for token in self._word_ids(word)]

  def decode(self, ids):
    """The text of token ids, lower case, a blank behind every word; start, end and 0 are left out.

    Args:
      ids: ints in [0, 49408).

    Returns:
      str. Ids of parts of words that no text has in this order give a text with other ids.
    """
    symbols = [self._symbols[int(x)] for x in ids if x not in (0, START, END)]
    written = "".join(symbols).replace(_WORD_END, " ")
    return bytes(self._bytes.get(c, ord(" ")) for c in written).decode("utf-8", "replace")

  def __call__(self, text, length=32):
    """Ids that the text tower reads.

    More than `length - 1` ids with the start token: the start token and `length - 2` of the rest at
    `linspace(1, count - 1, length - 2)`, truncated to int, are kept (released CiCo and UPRet).

    Args:
      text: any str.
      length: number of positions, at least 2.

    Returns:
      (length,) int32: 49406, tokens, 49407, zeros.
    """
    ids = np.array([START, *self.encode(text)], np.int32)
    if len(ids) > length - 1:
      kept = np.linspace(1, len(ids) - 1, num=length - 2).astype(int)
      ids = np.concatenate([ids[:1], ids[kept]])
    padded = np.zeros(length, np.int32)
    padded[: len(ids)] = ids
    padded[len(ids)] = END
    return padded

  def _merge_word(self, word):
    """Ids of one word, as a tuple."""
    if word in _SPECIAL:
      return (_SPECIAL[word],)
    symbols = [self._byte_symbols[byte] for byte in word.encode("utf-8")]
    symbols[-1] += _WORD_END
    while len(symbols) > 1:
      pairs = zip(symbols, symbols[1:], strict=False)
      best = min(pairs, key=lambda pair: self._rank.get(pair, len(self._rank)))
      if best not in self._rank:
        break
      symbols = _merge_pair(symbols, best)
    return tuple(self._id[symbol] for symbol in symbols)


@functools.cache
def get():
  """The shared `Tokenizer`; reads the vocabulary at the first call."""
  return Tokenizer()


def encode(text):
  """`Tokenizer.encode` of the shared instance."""
  return get().encode(text)


def decode(ids):
  """`Tokenizer.decode` of the shared instance."""
  return get().decode(ids)


def tokenize(text, length=32):
  """(length,) int32 ids of `text`; see `Tokenizer.__call__`."""
  return get()(text, length)


@functools.lru_cache(maxsize=1 << 16)  # a caption is asked for by its split and by the tokenizer
def clean(text):
  """`text` repaired, HTML-unescaped twice, white space collapsed to single blanks, lower case."""
  text = html.unescape(html.unescape(ftfy.fix_text(text)))
  return " ".join(text.split()).lower()


def _merge_pair(symbols, pair):
  """`symbols` with every occurrence of `pair`, from the left, replaced by its concatenation."""
  merged = []
  at = 0
  while at < len(symbols):
    if tuple(symbols[at : at + 2]) == pair:
      merged.append(pair[0] + pair[1])
      at += 2
    else:
      merged.append(symbols[at])
      at += 1
  return merged


def _byte_order():
  """The 256 bytes in the vocabulary's order: printable Latin-1 first, then the others."""
  printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
  return printable + sorted(set(range(256)) - set(printable))


def _byte_symbols():
  """{byte: character}; bytes that print stand for themselves, the others are chr(256), ..."""
  order = _byte_order()
  printable = len(order) - 68
  return {
    byte: chr(byte if place < printable else 256 + place - printable)
    for place, byte in enumerate(order)
  }


def _read_merges(path):
  """Pairs of symbols, the pair to merge first in front; `UserError` where the file is damaged."""
  try:
    with path.open("rb") as file:
      text = budget.gunzip(file, budget.Budget.of(file, max_unpacked=_MAX_BYTES)).decode()
    # The first line is a version comment.
    merges = [tuple(line.split()) for line in itertools.islice(io.StringIO(text), 1, _MERGES + 1)]
    known = {symbol + end for symbol in _byte_symbols().values() for end in ("", _WORD_END)}
    for place, pair in enumerate(merges):
      if len(pair) != 2 or not known.issuperset(pair):
        raise ValueError(f"line {place + 2} is no pair of symbols before it")
      known.add("".join(pair))
    if len(known) != len(merges) + 2 * 256 or len(merges) < _MERGES:
      raise ValueError(f"it has not {_MERGES} different pairs")
  except (OSError, EOFError, ValueError, zlib.error) as error:
    raise UserError(
      f"CLIP's vocabulary {path} is damaged ({error}): install it anew with `pip install "
      "--force-reinstall --no-deps openai-clip`"
    ) from error
  return merges


def _vocabulary_path():
  spec = importlib.util.find_spec("clip")
  for folder in (spec.submodule_search_locations or []) if spec else []:
    path = pathlib.Path(folder) / _VOCABULARY_FILE
    if path.is_file():
      return path
  raise UserError(
    f"CLIP's vocabulary {_VOCABULARY_FILE} was not found: install it with "
    "`pip install --no-deps openai-clip` (torch is not needed)"
  )
