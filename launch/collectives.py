"""What the devices of a compiled program exchange, read from its text.

    count(compiled.as_text())

Loops count as often as they run, where the compiler knows how often. A collective's bytes are those
that a device sends in a ring of n devices: (n - 1) / n of an array that is gathered, scattered or
exchanged, twice that of one that is summed (Patarasuk and Yuan, 2009).
"""

import collections
import dataclasses
import math
import re

KINDS = ("all-gather", "all-reduce", "reduce-scatter", "all-to-all", "collective-permute")
_BYTES = {
    "pred": 1, "s8": 1, "u8": 1, "s16": 2, "u16": 2, "f16": 2, "bf16": 2,
    "s32": 4, "u32": 4, "f32": 4, "s64": 8, "u64": 8, "f64": 8,
}
_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.-]+) \(.*\{$")
_ARRAY = re.compile(r"\b([a-z]+\d+|pred)\[([\d,]*)\]")
_OPERATION = re.compile(
    rf"= (?P<shape>.+?) (?P<kind>{'|'.join(KINDS)})(?P<start>-start)?\(.*?\), (?P<rest>.*)"
)
_CALL = re.compile(
    r"(?:body|condition|calls|to_apply|true_computation|false_computation)=%?([\w.-]+)"
)
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')


@dataclasses.dataclass(frozen=True)
class Collective:
  """One operation of a program.

  Attributes:
    kind: one of KINDS.
    shapes: of its results, a tuple of ints each.
    dtypes: of its results, as XLA names them.
    devices: that exchange with one another.
    times: how often a step runs it.
  """

  kind: str
  shapes: tuple
  dtypes: tuple
  devices: int
  times: int

  @property
  def elements(self):
    """Of the largest result."""
    return max(map(math.prod, self.shapes))

  @property
  def nbytes(self):
    """Bytes of the results of one run."""
    return sum(
        math.prod(shape) * _BYTES[dtype]
        for shape, dtype in zip(self.shapes, self.dtypes, strict=True)
    )

  @property
  def sent(self):
    """Bytes that a device sends in a step."""
    share = (self.devices - 1) / self.devices
    factor = {
        "all-gather": share, "all-reduce": 2 * share, "reduce-scatter": self.devices * share,
        "all-to-all": share, "collective-permute": 1.0,
    }
    return self.times * self.nbytes * factor[self.kind]


def _computations(text):
  """{name: its lines}, and the name of the first one to run."""
  found, entry, lines = {}, None, []
  for line in text.splitlines():
    if begins := _COMPUTATION.match(line):
      lines = found.setdefault(begins[1], [])
      entry = begins[1] if line.startswith("ENTRY") else entry
    else:
      lines.append(line)
  return found, entry


def _times(computations, entry):
  """{name: how often a computation runs in one run of the program}."""
  times, todo = collections.Counter(), [(entry, 1)]
  while todo:
    name, factor = todo.pop()
    times[name] += factor
    for line in computations[name]:
      trips = int(found[1]) if (found := _TRIPS.search(line)) else 1
      names = _CALL.findall(line)
      for group in _BRANCHES.findall(line):
        names += [part.strip().lstrip("%") for part in group.split(",")]
      todo += [(called, factor * trips) for called in names if called in computations]
  return times


def _group_size(rest, devices):
  """How many devices exchange: replica_groups={{0,1},{2,3}} or [2,4]<=[8]."""
  if found := re.search(r"replica_groups=\[(\d+),(\d+)\]", rest):
    return int(found[2])
  if found := re.search(r"replica_groups=\{\{([\d,]+)\}", rest):
    return len(found[1].split(","))
  return devices


def _results(shape, is_start):
  """((dtype, shape), ...); of an asynchronous start the second half of its pair."""
  arrays = [
      (dtype, tuple(int(n) for n in sizes.split(",") if n))
      for dtype, sizes in _ARRAY.findall(shape)
  ]
  return arrays[len(arrays) // 2 :] if is_start and shape.startswith("(") else arrays


def count(text, devices=1):
  """Every `Collective` of a program.

  Args:
    text: what `jax.stages.Compiled.as_text()` returns.
    devices: of the program, for operations that do not name their groups.
  """
  computations, entry = _computations(text)
  times, found = _times(computations, entry), []
  for name, lines in computations.items():
    for line in lines:
      if not (operation := _OPERATION.search(line)):
        continue
      pair = operation["start"] and operation["kind"] != "all-reduce"
      results = _results(operation["shape"], pair)
      dtypes, shapes = zip(*results, strict=True)
      size = _group_size(operation["rest"], devices)
      found.append(Collective(operation["kind"], shapes, dtypes, size, times[name]))
  return found


def sent_by_kind(collectives):
  """{kind: bytes that a device sends in a step}."""
  totals = collections.Counter()
  for collective in collectives:
    totals[collective.kind] += collective.sent
  return dict(totals)


def gathers_of_pairs(collectives, batch_size, tokens):
  """The all-gathers whose result has as many elements as `tokens` similarities of every pair.

  Late interaction is never in one place: a program in which this finds something does not scale.

  Args:
    batch_size: B of the global batch; larger than the width of a token, or tokens count as well.
    tokens: of the shorter modality.
  """
  limit = batch_size * batch_size * tokens
  return [c for c in collectives if c.kind == "all-gather" and c.elements >= limit]
