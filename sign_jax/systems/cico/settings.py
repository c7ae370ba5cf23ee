"""CiCo's settings; `configs/cico.py` says what they are for."""

import ml_collections

from sign_jax.systems.retrieval_settings import retrieval_config


def config(dataset: str | None = None) -> ml_collections.ConfigDict:
  """The whole configuration on a data set, see `retrieval_settings.retrieval_config`."""
  return retrieval_config("cico", dataset)
