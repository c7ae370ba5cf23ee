"""Programs that draw many arrays, made quicker to compile.

A fresh state draws each of its parameters by itself, and a compiler works on each of these draws,
though most are alike but for their keys. Here those that are alike become one draw with several
keys, which gives the same numbers.
"""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core
from jaxtyping import PyTree

_KIND = "threefry2x32"
_DRAWS = ("random_fold_in", "random_bits")


def together(traced: jax.stages.Traced) -> Callable[..., PyTree]:
  """A function that computes what a traced one does, with its like draws together.

  Rounding may differ by the last bit, since a compiler fuses other operations.

  Args:
    traced: `jax.jit(function).trace(...)`.

  Returns:
    A function of the same arguments, to be jitted. It groups nothing where other keys than those
    of JAX's default kind are set, of which several at once may give other numbers.
  """
  closed, structure = traced.jaxpr, jax.tree.structure(traced.out_info)

  def draw(*args: PyTree) -> PyTree:
    values = _Values(closed)
    values.set(closed.jaxpr.invars, jax.tree.leaves(args))
    if jax.config.jax_default_prng_impl == _KIND:
      values.draw()
    return jax.tree.unflatten(structure, [values.of(x) for x in closed.jaxpr.outvars])

  return draw


class _Values:
  """Values of a program's variables, computed when they are asked for."""

  def __init__(self, closed: core.ClosedJaxpr) -> None:
    jaxpr = closed.jaxpr
    self._known: dict[core.Var, Any] = dict(zip(jaxpr.constvars, closed.consts, strict=True))
    self._maker = {var: eqn for eqn in jaxpr.eqns for var in eqn.outvars}
    self._program = jaxpr

  def set(self, variables: Iterable[core.Var], values: Iterable[Any]) -> None:
    self._known.update(zip(variables, values, strict=True))

  def of(self, atom: core.Var | core.Literal) -> Any:
    if isinstance(atom, core.Literal):
      return atom.val
    if atom not in self._known:
      for eqn in self._needed([atom]):
        self.set(eqn.outvars, self._evaluate(eqn, [self.of(x) for x in eqn.invars]))
    return self._known[atom]

  def draw(self) -> None:
    """Does all draws that the outputs need: in rounds, for some draw the keys of others."""
    rounds: dict[core.Var, int] = {}
    groups: dict[tuple[int, str], list[core.JaxprEqn]] = {}
    for eqn in self._needed(self._program.outvars):
      given = [x for x in eqn.invars if isinstance(x, core.Var)]
      own = max((rounds.get(x, 0) for x in given), default=0)
      if _is_draw(eqn):
        groups.setdefault((own, _likeness(eqn)), []).append(eqn)
        own += 1
      rounds.update(dict.fromkeys(eqn.outvars, own))
    for _, eqns in sorted(groups.items(), key=lambda group: group[0][0]):
      self._draw(eqns)

  def _draw(self, eqns: list[core.JaxprEqn]) -> None:
    """Does draws that are alike at once."""
    if len(eqns) == 1:
      return
    given = [[jnp.asarray(self.of(x), x.aval.dtype) for x in eqn.invars] for eqn in eqns]
    columns = [jnp.stack(column) for column in zip(*given, strict=True)]
    results = jax.vmap(lambda *args: self._evaluate(eqns[0], args))(*columns)
    for number, eqn in enumerate(eqns):
      self.set(eqn.outvars, [result[number] for result in results])

  def _needed(self, atoms: Iterable[core.Var | core.Literal]) -> list[core.JaxprEqn]:
    """What is still to be computed for some variables, in an order in which it can be."""
    found: dict[int, core.JaxprEqn] = {}
    stack = [(x, False) for x in atoms]
    while stack:
      atom, is_ready = stack.pop()
      if isinstance(atom, core.Literal) or atom in self._known:
        continue
      eqn = self._maker[atom]
      if is_ready:
        found.setdefault(id(eqn), eqn)
      elif id(eqn) not in found:
        stack.append((atom, True))
        stack.extend((x, False) for x in eqn.invars)
    return list(found.values())

  def _evaluate(self, eqn: core.JaxprEqn, args: Iterable[Any]) -> list[Any]:
    """What one equation gives for its arguments, or for others of their shapes and dtypes."""
    variables = [core.Var(x.aval) for x in eqn.invars]
    alone = self._program.replace(
        constvars=[], invars=variables, outvars=eqn.outvars, eqns=[eqn.replace(invars=variables)]
    )
    return jax.core.eval_jaxpr(alone, (), *args)


def _is_draw(eqn: core.JaxprEqn) -> bool:
  """Whether it draws, or makes a key, from nothing but its arguments."""
  if eqn.primitive.name in _DRAWS:
    return True
  inner = eqn.params.get("jaxpr") if eqn.primitive.name in ("jit", "pjit") else None
  return inner is not None and not inner.consts and any(map(_is_draw, inner.jaxpr.eqns))


def _likeness(eqn: core.JaxprEqn) -> str:
  """The same text for equations that differ in the values of their arguments alone."""
  return f"{eqn.primitive} {eqn.params} {[x.aval for x in eqn.invars]}"
