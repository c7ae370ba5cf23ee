"""Computes what searches of a large archive would take on one accelerator; nothing is measured.

    python -m launch.search_cost --clips 1000000 --chip h100

For several ways to look at all clips: the bytes that are read from the chip's memory, once for all
sentences of a batch; the operations of matrix products; and what is done with each similarity
besides. The time of a way is between the longest of these three, if they overlap, and their sum.
Peaks are the makers' numbers for dense products, of which --efficiency is taken to be reached, and
of the memory's bandwidth --bandwidth_share. Tokens must fit into the memory beside what a batch
needs.

The ways:
- "codes": bounds from the short codes (62 numbers and two lengths), whose products may be of
  float16, as what that rounds can be added to the bounds. It tells how long a search takes whose
  best stand out; the few clips that are then scored are left out.
- "tokens, float16": all scores in one pass, tokens of float16 and sentences in two parts of
  float16 (what one rounds is the other), so that products are exact but for their sums in float32.
- "tokens, float32": the same with products of float32, which run outside of the matrix units.
"fused" keeps similarities on the chip; "written" writes them to the memory once and reads them
twice, which is what a compiler does that does not join the product with what follows.
"""

import argparse
import dataclasses
import sys

from sign_jax.errors import UserError, one_sentence
from sign_jax.files import existing_folder, path_argument
from sign_jax.search import codes
from sign_jax.train.report import write_json


@dataclasses.dataclass(frozen=True)
class Chip:
  """Published numbers of an accelerator.

  Attributes:
    narrow: operations of float16 products a second, dense, summed in float32.
    wide: operations of float32 a second, outside of the matrix units.
    powers: exponentials a second.
    bandwidth: bytes a second of its memory.
    memory: bytes.
  """

  narrow: float
  wide: float
  powers: float
  bandwidth: float
  memory: float


# Of the makers' data sheets; exponentials: 16 a cycle of each of 132 multiprocessors at 1.7 GHz.
CHIPS = {
    "h100": Chip(989e12, 67e12, 3.6e12, 3.35e12, 80e9),
    "h200": Chip(989e12, 67e12, 3.6e12, 4.8e12, 141e9),
}
BATCHES = (1, 8, 64)
GOAL_SECONDS, GOAL_RATE = 0.025, 500.0  # of a sentence alone, and sentences a second in batches
_POWER_STEPS, _MAXIMUM_STEPS = 8, 2  # operations for each similarity beside its product and power


@dataclasses.dataclass(frozen=True)
class Sizes:
  """An archive: clips, tokens of a clip, words of a sentence with padding, channels."""

  clips: int
  tokens: int = 65
  words: int = 32
  width: int = 512


@dataclasses.dataclass(frozen=True)
class Way:
  """A way to look at all clips.

  Attributes:
    columns: numbers of a token that are read; 0 for all channels.
    parts: products of float16 for each of the sentence's numbers; 0 for one of float32.
    powers: whether each similarity needs an exponential.
    written: whether similarities go through the memory.
  """

  columns: int = 0
  parts: int = 1
  powers: bool = True
  written: bool = False


WAYS = {
    "codes": Way(columns=codes.COLUMNS, powers=False),
    "tokens, float16, fused": Way(parts=2),
    "tokens, float16, written": Way(parts=2, written=True),
    "tokens, float32, written": Way(parts=0, written=True),
}


def cost(
    way: Way, sizes: Sizes, chip: Chip, batch: int, efficiency: float = 0.5,
    bandwidth_share: float = 0.8,
) -> dict[str, float]:
  """What a batch of sentences takes.

  Args:
    way: `Way`.
    sizes: of the archive.
    chip: `Chip`.
    batch: sentences that one look serves.
    efficiency, bandwidth_share: what is reached of the chip's operations and of its bandwidth.

  Returns:
    {"stored": bytes of the archive, "bytes" that are read or written, "flop" of products; and
    seconds: "read", "products", "besides", "fastest", "slowest"}.
  """
  columns = way.columns or sizes.width
  stored = 2.0 * sizes.clips * sizes.tokens * columns
  similarities = float(sizes.clips) * sizes.tokens * sizes.words * batch
  moved = stored + 4 * 3 * similarities * way.written
  flop = 2 * similarities * columns * max(way.parts, 1)
  steps = _POWER_STEPS if way.powers else _MAXIMUM_STEPS
  seconds = {
      "read": moved / (chip.bandwidth * bandwidth_share),
      "products": flop / ((chip.narrow if way.parts else chip.wide) * efficiency),
      "besides": (steps * similarities / chip.wide + way.powers * similarities / chip.powers)
      / efficiency,
  }  # fmt: skip
  return {
      "stored": stored, "bytes": moved, "flop": flop, **seconds,
      "fastest": max(seconds.values()), "slowest": sum(seconds.values()),
  }


def table(found: dict[tuple[str, int], dict[str, float]]) -> str:
  """Text with a line for every way and batch."""
  head = ("GB moved", "TFLOP", "read ms", "products ms", "besides ms", "batch ms", "sentences/s")
  lines = [f"{'way':<28}{'batch':>6}" + "".join(f"{name:>15}" for name in head)]
  for (name, batch), x in found.items():
    spans = (
        f"{1e3 * x['fastest']:.1f}-{1e3 * x['slowest']:.1f}",
        f"{batch / x['slowest']:.0f}-{batch / x['fastest']:.0f}",
    )
    cells = (f"{x['bytes'] / 1e9:.1f}", f"{x['flop'] / 1e12:.2f}",
             *(f"{1e3 * x[part]:.2f}" for part in ("read", "products", "besides")), *spans)
    lines.append(f"{name:<28}{batch:>6}" + "".join(f"{cell:>15}" for cell in cells))
  return "\n".join(lines)


def verdict(found: dict[tuple[str, int], dict[str, float]]) -> list[str]:
  """Which ways reach the goals, by their slowest and their fastest times."""
  def said(slowest, fastest):
    return "yes" if slowest else "only if all overlaps" if fastest else "no"

  lines = []
  for name in WAYS:
    alone = found[name, min(BATCHES)]
    rates = [
        (batch / x["slowest"], batch / x["fastest"])
        for (way, batch), x in found.items() if way == name
    ]
    times = said(alone["slowest"] <= GOAL_SECONDS, alone["fastest"] <= GOAL_SECONDS)
    rate = said(*(max(column) >= GOAL_RATE for column in zip(*rates, strict=True)))
    lines.append(f"{name}: a sentence within {1e3 * GOAL_SECONDS:g} ms: {times}; "
                 f"{GOAL_RATE:g} sentences a second in batches: {rate}")  # fmt: skip
  return lines


def _arguments(argv):
  parser = argparse.ArgumentParser(
      "python -m launch.search_cost", description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter,
  )  # fmt: skip
  parser.add_argument("--chip", choices=CHIPS, default="h100")
  parser.add_argument("--clips", type=int, default=1_000_000)
  parser.add_argument("--tokens", type=int, default=Sizes.tokens, help="of a clip")
  parser.add_argument("--words", type=int, default=Sizes.words, help="of a sentence, with padding")
  parser.add_argument("--width", type=int, default=Sizes.width, help="of a token")
  parser.add_argument("--efficiency", type=float, default=0.5, help="share of the peaks reached")
  parser.add_argument("--bandwidth_share", type=float, default=0.8,
                      help="of the memory's bandwidth")  # fmt: skip
  parser.add_argument("--json", type=path_argument, help="file that receives all numbers")
  return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> dict[tuple[str, int], dict[str, float]]:
  """Prints the table; returns {(way, batch): what `cost` returns}."""
  given = _arguments(argv)
  for name in ("clips", "tokens", "words", "width", "efficiency", "bandwidth_share"):
    if not getattr(given, name) > 0:  # nan is not
      raise UserError(f"--{name} must be more than 0, not {getattr(given, name)}")
  if given.json:
    existing_folder(given.json.absolute().parent, "--json", "make it or name another file")
  chip, sizes = CHIPS[given.chip], Sizes(given.clips, given.tokens, given.words, given.width)
  found = {
      (name, batch): cost(way, sizes, chip, batch, given.efficiency, given.bandwidth_share)
      for name, way in WAYS.items() for batch in BATCHES
  }
  stored = sum(found[name, 1]["stored"] for name in ("codes", "tokens, float16, fused"))
  print(f"computed, not measured: {given.clips} clips of {given.tokens} x {given.width} on one "
        f"{given.chip}, {100 * given.efficiency:g} % of its operations and "
        f"{100 * given.bandwidth_share:g} % of its bandwidth")  # fmt: skip
  print(table(found))
  print("\n".join(verdict(found)))
  print(f"tokens and codes take {stored / 1e9:.1f} GB of {chip.memory / 1e9:g}"
        + ("" if stored < chip.memory else ": they do not fit"))  # fmt: skip
  if given.json:
    rows = [{"way": name, "batch": batch, **x} for (name, batch), x in found.items()]
    write_json(given.json, {"chip": dataclasses.asdict(chip), "sizes": dataclasses.asdict(sizes),
                            "computed": rows})  # fmt: skip
  return found


if __name__ == "__main__":
  with one_sentence():
    main(sys.argv[1:])
