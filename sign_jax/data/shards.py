"""Work that several processes or machines share: `--shard K/N` of a command line."""

import re

from sign_jax.errors import UserError


def parse(text):
  """(k, n) of "k/n".

  Raises:
    UserError: not two numbers with 1 <= k <= n.
  """
  match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
  k, n = map(int, match.groups()) if match else (0, 0)
  if not 1 <= k <= n:
    raise UserError(f"--shard {text} is no part, write 1/3, 2/3 or 3/3 for one of three")
  return k, n


def take(items, text):
  """Every n-th of `items`, from the k-th on (from 1), for `text` "k/n"; all of them for ""."""
  k, n = parse(text or "1/1")
  return items[k - 1 :: n]
