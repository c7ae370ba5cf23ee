"""What the benchmarks share: timing in turns, reference programs, peak rates of accelerators."""

import ast
import importlib
import pathlib
import statistics
import time

import jax
from tqdm import tqdm

from configs import upret
from sign_jax.errors import UserError

# Dense bfloat16 operations a second of one device, of the makers' data sheets; the first name that
# begins the device's kind counts.
PEAKS = {
  "NVIDIA H200": 989e12, "NVIDIA H100 PCIe": 756e12, "NVIDIA H100": 989e12, "NVIDIA A100": 312e12,
  "NVIDIA B200": 2250e12, "NVIDIA L4": 121e12, "TPU v4": 275e12, "TPU v5 lite": 197e12,
  "TPU v5": 459e12, "TPU v6 lite": 918e12,
}  # fmt: skip
UNMEASURED = "unmeasured"
_SAME = 1e-3  # how far the first losses of two programs in float32 may lie apart, as a share


def in_turns(ways, repeats):
  """Times every way once a round, so that what else the machine does meets all alike.

  Args:
    ways: {name: function that returns when its work is done}; each is called once before.
    repeats: rounds.

  Returns:
    {name: [(seconds, processor seconds of this program) of each round]}.
  """
  seconds = {name: [] for name in ways}
  with tqdm(total=len(ways) * (repeats + 1), unit="run") as bar:
    for round_ in range(-1, repeats):
      for name, run in ways.items():
        bar.set_description(name)
        start = time.perf_counter(), time.process_time()
        run()
        if round_ >= 0:
          seconds[name].append(
            (time.perf_counter() - start[0], time.process_time() - start[1])
          )
        bar.update()
  return seconds


def rows(seconds, reference, amount, unit):
  """One row for each way of `in_turns`.

  Args:
    reference: the way that the others are compared with, by their best times.
    amount, unit: what a run does, as in 32, "pairs".
  """
  wall = {name: [x for x, _ in times] for name, times in seconds.items()}
  best = {name: min(times) for name, times in wall.items()}
  return [
    {
      "way": name, "best s": best[name], "median s": statistics.median(wall[name]),
      "best CPU s": min(x for _, x in times), f"{unit}/s": amount / best[name],
      f"times {reference}": best[reference] / best[name],
    }
    for name, times in seconds.items()
  ]  # fmt: skip


def utilisation(flops, seconds):
  """Share of the devices' peak rate, or that it is not known of this kind of device."""
  kind = jax.devices()[0].device_kind
  peak = next((rate for name, rate in PEAKS.items() if kind.startswith(name)), None)
  return flops / seconds / (peak * jax.device_count()) if peak else UNMEASURED


def on_cpu():
  """True where jax has no accelerator."""
  return jax.default_backend() == "cpu"


def goals(*texts):
  """What a result says of goals for accelerators: nothing, when there is one."""
  return {"unmeasured": list(texts)} if on_cpu() else {}


def reference(module):
  """PyTorch and a module of the references in PyTorch.

  Raises:
    UserError: PyTorch or the checkout's tests, whose part the references are, cannot be imported.
  """
  try:
    # The references skip tests by pytest where PyTorch is missing.
    torch = importlib.import_module("torch")
    found = importlib.import_module(module)
  except ImportError as error:
    raise UserError(
      f"this benchmark compares with PyTorch, and {error.name or error} is missing: install "
      "PyTorch and pytest and start it in the checkout's root"
    ) from error
  return torch, found


def reference_alone(module):
  """A module of the references that needs no PyTorch.

  Raises:
    UserError: the checkout's tests, whose part the references are, cannot be imported.
  """
  try:
    return importlib.import_module(module)
  except ImportError as error:
    raise UserError(
      "this benchmark compares with a reference of the checkout's tests: start it in the "
      "checkout's root"
    ) from error


def add_repeats(parser, default=5):
  """--repeats."""
  parser.add_argument("--repeats", type=int, default=default, help="rounds that are timed")


def check_positive(args, *names):
  """Raises UserError on an option below 1."""
  for name in names:
    if getattr(args, name) < 1:
      raise UserError(f"--{name} must be at least 1")


def upret_config(batch_size, changes=()):
  """configs/upret.py at a batch size, with changes "KEY=VALUE".

  Raises:
    UserError: for a change that cannot be read.
  """
  config = upret.get_config("how2sign")
  config.update_from_flattened_dict({
    "batch_size": batch_size, "eval_batch_size": batch_size, "steps": 1000,
    "data.combine": "agnostic",
    "optim.precision": "float32",  # as PyTorch's step, and as in all earlier measurements
  })
  for change in changes:
    key, _, value = change.partition("=")
    try:
      config.update_from_flattened_dict({key: ast.literal_eval(value)})
    except (ValueError, SyntaxError, KeyError, TypeError) as error:
      raise UserError(f"--set {change}: give KEY=VALUE of the configuration") from error
  return config


def compiled_step(step, variables, optimizer, batch, options):
  """A function that takes a training step and returns its loss; compiled here.

  Args:
    step: function (variables, state of the optimiser, *batch) -> (loss, variables, state).
    variables, optimizer: where training begins.
    batch: tuple of arrays and dicts of them.
    options: of the compiler.
  """
  # Copies: what came from PyTorch shares its memory, and a step gives up its arguments.
  variables = jax.tree.map(lambda x: jax.numpy.array(x, copy=True), variables)
  kept = [variables, optimizer.init(variables["params"])]
  placed = jax.device_put(batch)
  jitted = jax.jit(step, donate_argnums=(0, 1), compiler_options=options)
  compiled = jitted.lower(*kept, *placed).compile()

  def once():
    loss, *kept[:] = compiled(*kept, *placed)
    return float(jax.block_until_ready(loss))

  return once


def beside_reference(args, ways, reference, unit, options):
  """Times training steps in turns, and the memory of each; what a benchmark's `run` returns.

  Args:
    args: has `batch_size`, `repeats` and what `options` names.
    ways: {name: function that takes a step and returns its loss}; all begin with the same one.
    reference: the way that the others are compared with.
    unit: what a batch counts, in the plural.
    options: names of the settings.

  Raises:
    UserError: the losses of the first step differ, so that the ways do not do the same work.
  """
  peaks = {}
  first = {name: step() for name, step in ways.items()}
  _check_same(first, reference)
  seconds = in_turns(
    {name: watched(step, name, peaks) for name, step in ways.items()}, args.repeats
  )
  found = rows(seconds, reference, args.batch_size, unit)
  for row in found:
    row["GiB"] = peaks[row["way"]] / 2**30
    row["cores"] = min(cpu / wall for wall, cpu in seconds[row["way"]])
  return {
    "settings": {name: getattr(args, name) for name in options},
    "rows": found, "seconds": seconds, "losses_of_the_first_step": first,
  }


def _check_same(losses, reference):
  """`losses` of the same batch: {way: number}."""
  expected = losses[reference]
  for name, loss in losses.items():
    if not abs(loss - expected) <= _SAME * abs(expected):
      raise UserError(
        f"{name} and {reference} do not compute the same: their losses of the first step are "
        f"{loss:.6g} and {expected:.6g}"
      )


def watched(step, name, peaks):
  """The step, which notes the most memory that it needed beyond what the program held before."""

  def run():
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here on
    before = _status("VmRSS")
    step()
    peaks[name] = max(peaks.get(name, 0), _status("VmHWM") - before)

  return run


def _status(field):
  """A number of bytes that Linux tells of this program."""
  lines = pathlib.Path("/proc/self/status").read_text().splitlines()
  return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))
