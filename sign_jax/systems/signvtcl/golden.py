"""SignVTCL's golden case: networks and losses, in evaluation and in training, and mBART.

`operator_case` has what no network computes. Numbers of training are compared in float64: few
values have a part in a batch's statistics, which enlarge the rounding of float32.
"""

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from ml_collections import ConfigDict

from sign_jax.errors import UserError
from sign_jax.golden import compare, seeded
from sign_jax.golden.compare import Facts, MakeTask, Quantities, Row
from sign_jax.modules.mbart import PAD, MBartEncoder
from sign_jax.systems.base import System, resolve
from sign_jax.systems.signvtcl import card, losses, operator_case, released_names, settings
from sign_jax.systems.signvtcl import streams as names
from sign_jax.systems.signvtcl.model import ensemble, init_shapes
from sign_jax.weights import convert

FRAMES, SIZE, MAP = 32, 64, 32  # of the videos, and of what has half their size
_TOKENS, _MBART = 60, {"width": 32, "layers": 2, "heads": 4, "hidden": 64, "positions": 64}
_END, _LANGUAGE = 2, 55  # tokens behind those of the glosses
_CLASSES = 20
_TABLES = {"base": released_names.BASE, "vtcl": released_names.PAPER}
TOLERANCES = (
    ("base_train", 1e-5), ("vtcl_train", 1e-5), ("grad_norms", 1e-5),
    ("base_eval/loss", 1e-5), ("vtcl_eval/loss", 1e-5), ("ctc/loss", 1e-5),
    ("dtw/log", 1e-6), ("align/gloss", 1e-5), ("sentence", 1e-5),
)
ZERO = ((r"grad_norms/vtcl\.fusion\.\d\.2\.bias", 1e-7),)  # before a BatchNorm
RULES = compare.Rules((*TOLERANCES, *compare.TOLERANCES), ZERO)


def check(
    system: System, stem: str | pathlib.Path, make_task: MakeTask, rtol: float | None = None
) -> list[Row]:
  """[`Row`] of all numbers, and one of each sentence whose words are cleaned and compared.

  Raises:
    UserError: files that cannot be read, a case of something else.
  """
  facts, arrays = compare.read_case(stem)
  try:
    found, texts = quantities(system, facts, pathlib.Path(stem), make_task), facts["text_cases"]
  except KeyError as error:
    raise UserError(f"{stem} is no case of {system.name}: it lacks {error}") from error
  rules = RULES if rtol is None else RULES._replace(tolerances=(("", rtol),))
  numbers = {name: x for name, x in facts.items() if name != "text_cases"}
  got = {name: np.asarray(x) for name, x in found.items()}
  return [*compare.rows(numbers, arrays, got, rules), *operator_case.texts(texts)]


def quantities(
    system: System, facts: Facts, weights: pathlib.Path, make_task: MakeTask
) -> Quantities:
  """All numbers that a case can hold; arguments as in `golden.compare.quantities`."""
  del system, weights, make_task  # the weights are of two systems and a language model
  case = Case(facts)
  return {
      "fingerprint": seeded.fingerprint(case.state),
      **case.mbart(), **case.evaluated("base"), **case.evaluated("vtcl"),
      **case.trained("base"), **case.trained("vtcl"), **operator_case.quantities(facts),
  }


class Case:
  """The facts of a case, its weights and its inputs."""

  def __init__(self, facts: Facts) -> None:
    self.state = seeded.state_dict(facts)
    self._prefix, self._batch = facts.get("seed_prefix", ""), facts["batch"]
    self._lengths = np.array(facts["inputs"]["lengths"], np.int32)
    self.glosses = self._sentences(facts["inputs"]["gloss_counts"])

  def _sentences(self, counts):
    """(B, N) int32, 0 behind the end; the longest sentence has a gloss twice."""
    shape = self._batch, 6
    drawn = seeded.integers(f"{self._prefix}input/glosses", 1, _CLASSES, shape).astype(np.int32)
    longest = int(np.argmax(counts))
    drawn[longest, 2] = drawn[longest, 0]
    return drawn * (np.arange(6)[None] < np.array(counts)[:, None])

  def mbart(self) -> Quantities:
    """The encoder's features of the glosses' tokens."""
    ids, gloss_of_token = self._tokens()
    return {
        "mbart/token_ids": ids, "mbart/gloss_of_token": gloss_of_token,
        "mbart/features": self._text * (ids != PAD)[:, :, None],
    }

  def _tokens(self) -> tuple[Int[np.ndarray, "B M"], Int[np.ndarray, "B M"]]:
    """Token ids, and the place of the gloss that each belongs to."""
    rows, places = [], []
    for sentence in self.glosses:
      glosses = [int(gloss) for gloss in sentence if gloss]
      rows.append([4 + (7 * g + 13 * j) % 50 for g in glosses for j in range(1 + g % 3)])
      places.append([n for n, g in enumerate(glosses) for _ in range(1 + g % 3)])
    length = max(map(len, rows)) + 2
    fill = lambda row, end, pad: np.array([*row, *end, *[pad] * (length - len(row) - 2)])
    return (
        np.stack([fill(row, (_END, _LANGUAGE), PAD) for row in rows]),
        np.stack([fill(row, (-1, -1), -1) for row in places]),
    )

  @functools.cached_property
  def _text(self) -> Float[np.ndarray, "B M D"]:
    """What mBART makes of the tokens."""
    ids, _ = self._tokens()
    model = MBartEncoder(_TOKENS, **_MBART)
    shapes = jax.eval_shape(model.init, jax.random.key(0), ids)
    variables = convert.merge(shapes, self._own("mbart"), released_names.MBART)
    return np.asarray(jax.jit(model.apply)(variables, ids))

  def _own(self, kind):
    """The weights whose names begin so, without that."""
    start = f"{kind}."
    return {n.removeprefix(start): x for n, x in self.state.items() if n.startswith(start)}

  def inputs(self, kind: str) -> dict[str, Float[np.ndarray, "B T H W C"]]:
    """{stream: clips} drawn from names; the samples differ in scale and shift."""
    found = {}
    streams = names.BASE if kind == "base" else names.STREAMS
    for name in streams:
      title, size = name, MAP
      if kind == "base":
        title = {"video": "base_video", "keypoint": "base_heatmap"}[name]
        size = SIZE if name == "video" else MAP
      shape = self._batch, names.CHANNELS[name], FRAMES, size, size
      clips = seeded.normal(f"{self._prefix}input/{title}", shape, 0.5)
      each = np.arange(self._batch, dtype=np.float32).reshape(-1, 1, 1, 1, 1)
      found[name] = np.moveaxis(clips * (1 + each) + each / 2, 1, -1)
    return found

  def _built(self, kind, dtype):
    """(function (variables, batch, more) -> outputs, variables, batch) in a precision."""
    batch = self._batch_of(kind)
    model = card.SYSTEM.build(section_of(kind), {"classes": _CLASSES}).clone(dtype=dtype)
    apply = lambda variables, batch, **how: model.apply(
        variables, batch["inputs"], batch["lengths"], text=batch["text"], **how
    )
    shapes = init_shapes(model, _MBART["width"])
    variables = convert.merge(shapes, self._own(kind), _TABLES[kind], released_names.IGNORE)
    wide = lambda x: x.astype(dtype) if np.issubdtype(x.dtype, np.floating) else x
    return apply, jax.tree.map(wide, variables), jax.tree.map(wide, batch)

  def _batch_of(self, kind):
    ids, gloss_of_token = self._tokens()
    return {
        "inputs": self.inputs(kind), "lengths": self._lengths, "glosses": self.glosses,
        "text": self._text if kind == "vtcl" else None, "padding": ids == PAD,
        "tokens": losses.Text(gloss_of_token, (ids == _END).argmax(1)),
    }

  def evaluated(self, kind: str) -> Quantities:
    """What "base" or "vtcl" computes with running statistics."""
    apply, variables, batch = self._built(kind, np.float32)
    run = jax.jit(lambda variables, batch: _looked(kind, apply(variables, batch), batch)[1])
    return {f"{kind}_eval/{name}": x for name, x in run(variables, batch).items()}

  def trained(self, kind: str) -> Quantities:
    """The same with the batch's statistics in float64, and what a training step needs."""
    with jax.enable_x64(True):
      apply, variables, batch = self._built(kind, np.float64)

      @jax.jit
      def run(variables, batch):
        def loss(params):
          given = {**variables, "params": params}
          out, state = apply(given, batch, train=True, mutable=["batch_stats"])
          total, found = _looked(kind, out, batch)
          return total, (found, state)

        return jax.grad(loss, has_aux=True)(variables["params"])

      gradients, (found, state) = run(variables, batch)
      norms = convert.export({"params": gradients}, _TABLES[kind])
      after = convert.export(state, _TABLES[kind])
    return {
        **{f"{kind}_train/{name}": found[name] for name in found if _is_of_training(kind, name)},
        **{f"{kind}_train/{name}": after[there] for name, there in _STATISTICS[kind].items()},
        **{f"grad_norms/{kind}.{name}": np.linalg.norm(x) for name, x in norms.items()},
    }


def _looked(kind, out, batch) -> tuple[Any, Quantities]:
  """(total loss, quantities) of what a network returned."""
  text = batch["tokens"] if kind == "vtcl" else None
  terms = losses.terms(out, batch["glosses"], section_of(kind), text)
  total = sum(terms.values())
  return total, {
      **_LOOKS[kind](out, terms, batch), "loss/total": total,
      **{f"logits/{name}": x for name, x in out["logits"].items()},
  }


def section_of(kind: str) -> ConfigDict:
  """The decided `model` section of a case: "base" or "vtcl"."""
  section = settings.model_section(_VARIANTS[kind])
  section.update_from_flattened_dict({
      "dtype": "float32", "head.hidden": 64, "head.feedforward": 128, "head.dropout": 0.0,
      "align.shared": 32, "align.adapter": 48,
  })
  return resolve(card.SYSTEM, section)


def _look_at_base(out, terms, batch) -> Quantities:
  """Quantities of TwoStream-SLR; the losses of its streams contain those of their pyramids."""
  del batch
  found = {"loss/joint": terms["ctc_joint"]}
  for name in names.BASE:
    found[f"loss/{name}"] = terms[f"ctc_{name}"] + terms[f"spn_{name}"]
    found[f"feature/{name}/c4"] = out["features"][name]
    for level, one in out["pyramid"][name].items():
      found[f"feature/{name}/{level}"] = one["features"]
      found[f"logits/{name}_{level}"] = one["logits"]
  levels = [out["pyramid"]["video"][level]["steps"] for level in names.PYRAMID]
  return found | {
      **{f"loss/{name}": x for name, x in terms.items() if name.startswith("distil")},
      "log_probability_ensemble": ensemble(out["logits"]),
      "valid_steps": jnp.stack([*levels, out["steps"]]),
  }


def _look_at_paper(out, terms, batch) -> Quantities:
  """Quantities of SignVTCL; text features at padding count as 0."""
  adapters = dict(out["shared"])
  adapters["t2v"] = jnp.where(batch["padding"][:, :, None], 0, adapters["t2v"])
  return {
      **{f"feature/{name}": x for name, x in out["features"].items()},
      **{f"adapter/{name}": x for name, x in adapters.items()},
      **{f"loss/{name}": x for name, x in terms.items()},
      "probability_average": jnp.exp(ensemble(out["logits"])),
      "path": losses.path_of(out, batch["glosses"]).position,
  }


_VARIANTS = {"base": "base", "vtcl": "paper"}
_LOOKS: dict[str, Callable] = {"base": _look_at_base, "vtcl": _look_at_paper}
# {quantity: released name of a running statistic}
_RUNNING = {
    "base": {
        "head_video": "visual_head.bn1.norm",
        "first": "visual_backbone_twostream.rgb_stream.backbone.base.0.bn_s",
    },
    "vtcl": {
        "head_joint": "head.joint.bn1.norm", "first_flow": "branch.flow.backbone.base.0.bn_t",
    },
}
_STATISTICS = {
    kind: {
        f"{which}/{title}": f"{there}.{which}"
        for title, there in places.items() for which in ("running_mean", "running_var")
    }
    for kind, places in _RUNNING.items()
}


def _is_of_training(kind, name):
  """Whether a case holds this quantity of training too."""
  if kind == "vtcl":
    return True
  return name.startswith("loss/") or name in [f"logits/{x}" for x in names.heads(names.BASE)]
