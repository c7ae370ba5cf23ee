"""What a search is for: sentences, a video, a clip of the index, or sentences with one of these."""

import math

from sign_jax.data import clip_table
from sign_jax.encoder import weights as encoder_weights
from sign_jax.encoder.clips import Clip
from sign_jax.errors import UserError
from sign_jax.files import existing_file, existing_path, path_argument
from sign_jax.search import embedding, overlaps, sources
from sign_jax.search.commands import signs
from sign_jax.search.queries import Query
from sign_jax.untrusted import csv_table


def add_sentences(parser):
  """Sentences on the command line, or in a file."""
  parser.add_argument("text", nargs="*", help="a sentence; several may be passed")
  parser.add_argument("--queries", type=path_argument, metavar="FILE",
                      help="file with a sentence on each line")  # fmt: skip


def add_videos(parser):
  """The options for videos, in place of sentences or beside them."""
  parser.add_argument("--video", type=path_argument, metavar="FILE",
                      help="a video that shows what is looked for, or a folder of its pictures; "
                      "each sentence is looked for together with it")  # fmt: skip
  parser.add_argument("--span", type=float, nargs=2, metavar=("FROM", "TO"),
                      help="seconds of the video that are looked for; all by default")
  parser.add_argument("--like", metavar="CLIP", help="a clip of the index in place of a video")
  parser.add_argument("--text_weight", type=float, metavar="SHARE",
                      help="of a sentence's score beside a video's, from 0 to 1 (default: 0.5)")
  parser.add_argument("--exclude", action="append", default=[], metavar="NAME",
                      help="a clip, or a video, that is not to be found; may be passed again")
  encoder_weights.add_encoder_arguments(parser)
  signs.add_keypoints(parser, "of the frames of the --video", "FILE")


def sentences(args):
  """Those that are passed, and those of the file; raises UserError where it cannot be read."""
  if not args.queries:
    return args.text
  file = existing_file(args.queries, "--queries", "pass a file with a sentence on each line")
  text = csv_table.decoded(file, "save it as UTF-8")
  return [*args.text, *(line.strip() for line in text.splitlines() if line.strip())]


def listed(args, model):
  """The `Query`s that parsed arguments name.

  Args:
    args: parsed options.
    model: `embedding.Embedding`, which tells how it reads videos.

  Raises:
    UserError: the file of sentences or the video cannot be read.
  """
  texts = sentences(args)
  signs.check_options(args, model)
  if texts and embedding.is_of_signs(model):
    model.encode_texts(texts)  # which is refused, before a video is read
  more = {"exclude": args.exclude}
  if args.like is not None:
    more["like"] = args.like
  elif args.video is not None:
    read = signs.query if embedding.is_of_signs(model) else _features
    more["video"] = read(args, model)
  if args.text_weight is not None:
    more["text_weight"] = args.text_weight
  named = [] if args.video is None else [str(args.video)]
  label = lambda text: " + ".join(filter(None, [text, *named])) if named else ""
  return [Query(text, label=label(text), **more) for text in texts or [None]]


def check(args):
  """Raises UserError where parsed options name nothing, or too much; before anything is loaded."""
  texts = sentences(args)
  has_video = args.video is not None or args.like is not None
  if not texts and not has_video:
    raise UserError(
        "pass a sentence, or --queries FILE with one on each line, or --video FILE, or --like CLIP"
    )
  if args.video is not None and args.like is not None:
    raise UserError("pass --video or --like, not both")
  for name in ("span", "keypoints"):
    if getattr(args, name) is not None and args.video is None:
      raise UserError(f"--{name} is of a video: pass --video too")
  if args.span is not None and not 0 <= args.span[0] < args.span[1] <= clip_table.LAST_SECOND:
    raise UserError(
        "--span is the begin and the end in seconds, such as --span 2.5 4, up to "
        f"{clip_table.LAST_SECOND:.0f}"
    )
  if args.text_weight is not None and not (texts and has_video):
    raise UserError("--text_weight is for a sentence with a video: pass both, or leave it out")
  if args.text_weight is not None and not 0 <= args.text_weight <= 1:
    raise UserError(f"--text_weight {args.text_weight:g} must be from 0 to 1")


def _features(args, model):
  """(T, D) features of the video."""
  if model.trained.system.reads_poses:
    raise UserError(f"{model.system} reads poses too: pass a clip of the index, with --like")
  path = existing_path(args.video, "--video", "pass a video file or a folder of pictures")
  encoder = encoder_weights.find(args).encoder(args.batch_size)
  start, end = args.span or (0.0, math.inf)
  clip = Clip(path.stem, path.name, path, start, end)
  (made,) = sources.of_videos([clip], encoder, args.stride, overlaps.Length(math.inf))
  if made.error:
    raise made.error
  (features,) = made.videos
  return features
