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


@pytest.mark.parametrize("config", [{"quick_compile": False, "task": "retrieval"}, {}])
def test_retrieval_is_compiled_as_xla_has_it_unless_set(config):
  assert compilation.options(ml_collections.ConfigDict(config)) is None


def test_the_options_give_the_same_numbers():
  if jax.default_backend() != "cpu":
    pytest.skip("the options are of XLA's CPU compiler")
  found = compilation.options(ml_collections.ConfigDict({"task": "recognition", **QUICK}))
  wanted = compilation._OF_CONVOLUTIONS | compilation._QUICK
  assert found and found.items() <= wanted.items()
  if jax.__version__.startswith("0.10."):  # others may not know all of them
    assert found == wanted
    for task in ("recognition", "continuous"):
      config = ml_collections.ConfigDict({"task": task})
      assert compilation.options(config) == compilation._OF_CONVOLUTIONS

  def f(x, kernel):
    return jax.nn.softmax(jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME"))

  x, kernel = (jax.random.normal(jax.random.key(i), (2, 2, 5, 5)) for i in range(2))
  gradient = jax.grad(lambda kernel: (f(x, kernel) ** 2).sum())
  quick, plain = jax.jit(gradient, compiler_options=found)(kernel), jax.jit(gradient)(kernel)
  assert jax.numpy.allclose(quick, plain, rtol=1e-4, atol=1e-5)
