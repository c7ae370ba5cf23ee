"""The sizes of a model from its file of weights."""

import pytest

from sign_jax.golden import compare
from sign_jax.run import from_weights
from sign_jax.systems import registry
from tests.data_builders import authors

WIDTHS = {"model.video.width": 128, "model.text.width": 128, "model.embed_dim": 128}


@pytest.fixture(scope="module")
def path():
  """A file of towers of two blocks of 128."""
  with compare.weights_file(authors.state_dict("cico")) as found:
    yield str(found)


def sized(path, changes=(), given=()):
  config = registry.get("cico").config("how2sign")
  config.update_from_flattened_dict({"init.model": path, **dict(changes)})
  return from_weights.sized(config, given).model


def test_a_file_tells_the_sizes_that_no_flag_does(path):
  model = sized(path)
  assert (model.video.width, model.video.layers, model.video.heads) == (128, 2, 2)
  assert (model.text.width, model.text.layers, model.text.heads) == (128, 2, 2)
  given = sized(path, {"model.text.heads": 4}, given={"model.text.heads", "model.video.layers"})
  assert (given.text.heads, given.video.layers) == (4, 12)


def test_heads_of_a_configuration_of_the_same_widths_stay(path):
  """They are in no file."""
  model = sized(path, {**WIDTHS, "model.video.heads": 4, "model.text.heads": 8})
  assert (model.video.heads, model.text.heads) == (4, 8)
