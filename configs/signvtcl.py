"""SignVTCL"""

from sign_jax.systems.signvtcl import settings


def get_config(dataset=None):
  """dataset: see the top of this file."""
  return settings.config(dataset)
