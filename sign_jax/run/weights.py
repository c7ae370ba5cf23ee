"""The files of weights that a configuration begins with."""

from sign_jax.files import existing_file, sha256


def _keys(config):
  """Keys of `init` whose files hold all that a model has."""
  return ("model", config.model.name)


def named(config):
  """Whether a configuration names a file with the weights of a whole model."""
  return any(config.init.get(key) for key in _keys(config))


def facts(config):
  """{"weights": path, "weights_sha256": digest} of that file.

  Raises:
    UserError: there is no such file.
  """
  return facts_of(path(config))


def path(config):
  """That file, a pathlib.Path; errors as of `facts`."""
  key = next(key for key in _keys(config) if config.init.get(key))
  return existing_file(config.init[key], f"--config.init.{key}", "pass a file of weights")


def facts_of(path):
  """The same of any file, a pathlib.Path."""
  return {"weights": str(path), "weights_sha256": sha256(path)}
