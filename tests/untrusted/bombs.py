"""Small files that ask for much memory or time, ten and more for each reader of foreign files.

`python -m tests.untrusted.bombs READER FOLDER` reads the files that `write` has put into a folder,
one after the other, and prints a line of JSON for each: what came of it, the peak of memory above
the start and the processor's time. One process serves all files of a reader, and starts with an
honest one, so that what is loaded once does not count.
"""

import importlib
import json
import pathlib
import re
import resource
import sys
import time

from sign_jax.errors import UserError
from sign_jax.untrusted import budget
from tests.untrusted import bombs_json, bombs_packed, bombs_pickle, bombs_text

# {reader: (module and function that read it, function of nothing -> {file name: bytes})}
READERS = {
  "annotation pickle": ("data_builders.corpus.released_pickles:entries", bombs_pickle.packed),
  "feature pickle": (
    "data_builders.attachments.features:FeatureFolder.read", bombs_pickle.packed_features
  ),
  "torch archive": ("sign_jax.weights.readers:read", bombs_pickle.archives),
  "torch before 1.6": ("sign_jax.weights.readers:read", bombs_pickle.legacy),
  "feature npz": ("data_builders.attachments.features:FeatureFolder.read", bombs_packed.features),
  "weights npz": ("sign_jax.weights.readers:read", bombs_packed.weights),
  "safetensors": ("sign_jax.weights.readers:read", bombs_json.safetensors),
  "data set description": ("tests.untrusted.bombs_json:read_description", bombs_json.descriptions),
  "json": ("tests.untrusted.bombs_json:read", bombs_json.documents),
  "clip table": ("tests.untrusted.bombs_text:read_clips", bombs_text.clips),
  "label table": ("sign_jax.data.label_table:read", bombs_text.labels),
  "caption table": ("data_builders.video_folder.captions:read", bombs_text.captions),
  "released table": ("tests.untrusted.bombs_text:read_plain", bombs_text.plain),
  "gloss vectors": ("tests.untrusted.bombs_text:read_vectors", bombs_text.vectors),
  "synonyms": ("sign_jax.data.synonyms:read", bombs_text.synonyms),
  "vocabulary": ("tests.untrusted.bombs_packed:read_vocabulary", bombs_packed.vocabularies),
  "example": ("tests.untrusted.bombs_packed:read_example", bombs_packed.examples),
  "picture": ("tests.untrusted.bombs_packed:read_picture", bombs_packed.pictures),
}
# What asks for memory by the number of its parts alone: a share of the memory that a reader grants
# shows it as well, and in as small a share of the time.
COUNTED = set("""
  lists dicts tuples frozensets marks lists_of_marks places copies_on_the_stack from_the_memo
  pairs members sets nested_lists nested_tuples placeholders states tensors storages unknown_names
  odd_keys one_video line_ends carriage_returns short_lines
  one_group floats names types keys keys_of_dicts same_place entries_of_lists metadata numbers
  short_groups groups_of_many
""".split())
SHARE = 8
# Of these, what is asked for by a single part shows, too: a share that is not as small.
WIDE = {"semicolons", "empty_values", "short_rows"}
MOST_SECONDS = 600  # of the processor, for all files of a reader: a hang ends
_MEMORY = budget.MIN_MEMORY
_RESET_PEAK = pathlib.Path("/proc/self/clear_refs")


def write(reader, folder):
  """Writes the files of a reader; returns {name: size in bytes}."""
  files = READERS[reader][1]()
  for name, content in files.items():
    (folder / name).write_bytes(content)
  return {name: len(content) for name, content in files.items()}


def _function(path):
  module, _, names = path.partition(":")
  function = importlib.import_module(module)
  for name in names.split("."):
    function = getattr(function, name)
  return function


def _peak():
  """The most memory of this process, in MB: since `_reset` where the system can tell."""
  status = pathlib.Path("/proc/self/status")
  if status.exists():
    return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) >> 10
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (
    10 if sys.platform == "linux" else 20
  )


def _reset():
  try:
    _RESET_PEAK.write_text("5")
  except OSError:
    pass  # then the peak is that of all files so far, which is no less


def share_of(name):
  """By what the memory is divided that the reader of a file grants, and may take."""
  kind = name.partition(".")[0]
  return SHARE if kind in COUNTED else SHARE // 2 if kind in WIDE else 1


def _measured(function, path):
  budget.MIN_MEMORY = _MEMORY // share_of(path.name)
  _reset()
  before, begin = _peak(), time.process_time()
  try:
    function(path)
    outcome = "read"
  except UserError as error:
    outcome = f"UserError: {error}"
  except BaseException as error:
    outcome = f"{type(error).__name__}: {error!s:.200}"
  return {"outcome": outcome, "megabytes": _peak() - before, "seconds": time.process_time() - begin}


def main():
  """The command; see above."""
  resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
  reader, folder = sys.argv[1], pathlib.Path(sys.argv[2])
  function = _function(READERS[reader][0])
  paths = sorted(folder.iterdir())
  _measured(function, paths[0])
  for path in paths:
    print(json.dumps({"name": path.name, **_measured(function, path)}), flush=True)


if __name__ == "__main__":
  main()
