"""The keys of a configuration that name files and folders."""

from sign_jax.files import user_path

PATH_KEYS = (
  "data.data_dir", "data.videos", "data.labels", "data.synonyms",
  "init.clip", "init.model", "init.i3d", "init.signbert",
)


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
    key: str(user_path(value)) if key in PATH_KEYS and isinstance(value, str) and value else value
    for key, value in values.items()
  }
