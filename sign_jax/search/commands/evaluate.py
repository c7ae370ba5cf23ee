"""Measures an index on a split of its run's data set.

The metrics are those of `python -m sign_jax.main --mode evaluate`, from the index. Where the data
set says when signs are signed, the places of hits are compared with these times: in the split's own
clips, each of which shows one sentence, and in films that join several clips of a signer. "middle"
is a window as long as the hit in the middle of what the hit is in, "whole" is all of that: the
clip, or the part of the film.

Of a dictionary of signs it is measured how often the nearest other clips show the same sign, among
all clips and among those of other signers; --split then chooses the clips that are looked for.
"""

from sign_jax.api import loading
from sign_jax.data.splits import SPLITS
from sign_jax.errors import UserError
from sign_jax.files import path_argument
from sign_jax.search import embedding
from sign_jax.search.commands import options
from sign_jax.search.evaluation import neighbours
from sign_jax.search.index import Index
from sign_jax.train.report import RESULTS, write_json
from sign_jax.untrusted import budget

NAME, HELP = "evaluate", "measures an index on a split of its data set"
_SENTENCES = 6


def add_arguments(parser):
  """The options."""
  options.add_run(parser)
  parser.description = __doc__
  parser.add_argument("--split", choices=SPLITS,
                      help="(default: test; of a dictionary: all clips)")  # fmt: skip
  parser.add_argument("--data_dir", type=path_argument,
                      help="folder of the data sets, where the run had another")  # fmt: skip
  parser.add_argument("--sentences", type=int, default=_SENTENCES,
                      help=f"of a film (default: {_SENTENCES})")  # fmt: skip
  options.add_part(parser, "of the parts of a film")
  parser.add_argument("--json", type=path_argument, metavar="FILE", help="file for the numbers")


def run(args):
  """True; what goes wrong is raised."""
  if args.sentences < 1:
    raise UserError(f"--sentences {args.sentences} must be at least 1")
  options.check_part(args)
  index = Index.open(args.index, loading.load(args.workdir))
  numbers = _signs(index, args) if embedding.is_of_signs(index.model) else _sentences(index, args)
  if args.json:
    write_json(args.json, numbers)
    print(f"wrote {args.json}")
  return True


def _signs(index, args):
  """Prints how often the nearest clips show the same sign; returns the numbers."""
  numbers = neighbours.measure(index, args.split)
  print("\n".join(neighbours.table(numbers)))
  return {"split": args.split, "signs": numbers}


def _sentences(index, args):
  """Prints the metrics of a split and how places are found; returns the numbers."""
  # A data set is read by TensorFlow Datasets, which takes seconds to load.
  from sign_jax.search.evaluation import measure, split, table

  name = args.split or "test"
  found = split.read(index.model, name, str(args.data_dir or ""))
  numbers = measure.metrics(index, found)
  data = found.data
  print(f"{name} of {data.label}: {len(data.video_ids)} videos, "
        f"{len(data.sentence_texts)} sentences")  # fmt: skip
  print("\n".join(table.of_metrics(numbers, _results(args.workdir, name))))
  places = _places(index, found, args)
  if places:
    print("\n".join(["", *table.of_places(places)]))
  for title, row in places.items():
    if "right_place" in row:
      print(f"{title}: a whole film overlaps by {row['film/overlap']:.1f} %; of searches in all "
            f"{row['films']:.0f} of them, {row['right_film']:.1f} % find the film first and "
            f"{row['right_place']:.1f} % the place")  # fmt: skip
  return {"split": name, "metrics": numbers, "places": places}


def _places(index, found, args):
  """{what was searched: numbers}; {} where no times of signs are known, or no windows."""
  from sign_jax.search.evaluation import measure

  if not any(video.signed for video in found.videos):
    print("the data set does not say when signs are signed: places are not measured")
    return {}
  if not index.model.trained.system.late_interaction:
    print(f"{index.model.system} has one vector for a clip, and so finds no places in it")
    return {}
  places = {"clips of one sentence": measure.in_clips(index, found)}
  if found.data.poses:
    print(f"{index.model.system} reads poses, which films are not joined of: only clips are "
          "measured")  # fmt: skip
    return places
  title = f"films of up to {args.sentences} sentences"
  length = options.part(args, index.model)
  return places | {title: measure.in_films(index, found, args.sentences, length)}


def _results(workdir, split):
  """{name: number} of a split in the results.json of a run; {} where there is none."""
  try:
    content = budget.read_json(workdir / RESULTS)
  except (OSError, ValueError):
    return {}
  begin = f"{split}/"
  return {
      name.removeprefix(begin): float(value) for name, value in content.items()
      if name.startswith(begin) and isinstance(value, int | float)
  } if isinstance(content, dict) else {}  # fmt: skip
