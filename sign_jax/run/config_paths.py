"""The keys of a configuration that name files and folders."""

from sign_jax.data.words import NONE, SIMPLEMMA
from sign_jax.files import user_path

_PATHS = (
  "data.data_dir", "data.videos", "data.flow", "data.labels", "data.synonyms",
  "data.gloss_embeddings",
  "model.text.file", "sr.recognized", "sr.classes", "sr.translations", "spotting.captions",
  "spotting.media", "spotting.mouthings", "spotting.truth", "spotting.shared",
  "spotting.weights", "text.weights", "text.vocabulary", "text.cache_dir",
)
_LISTS = ("fusion.runs", "spotting.lexicons")  # of paths, with commas between them
# Keys that name a file, unless they are one of some words.
_OR_WORDS = dict.fromkeys(("model.text.lemmas", "spotting.lemmas"), (SIMPLEMMA, NONE))
_NO_PATH = ("init.classifier", "init.fresh")


def is_path(key):
  """Whether a setting names a file or a folder: all of `init` but how it is used."""
  return key in (*_PATHS, *_LISTS) or key.startswith("init.") and key not in _NO_PATH


def names_path(key, value):
  """Whether a setting with this value names a file or a folder."""
  return is_path(key) or key in _OR_WORDS and value not in _OR_WORDS[key]


def expanded(values):
  """A configuration with `~` and variables filled in, see `files.user_path`.

  Args:
    values: {dotted name: value}; paths that are "" name nothing and stay so.

  Returns:
    The same with other paths, as texts, so that two ways of writing one path compare equal.

  Raises:
    UserError: names a variable that is not set.
  """
  return {
    key: _expanded(key, value) if value and isinstance(value, str) and names_path(key, value)
    else value
    for key, value in values.items()
  }


def _expanded(key, value):
  parts = value.split(",") if key in _LISTS else [value]
  return ",".join(str(user_path(part.strip())) for part in parts)
