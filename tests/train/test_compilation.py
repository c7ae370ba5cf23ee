import jax
import ml_collections
import pytest

from sign_jax.train import compilation

QUICK = ml_collections.ConfigDict({"quick_compile": True})


def test_what_this_xla_does_not_know_is_left_out(monkeypatch):
  known = {"xla_backend_optimization_level": 1}
  monkeypatch.setattr(compilation, "_QUICK", {"xla_no_such": 1, **known})
  found = compilation.options(QUICK)
  assert found == (known if jax.default_backend() == "cpu" else None)


@pytest.mark.parametrize("config", [{"quick_compile": False}, {}])  # earlier runs lack it
def test_without_the_setting_nothing_is_changed(config):
  assert compilation.options(ml_collections.ConfigDict(config)) is None


def test_every_option_is_known_here_and_gives_the_same_numbers():
  if jax.default_backend() != "cpu":
    pytest.skip("the options are of XLA's CPU compiler")
  found = compilation.options(QUICK)
  x = jax.random.normal(jax.random.key(0), (4, 5))
  f = lambda x: jax.nn.softmax(x @ x.T)
  quick, plain = jax.jit(f, compiler_options=found)(x), jax.jit(f)(x)
  assert found and jax.numpy.allclose(quick, plain, rtol=1e-5)
