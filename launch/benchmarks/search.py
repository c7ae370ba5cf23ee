"""Searches over an archive of made clips: ours, brute force in PyTorch, and Qdrant's local mode.

Every engine answers the same sentences in processes of its own, in turns, one at a time: a turn
lasts --seconds, so that slow engines answer fewer sentences ("searches" counts them). "alone" is a
search of one sentence, "8 together" a search of eight. Files that are mapped lie in the page cache
after the sentence that warms up, as far as there is memory for it.

"scored" is the share of the clips that the evaluation's arithmetic scored, the median of the
searches. "equal" counts the searches whose hits are those of PyTorch's brute force, those that
differ by ties alone included, among the sentences that both have answered; "of the best" is the
share of its hits that were found. "own GiB" is the memory of a process, "mapped GiB" what it has
mapped of files, libraries included.

With --check a proof takes the place of the times: the certified best of so many sentences beside
brute force, which reads the clips once for all sentences.
"""

import pathlib
import shutil
import statistics
import tempfile

from tqdm import tqdm

from launch.benchmarks import _measure, _search_check, _search_turns
from launch.benchmarks import _search_compare as compare
from launch.benchmarks import _search_tokens as made
from sign_jax.data.splits import SPLITS
from sign_jax.errors import UserError
from sign_jax.files import existing_folder, path_argument
from sign_jax.search.index import Index

_CLIPS = (1000, 20_000, 100_000)
_SENTENCES = 200  # of a turn, at most
_GIB = 2**30
_ROOM = 1.05  # beside the arrays: names, times


def add_arguments(parser):
  """Sizes, kinds, engines and time."""
  parser.add_argument("--clips", type=int, nargs="+", default=_CLIPS)
  parser.add_argument("--tokens", nargs="+", choices=made.KINDS, default=[made.CONTEXTUAL],
                      help="kinds of made tokens")  # fmt: skip
  parser.add_argument("--workdir", type=path_argument,
                      help="a trained run, whose tokens take the place of made ones")
  parser.add_argument("--split", choices=SPLITS, default="test", help="of that run's data set")
  parser.add_argument("--data_dir", type=path_argument, help="where that data set lies")
  parser.add_argument("--engines", nargs="+", choices=_search_turns.ENGINES,
                      default=list(_search_turns.ENGINES))  # fmt: skip
  parser.add_argument("--top", type=int, default=10, help="hits of a search")
  parser.add_argument("--seconds", type=float, default=30.0, help="of a turn")
  parser.add_argument("--rounds", type=int, default=2, help="turns of each engine")
  parser.add_argument("--folder", type=path_argument, default=tempfile.gettempdir(),
                      help="for the index, which is deleted at the end: 75 kB for a clip")
  parser.add_argument("--check", type=int, metavar="N",
                      help="prove the best of N sentences in place of timing (20,000 clips unless "
                      "--clips says otherwise)")  # fmt: skip


def run(args):
  """Measures; see `launch.benchmarks`.

  Raises:
    UserError: numbers that cannot be, no room on the disk, no PyTorch for a proof.
  """
  _check(args)
  rows, turns = [], {}
  sizes = args.clips
  if args.check and sizes is _CLIPS:
    sizes = [20_000]
  for spec in _specs(args):
    source = made.Source(spec)
    for clips in sizes:
      with tempfile.TemporaryDirectory(prefix="search-", dir=args.folder) as folder:
        where = pathlib.Path(folder) / "index"
        _write(where, source, clips)
        if args.check:
          rows.append(_search_check.row(where, source, spec.kind, clips, args.check, args.top))
        else:
          found = _timed(args, spec, where, source, clips)
          turns[f"{spec.kind}, {clips}"] = found
          rows += _rows(args, spec.kind, clips, found)
  names = ("clips", "top", "seconds", "rounds", "engines", "check", "split")
  return {
      "settings": {name: getattr(args, name) for name in names} | {"tokens": _kinds(args)},
      "packages": compare.packages(), "rows": rows, "seconds": {
          size: {name: [x.seconds for x in taken] for name, taken in engines.items()}
          for size, engines in turns.items()
      },
  }  # fmt: skip


def _check(args):
  _measure.check_positive(args, "top", "rounds")
  if min(args.clips) < 2 * args.top:
    raise UserError(f"--clips must be at least {2 * args.top}, twice --top")
  if not args.seconds > 0:
    raise UserError("--seconds must be more than 0")
  if args.check is not None and args.check < 1:
    raise UserError("--check must be at least 1")
  args.folder = existing_folder(pathlib.Path(args.folder), "--folder", "make it first")


def _kinds(args):
  return [made.RUN] if args.workdir else list(args.tokens)


def _specs(args):
  if not args.workdir:
    return [made.Spec(kind) for kind in args.tokens]
  data_dir = str(args.data_dir or "")
  return [made.Spec(made.RUN, str(args.workdir), args.split, data_dir)]


def _write(folder, source, clips):
  """Makes an index in the folder, by the library's own store."""
  index = Index.create(folder, source.model, "float16")
  needed = _ROOM * clips * sum(field.bytes for field in index.store.manifest.fields.values())
  free = shutil.disk_usage(folder).free
  if free < needed:
    raise UserError(
        f"{clips} clips need {needed / _GIB:.1f} GiB in {folder.parent.parent}, where "
        f"{free / _GIB:.1f} are free: pass another --folder, or fewer --clips"
    )
  with tqdm(total=clips, desc=f"writing {clips} clips", unit="clip", mininterval=1) as bar:
    for piece in source.pieces(clips):
      index.add(piece.videos, piece.clips, piece.times)
      bar.update(len(piece.clips))


def _timed(args, spec, folder, source, clips):
  """{engine: [`Taken` of each turn]}."""
  engines = {name: _search_turns.ENGINES[name] for name in args.engines}
  engines = {name: x for name, x in engines.items() if clips <= (x.most or clips)}
  plan = [
      (round_, name) for round_ in range(args.rounds) for name, engine in engines.items()
      if round_ < (engine.turns or args.rounds)
  ]  # fmt: skip
  texts = source.texts(args.rounds * _SENTENCES + 1, clips)
  each = max((len(texts) - 1) // args.rounds, 1)
  taken = {name: [] for name in engines}
  with tqdm(plan, unit="turn", mininterval=0.1) as bar:
    for round_, name in bar:
      bar.set_description(f"{clips} clips: {engines[name].title}")
      own = texts[round_ * each :][:each]
      taken[name].append(_search_turns.take(_search_turns.Turn(
          name, spec, str(folder), texts[-1], own, args.top, args.seconds,
          not args.default_allocator,
      )))  # fmt: skip
  return taken


def _rows(args, kind, clips, taken):
  median = {name: _median(turns) for name, turns in taken.items()}
  return [_row(args, kind, clips, name, taken, median) for name in taken]


def _median(turns):
  seconds = [x for turn in turns for x in turn.seconds]
  return statistics.median(seconds) if seconds else None


def _row(args, kind, clips, name, taken, median):
  engine, turns = _search_turns.ENGINES[name], taken[name]
  row = {"tokens": kind, "clips": clips, "engine": engine.title}
  columns = ("searches", "alone /s", "8 together /s", "p50 s", "p95 s", "times PyTorch", "scored %",
             "equal", "of the best %", "own GiB", "mapped GiB", "ready s")  # fmt: skip
  errors = [turn.error for turn in turns if turn.error]
  good = [turn for turn in turns if not turn.error]
  if not good:
    return row | dict.fromkeys(columns, "") | {"engine": f"{engine.title}: {errors[0]}"}
  seconds = sorted(x for turn in good for x in turn.seconds)
  together = [turn.together for turn in good if turn.together]
  beside = median.get(engine.beside)
  equal, best = _beside(args, turns, taken.get(engine.beside, []))
  values = (
      len(seconds), len(seconds) / sum(seconds),
      _search_turns.TOGETHER / min(together) if together else "", median[name],
      seconds[min(int(0.95 * len(seconds)), len(seconds) - 1)],
      beside / median[name] if beside else "",
      100 * statistics.median(x for turn in good for x in turn.scored), equal, best,
      max(turn.own for turn in good) / _GIB, max(turn.mapped for turn in good) / _GIB,
      min(turn.load for turn in good),
  )  # fmt: skip
  return row | dict(zip(columns, values, strict=True))


def _beside(args, turns, others):
  """("n of m" searches that are equal, the share of the best in percent) of sentences of both."""
  pairs = [
      pair for turn, other in zip(turns, others, strict=False)
      for pair in zip(turn.found, other.found, strict=False)
  ]  # fmt: skip
  if not pairs:
    return "", ""
  said = [compare.agreement(*pair, args.top) for pair in pairs]
  equal = sum(x != compare.OTHER for x in said)
  ties = said.count(compare.TIED)
  share = statistics.mean(compare.recall(*pair, args.top) for pair in pairs)
  return f"{equal} of {len(pairs)}" + (f", {ties} by ties" if ties else ""), 100 * share
