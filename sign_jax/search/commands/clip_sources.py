"""Where the clips of `build` and `add` come from: a split, feature files or videos."""

from sign_jax.api import loading
from sign_jax.data import shards
from sign_jax.data.annotations import beside, sentences
from sign_jax.data.splits import SPLITS
from sign_jax.encoder import clips
from sign_jax.encoder import weights as encoder_weights
from sign_jax.errors import UserError, printable
from sign_jax.files import path_argument
from sign_jax.search import embedding, filling, sources
from sign_jax.search.commands import options, signs
from sign_jax.search.index import Index
from sign_jax.search.manifest import STORAGES


def add_arguments(parser):
  """The options of both commands."""
  options.add_run(parser)
  parser.add_argument("--split", choices=SPLITS, help="of the data set that the run names")
  parser.add_argument("--data_dir", type=path_argument,
                      help="folder of the data sets, where the run had another")  # fmt: skip
  parser.add_argument("--features", type=path_argument,
                      help="folder of feature files that sign_jax.extract has written")
  options.add_part(parser, "long videos are cut into parts of so many seconds, each half in the "
                   "next one")  # fmt: skip
  parser.add_argument("--storage", choices=STORAGES, default=STORAGES[0],
                      help="of a new index: exact scores, or half the size")  # fmt: skip
  parser.add_argument("--captions", type=path_argument, metavar="DIR",
                      help="folder of .vtt, .srt or .eaf files called as the --videos: a clip for "
                      "each sentence in them")  # fmt: skip
  parser.add_argument("--tier", default=sentences.TIER,
                      help=f"of .eaf in --captions (default: {sentences.TIER})")  # fmt: skip
  signs.add_all_signs(parser)
  signs.add_keypoints(parser, "folder of keypoints, called as the --videos", "DIR")
  encoder_weights.add_arguments(parser, need_videos=False)


def fill(args, index_of):
  """Fills an index and prints what became of the videos; returns whether all are in it.

  Args:
    args: parsed options.
    index_of: function of the model that makes or opens the index.
  """
  named = [name for name in ("split", "features", "videos") if getattr(args, name)]
  if len(named) != 1:
    raise UserError("pass one of --split, --features and --videos: where the clips come from")
  if args.captions and (args.csv or not args.videos):
    raise UserError("--captions belongs to --videos, without --csv: leave one out")
  if args.all_signs and not args.split:
    raise UserError("--all_signs belongs to --split: leave it out")
  options.check_part(args)
  model = loading.load(args.workdir)
  signs.check_options(args, Index.check_model(model))
  if args.all_signs and not embedding.is_of_signs(model):
    raise UserError(f"--all_signs are of a dictionary, and not of {model.system}: leave it out")
  # Before the index is made: a mistake must not leave an empty one.
  find, warning = _finders(model)[named[0]](args, model)
  index = index_of(model)
  summary = filling.fill(index, *find(index))
  _tell(summary, index)
  return not (summary.failed or warning)


def _finders(model):
  """{where clips come from: function of the options and the model}."""
  if embedding.is_of_signs(model):
    videos = lambda args, model: signs.of_videos(args, model, _videos, _apart)
    return {"split": signs.of_split, "features": signs.of_features, "videos": videos}
  return {"split": _of_split, "features": _of_features, "videos": _of_videos}


def _of_split(args, model):
  """(function of the index -> the arguments of `filling.fill`, warning), as the two below."""
  opened = sources.open_split(model, args.split, str(args.data_dir or ""))
  return lambda index: (opened.videos(index.store.has_video), opened.total), ""


def _of_features(args, model):
  jobs = shards.take(sources.find_features(args.features, model), args.shard)
  length = options.part(args, model)

  def find(index):
    new, there = _apart(jobs, index)
    return sources.of_features(new, length), len(new), there

  return find, ""


def _of_videos(args, model):
  sources.check_reads_features(model)
  found = _listed(args)
  jobs = shards.take(found.clips, args.shard)
  source = encoder_weights.find(args)
  clips.tell(found, {})
  length = options.part(args, model)

  def find(index):
    new, there = _apart(jobs, index)
    if not new:
      return [], 0, there
    encoder = source.encoder(args.batch_size)
    return sources.of_videos(new, encoder, args.stride, length), len(new), there

  return find, found.warning


def _videos(args):
  """The videos, after what is unusual of them is told."""
  found = _listed(args)
  clips.tell(found, {})
  return found


def _listed(args):
  return _captioned(args) if args.captions else clips.find(args.videos, args.csv)


def _apart(jobs, index):
  """(Those that are not in the index, the names of those that are)."""
  new, there = [], []
  for job in jobs:
    if index.store.has_video(job.name):
      there.append(job.name)
    else:
      new.append(job)
  return new, there


def _captioned(args):
  """The clips of sentences in files beside videos, as `clips.find` gives those of a table."""
  read = beside.read(args.videos, args.captions, args.tier)
  reasons = list(read.failed.values())
  if not read.table.rows:
    raise UserError(reasons[0] if reasons else f"no file in {args.captions} holds a sentence")
  found = clips.listed(args.videos, args.captions, read.table)
  return found._replace(warning="; ".join([found.warning] * bool(found.warning) + reasons))


def _tell(summary, index):
  for name, count in (
      ("added", len(summary.added)), ("there already", len(summary.there)),
      ("failed", len(summary.failed)), ("clips of these", summary.clips),
      ("clips in the index", len(index)),
  ):  # fmt: skip
    print(f"{name:<24}{count:>8}")
  for name, reason in summary.failed.items():
    print(f"  {printable(name)}: {printable(reason)}")
