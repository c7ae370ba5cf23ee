"""Fills a paper's table: prints published beside measured numbers.

    python -m launch.reproduce upret/table4
    python -m launch.reproduce upret/table1 --checkpoints DIR

Trains every row with every seed. Finished runs are collected, and stopped ones are continued. With
--checkpoints nothing is trained: every row's file of weights in DIR, such as a released checkpoint,
is evaluated on the test split of a data set that is built. The file of a row is
DIR/DATASET/ROW.bin (or .pt, .pth, .safetensors) or DIR/DATASET/ROW/pytorch_model.bin, where ROW is
the row's name in the table, or its system; DIR/ROW.bin and DIR/ROW/pytorch_model.bin will do too.
Rows that cannot be filled are named.

Writes TABLE.txt, TABLE.md and, for a figure, TABLE.png. Arguments that begin with --config. go to
every run.
"""

import argparse

from launch.reproductions import checkpoints, output, rows, runs
from launch.tables import LEFT_OUT, TABLES
from sign_jax.errors import UserError, did_you_mean, one_sentence, printable
from sign_jax.files import path_argument
from sign_jax.run import compile_cache
from sign_jax.systems.nla_slr import settings as nla_slr
from sign_jax.systems.retrieval_settings import DATASETS
from sign_jax.systems.signvtcl import settings as signvtcl

_SIMULATOR, _SEEDS = "signing_sim", (0, 1, 2)
_DATASETS = tuple(dict.fromkeys((*DATASETS, *nla_slr.DATASETS, *signvtcl.DATASETS)))


def _parser():
  parser = argparse.ArgumentParser(
    prog="python -m launch.reproduce", description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )  # fmt: skip
  parser.add_argument("table", help=f"one of {', '.join(TABLES)}")
  parser.add_argument("--dataset", choices=_DATASETS,
                      help=f"{_SIMULATOR} by default, with --checkpoints the table's")
  parser.add_argument("--seeds", type=int, nargs="+", help="one run each; 0 1 2 by default")
  parser.add_argument("--workdirs", default="runs/reproduce", type=path_argument,
                      help="folder of the runs")
  parser.add_argument("--collect", action="store_true", help="train nothing, collect what is there")
  parser.add_argument("--checkpoints", type=path_argument, metavar="DIR",
                      help="train nothing, evaluate the files of weights in this folder")
  return parser  # fmt: skip


def main(argv=None):
  """The command line."""
  args, extra = _parser().parse_known_args(argv)
  with one_sentence():
    if args.table not in TABLES:
      raise UserError(
          f"there is no table {args.table!r}: choose one of {', '.join(TABLES)}"
          + did_you_mean(args.table, TABLES)
      )
    table = TABLES[args.table]
    rows.check_extra(table, extra)
    if args.checkpoints:
      _from_checkpoints(table, args, extra)
    else:
      _from_runs(table, args, extra)


def _from_runs(table, args, extra):
  dataset, seeds = args.dataset or _SIMULATOR, args.seeds or _SEEDS
  root = args.workdirs / dataset
  found, failed = runs.measure(table, dataset, seeds, root, extra, train=not args.collect)
  note = f"mean ± standard deviation over seeds {', '.join(map(str, seeds))}"
  lines = [note + _left_out(table, found), *_not_filled(failed)]
  _write(table, found, dataset, lines, root, args)


def _from_checkpoints(table, args, extra):
  if args.seeds or args.collect:
    given = "--seeds" if args.seeds else "--collect"
    raise UserError(f"{given} is for runs that train: leave it out with --checkpoints")
  compile_cache.enable()
  dataset = args.dataset or table.dataset or _SIMULATOR
  root = args.workdirs / dataset / "checkpoints"
  found, missing, facts = checkpoints.measure(table, dataset, args.checkpoints, root, extra)
  lines = ["; ".join(facts) + _left_out(table, found)] if facts else []
  _write(table, found, dataset, [*lines, *_not_filled(missing)], root, args)


def _not_filled(missing):
  return [f"not filled: {label}: {printable(why)}" for label, why in missing.items()]


def _write(table, found, dataset, lines, root, args):
  output.write(table, found, dataset, "\n".join(lines), root / args.table.replace("/", "-"))
  if not found:
    raise UserError(f"no row of {args.table} could be filled: the lines above say why")


def _left_out(table, found):
  fewer = [row.label for row in table.rows if any(found.get(row.label, {}).get(LEFT_OUT, ()))]
  return f"; without the videos that show no usable hand: {', '.join(fewer)}" if fewer else ""


if __name__ == "__main__":
  main()
