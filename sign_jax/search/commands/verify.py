"""Looks for damaged files."""

from sign_jax.errors import printable
from sign_jax.search.commands import options
from sign_jax.search.index import Index

NAME, HELP = "verify", "looks for damaged files"

add_arguments = options.add_index


def run(args):
  """Whether all files hold what was written."""
  index = Index.open(args.index)
  faults = index.verify()
  for fault in faults:
    print(printable(fault))
  files = 1 + sum(1 for _ in index.store.files())  # and the manifest
  print(f"{len(faults)} of {files} files are damaged; the index has {len(index)} clips"
        if faults else f"all {files} files of {len(index)} clips hold what was written")
  return not faults
