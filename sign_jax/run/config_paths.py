"""The keys of a configuration that name files and folders."""

from sign_jax.files import user_path

_OF_DATA = (
  "data.data_dir", "data.videos", "data.labels", "data.synonyms", "data.gloss_embeddings",
)
_NO_PATH = ("init.classifier", "init.fresh")


def is_path(key):
  """Whether a setting names a file or a folder: all of `init` but how it is used."""
  return key in _OF_DATA or key.startswith("init.") and key not in _NO_PATH


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
    key: str(user_path(value)) if is_path(key) and isinstance(value, str) and value else value
    for key, value in values.items()
  }
