"""What the commands read for a dictionary: single signs, by the recogniser that the index is of."""

import math

from sign_jax.api.sign_reading import SignClip
from sign_jax.data import shards
from sign_jax.errors import UserError
from sign_jax.files import existing_folder, existing_path, path_argument
from sign_jax.search import embedding, sign_sources


def add_all_signs(parser):
  """--all_signs, of a split."""
  parser.add_argument("--all_signs", action="store_true",
                      help="of a dictionary from a --split of sentences: signs too that are no "
                      "class of the recogniser")  # fmt: skip


def add_keypoints(parser, what, metavar):
  """--keypoints, of one video or of a folder of them."""
  parser.add_argument("--keypoints", type=path_argument, metavar=metavar,
                      help=f"{what}, for a dictionary whose recogniser reads them")  # fmt: skip


def check_options(args, model):
  """Raises UserError where options are for another kind of index than the model's."""
  if embedding.is_of_signs(model):
    if args.weights or args.random_weights:
      raise UserError(
          f"a dictionary reads videos by its own run, here of {model.system}: leave --weights and "
          "--random_weights out"
      )
    if args.keypoints and "keypoints" not in model.fields:
      raise UserError("this model reads no keypoints: leave --keypoints out")
    if args.keypoints and getattr(args, "split", None):  # `query` has none
      raise UserError("a split has keypoints of its own: leave --keypoints out")
  elif args.keypoints:
    raise UserError(
        f"--keypoints are for a dictionary of single signs, and {args.workdir} is a run of "
        f"{model.system}: leave them out"
    )


def of_split(args, model):
  """(function of the index -> the arguments of `filling.fill`, warning)."""
  opened = sign_sources.open_split(
      model, args.split, str(args.data_dir or ""), args.all_signs
  )
  return lambda index: (opened.videos(index.store.has_video), opened.total), ""


def of_features(args, model):
  """Raises UserError: there are none of clips."""
  raise UserError(
      f"a model of {model.system} reads pictures of single signs, and no features of windows: pass "
      "--split or --videos"
  )


def of_videos(args, model, find, apart):
  """As `of_split`.

  Args:
    args: parsed options.
    model: `SignModel`.
    find: function of the options -> `encoder.clips.Found`.
    apart: function of (clips, index) -> (those that are not in the index, names of the others).
  """
  keypoints = args.keypoints
  if "keypoints" in model.fields:
    if keypoints is None:
      raise UserError(
          f"this model of {model.system} reads keypoints too: pass --keypoints DIR with a file for "
          "each video, or a run that was trained with --config.model.modalities=video"
      )
    existing_folder(keypoints, "--keypoints", "pass the folder of the videos' keypoints")
  found = find(args)
  jobs = shards.take(found.clips, args.shard)

  def fill(index):
    new, there = apart(jobs, index)
    return sign_sources.of_videos(new, model, keypoints), len(new), there

  return fill, found.warning


def query(args, model):
  """The `SignClip` of --video, --span and --keypoints."""
  path = existing_path(args.video, "--video", "pass a video file or a folder of pictures")
  return SignClip(path, args.keypoints, *(args.span or (0.0, math.inf)))


def check_sentences(index, what):
  """Raises UserError where what asks by sentences meets a dictionary."""
  if embedding.is_of_signs(index.model):
    raise UserError(
        f"{index.store.folder} is a dictionary of signs, and {what} asks by sentences: ask with "
        "`python -m sign_jax.search query` and --video or --like"
    )
