"""CiCo's settings; `configs/cico.py` says what they are for."""

from sign_jax.systems.retrieval_settings import retrieval_config


def config(dataset=None):
  """The whole configuration on a data set, see `retrieval_settings.retrieval_config`."""
  return retrieval_config("cico", dataset)
