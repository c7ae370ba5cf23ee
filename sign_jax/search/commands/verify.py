"""Looks for damaged files."""

from tqdm import tqdm

from sign_jax.errors import printable
from sign_jax.search.commands import options
from sign_jax.search.index import Index

NAME, HELP = "verify", "looks for damaged files"

add_arguments = options.add_index


def run(args):
  """Whether all files hold what was written."""
  index = Index.open(args.index)
  files = 1 + sum(1 for _ in index.store.files())  # and the manifest
  found = tqdm(index.store.verify(), "verifying", files, unit="file", mininterval=1)
  faults = [f"{path} {fault}" for path, fault in found if fault]
  for fault in faults:
    print(printable(fault))
  print(f"{len(faults)} of {files} files are damaged; the index has {len(index)} clips"
        if faults else f"all {files} files of {len(index)} clips hold what was written")
  return not faults
