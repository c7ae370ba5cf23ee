"""Writes hits into subtitles, documents of ELAN or JSON."""

from sign_jax.errors import UserError, printable, shown
from sign_jax.files import existing_folder, path_argument
from sign_jax.search import report
from sign_jax.search.annotations import eaf_tier, found, writing
from sign_jax.search.commands import query

NAME, HELP = "export", "writes hits into subtitles (.vtt, .srt), ELAN's files (.eaf) or JSON"
_FORMATS = ("vtt", "srt", "eaf", "json")


def add_arguments(parser):
  """The options."""
  add = parser.add_argument
  add("--index", type=path_argument, help="folder of the index")
  add("--workdir", type=path_argument, help="folder of the run, or a file of weights")
  query.add_choice(parser)
  add("--json", type=path_argument, metavar="FILE",
      help="hits that `query --json` has written, in place of a search")  # fmt: skip
  add("--format", choices=_FORMATS, required=True, help="of the files")
  add("--out", type=path_argument, required=True, metavar="DIR",
      help="folder of the files, one for each video that has hits")  # fmt: skip
  add("--into", type=path_argument, metavar="DIR",
      help="folder of .eaf files: copies of them in --out get the tier, or they themselves where "
      "--out is the same folder")  # fmt: skip
  add("--videos", type=path_argument, metavar="DIR",
      help="folder of the videos, for the links of new .eaf files")  # fmt: skip
  add("--tier", default=eaf_tier.TIER, help=f"of .eaf (default: {eaf_tier.TIER})")


def run(args):
  """Whether all hits are in files."""
  _check(args)
  into = args.into and existing_folder(args.into, "--into", "pass a folder of .eaf files")
  videos = args.videos and existing_folder(args.videos, "--videos", "pass that of the videos")
  rows = found.of_json(args.json) if args.json else _searched(args)
  summary = writing.write(rows, args.format, args.out, videos=videos, into=into, tier=args.tier)
  print("\n".join(map(printable, writing.table(summary))))
  return not summary.failed


def _searched(args):
  _, answers = query.answers_of(args)
  for answer in answers:
    if not answer.is_certified:
      print(f"{printable(answer.text)}: {report.proof(answer)}")
  return found.of_answers(answers)


def _check(args):
  if args.json and (args.text or args.queries or args.video or args.like):
    raise UserError("pass what to search for, or --json, not both")
  if not args.json and not (args.index and args.workdir):
    raise UserError("pass --index and --workdir to search, or --json FILE of hits that are there")
  if args.format != "eaf" and (args.into or args.videos or args.tier != eaf_tier.TIER):
    raise UserError(f"--into, --videos and --tier are for --format eaf, and not {args.format}")
  if not args.tier.strip() or not args.tier.isprintable() or args.tier[-1].isdigit():
    raise UserError(
        f"--tier {shown(args.tier)}: a name of printed characters that ends in no digit is needed"
    )
