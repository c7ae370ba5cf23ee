"""Predicts a training step's memory, communication and time on other numbers of chips.

    python -m launch.cost_model --chip h200 --chips 8 64 256 --batch_per_chip 64 -- \
      --config configs/upret.py:how2sign

The step is compiled for 2, 4 and 8 simulated devices, each with the same share of the batch, and
never run. The bytes of each kind of collective and the number of operations are polynomials of
degree 2 in the number of devices: gradients have a constant size, gathered tokens grow with the
batch, and similarities with its square. The three programs determine these polynomials. How often
the loops of the late interaction run depends on the data, so its operations are computed from the
sizes. The memory of a device, which holds its own rows of these, is fitted by a straight line.
"""

import argparse
import dataclasses
import json
import sys

import jax
import numpy as np

from launch import collectives, step_program
from sign_jax.errors import UserError, one_sentence
from sign_jax.files import existing_folder, path_argument
from sign_jax.run import command_line, compile_cache

COUNTS = (2, 4, 8)  # of simulated devices
MIB = 2**20


@dataclasses.dataclass(frozen=True)
class Chip:
  """Published numbers of an accelerator.

  Attributes:
    flops: of matrix products a second, dense bfloat16.
    memory: bytes.
    link: bytes a second that a chip sends to its neighbours in a ring.
    island: chips that are linked so; beyond, bytes go over the network.
    network: bytes a second that a chip sends beyond.
  """

  flops: float
  memory: float
  link: float
  island: int
  network: float


# Of the makers' data sheets; a ring along one axis of a TPU's torus uses two links.
CHIPS = {
    "h200": Chip(989e12, 141e9, 450e9, 8, 50e9),
    "v5e": Chip(197e12, 16e9, 90e9, 256, 3.1e9),
    "v5p": Chip(459e12, 95e9, 180e9, 8960, 6.2e9),
}


def measure(config, batch_per_chip, dim):
  """{number of devices: {name: value}} of the compiled steps.

  Values: operations of all devices; of each device, memory in bytes, and per kind of collective the
  bytes of the arrays, which is what it sends times n / (n - 1).
  """
  found = {}
  for n in COUNTS:
    traced = step_program.trace(config, jax.devices()[:n], n * batch_per_chip, dim)
    compiled = traced.lower().compile()
    plan = compiled.memory_analysis()
    sent = collectives.sent_by_kind(collectives.count(compiled.as_text(), n))
    found[n] = {
        "flops": step_program.step_flops(traced, config, n * batch_per_chip),
        "memory": plan.argument_size_in_bytes + plan.temp_size_in_bytes,
        **{kind: sent.get(kind, 0.0) * n / (n - 1) for kind in collectives.KINDS},
    }
  return found


def fit(found):
  """{name: function of the number of devices}, a polynomial."""
  counts = list(found)
  degree = lambda name: 1 if name == "memory" else len(counts) - 1
  return {
      name: np.poly1d(np.polyfit(counts, [found[n][name] for n in counts], degree(name)))
      for name in found[counts[0]]
  }


def predict(laws, chip, chips, efficiency):
  """What a step costs on `chips` chips.

  Args:
    laws: what `fit` returns.
    chip: `Chip`.
    chips: their number.
    efficiency: share of the peak that matrix products reach.

  Returns:
    {"memory": bytes, "sent": {kind: bytes}, "compute": seconds, "exchange": seconds, "fastest" and
    "slowest": seconds of a step whose exchange is hidden behind its computation, or not at all}.
  """
  sent = {
      kind: max(0.0, float(laws[kind](chips))) * (chips - 1) / chips for kind in collectives.KINDS
  }
  compute = float(laws["flops"](chips)) / chips / (chip.flops * efficiency)
  exchange = sum(sent.values()) / (chip.link if chips <= chip.island else chip.network)
  return {
      "memory": float(laws["memory"](chips)), "sent": sent, "compute": compute,
      "exchange": exchange, "fastest": max(compute, exchange), "slowest": compute + exchange,
  }


def table(predictions, chip, batch_per_chip):
  """Text with a line for every number of chips."""
  head = ("chips", "batch", "memory GiB", "sent MiB", "compute ms", "exchange ms", "step ms")
  lines = ["".join(f"{name:>14}" for name in head)]
  for chips, p in predictions.items():
    steps = f"{1e3 * p['fastest']:.2f}-{1e3 * p['slowest']:.2f}"
    numbers = (
        f"{p['memory'] / 2**30:.2f}", f"{sum(p['sent'].values()) / MIB:.1f}",
        f"{1e3 * p['compute']:.2f}", f"{1e3 * p['exchange']:.2f}", steps,
    )
    warning = "  does not fit" if p["memory"] > chip.memory else ""
    cells = (chips, chips * batch_per_chip, *numbers)
    lines.append("".join(f"{cell:>14}" for cell in cells) + warning)
  return "\n".join(lines)


def _arguments(argv):
  parser = argparse.ArgumentParser(
    "python -m launch.cost_model", description=__doc__.split("\n\n")[0]
  )
  parser.add_argument("--chip", choices=CHIPS, default="h200")
  parser.add_argument("--chips", type=int, nargs="+", default=[8, 64, 256],
                      help="numbers of chips to predict for")  # fmt: skip
  parser.add_argument("--batch_per_chip", type=int, default=64, help="examples")
  parser.add_argument("--feature_dim", type=int, default=1024, help="numbers per window")
  parser.add_argument("--efficiency", type=float, default=0.4, help="fraction of the peak reached")
  for field in dataclasses.fields(Chip):
    parser.add_argument(f"--{field.name}", type=field.type, help="in place of the published one")
  parser.add_argument("--json", type=path_argument, help="file that receives all numbers")
  cut = argv.index("--") if "--" in argv else len(argv)
  return parser.parse_args(argv[:cut]), argv[cut + 1 :]


def _simulate_devices():
  jax.config.update("jax_platforms", "cpu")
  jax.config.update("jax_num_cpu_devices", max(COUNTS))


def _configuration(rest):
  """The configuration that the flags behind "--" describe."""
  sys.argv = ["launch.cost_model", "--workdir=none", *rest]  # ml_collections looks there
  config, _, _ = command_line.parse(sys.argv)
  if config.task != "retrieval" or config.mesh.fsdp * config.mesh.tensor > 1:
    raise UserError("the cost model knows retrieval on meshes of mesh.fsdp=1 and mesh.tensor=1")
  return config


def _check(given):
  """Raises UserError on flags that nothing can be computed from."""
  if min(given.chips) < 2 or given.batch_per_chip < 1:
    raise UserError("--chips must be 2 or more, and --batch_per_chip 1 or more")
  for name in ("feature_dim", "efficiency", *(field.name for field in dataclasses.fields(Chip))):
    value = getattr(given, name)
    if value is not None and not value > 0:  # nan is not
      raise UserError(f"--{name} must be more than 0, not {value}")
  if given.json:
    existing_folder(given.json.absolute().parent, "--json", "make it or name another file")


def main(argv):
  """Prints the table; returns {number of chips: what `predict` returns}."""
  given, rest = _arguments(argv)
  _check(given)
  _simulate_devices()
  compile_cache.enable()
  config = _configuration(rest)
  changes = {f.name: v for f in dataclasses.fields(Chip) if (v := getattr(given, f.name))}
  chip = dataclasses.replace(CHIPS[given.chip], **changes)
  found = measure(config, given.batch_per_chip, given.feature_dim)
  laws = fit(found)
  predictions = {n: predict(laws, chip, n, given.efficiency) for n in given.chips}
  print(table(predictions, chip, given.batch_per_chip))
  if given.json:
    result = {"measured": found, "predicted": predictions, "chip": dataclasses.asdict(chip)}
    given.json.write_text(json.dumps(result, indent=2))
  return predictions


if __name__ == "__main__":
  with one_sentence():
    main(sys.argv[1:])
