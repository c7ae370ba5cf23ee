"""Runs a benchmark and prints a table: `python -m launch.benchmark NAME [--json FILE]`.

`python -m launch.benchmark NAME --help` lists the options of one benchmark.
"""

import argparse
import datetime
import importlib.metadata
import os
import platform
import sys

import jax

from launch import benchmarks
from launch.reproductions.output import as_text
from sign_jax.errors import UserError, one_sentence
from sign_jax.files import existing_folder, path_argument
from sign_jax.run import compile_cache, host_memory
from sign_jax.train.report import write_json

_PACKAGES = (
  "sign_jax", "jax", "jaxlib", "flax", "numpy", "grain", "array_record", "tensorflow-datasets",
)


def machine(keeps_memory):
  """What a reader needs to know of this machine; nothing that tells which one it is."""
  return {
    "keeps_freed_memory": keeps_memory,  # of all ways, see `sign_jax.run.host_memory`
    "cores": len(os.sched_getaffinity(0)),
    "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
    "architecture": platform.machine(),
    "system": platform.system(),
    "devices": [device.device_kind for device in jax.devices()],
  }


def versions():
  """{package: version}, Python's too; "checkout" for one that is not installed as a package."""
  found = {"python": platform.python_version()}
  for name in _PACKAGES:
    try:
      found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      found[name] = "checkout"
  return found


def measure(name, module, args, keeps_memory):
  """The benchmark's result with date, versions, machine and load before and after."""
  before = os.getloadavg()[0]
  result = module.run(args)
  return {
    "benchmark": name,
    "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    "versions": versions(),
    "machine": {
      **machine(keeps_memory), "load": [round(x, 1) for x in (before, os.getloadavg()[0])],
    },
    **result,
  }


def table(rows):
  """Rows {column: text or number} as aligned text."""
  cell = lambda value: value if isinstance(value, str) else f"{value:,.4g}"
  header = list(rows[0])
  return as_text(header, [[cell(row[column]) for column in header] for row in rows])


def _report(result, path):
  where = result["machine"]
  print(table(result["rows"]))
  print(
    f"{result['date']}, {where['cores']} CPU cores, {', '.join(sorted(set(where['devices'])))}, "
    f"load {where['load'][0]} before and {where['load'][1]} after"
  )
  if path:
    write_json(path, result)
    print(f"wrote {path}")


def main(argv=None, keep_freed=lambda: False):
  """The command line; `keep_freed` is called before anything is measured."""
  argv = sys.argv[1:] if argv is None else argv
  known = ", ".join(benchmarks.names())
  parser = argparse.ArgumentParser(prog="python -m launch.benchmark", description=__doc__)
  parser.add_argument("name", help=f"one of {known}")
  with one_sentence():
    named = argv[:1] if argv and not argv[0].startswith("-") else []
    module = benchmarks.load(named[0]) if named else None
    parser.add_argument("--json", type=path_argument, help="file for the results")
    parser.add_argument(
      "--default_allocator", action="store_true",
      help="return freed memory to the system, as PyTorch's programs do (docs/speed.md)",
    )  # fmt: skip
    if module:
      parser.description = module.__doc__
      module.add_arguments(parser)
    args = parser.parse_args(argv)
    if module is None:  # options came first
      raise UserError(f"the first argument is the benchmark's name: one of {known}")
    if args.json:
      existing_folder(args.json.absolute().parent, "--json", "make it first")
    keeps_memory = not args.default_allocator and keep_freed()
    compile_cache.enable()
    _report(measure(args.name, module, args, keeps_memory), args.json)


if __name__ == "__main__":
  main(keep_freed=host_memory.keep_freed)
