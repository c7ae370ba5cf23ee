"""Feature streams: what they may be called, and which of them a setting combines.

A stream is the sign features of one encoder. "agnostic" and "aware" are those of the papers
(CiCo; UPRet, eq. 6); a user may name others as they like.
"""

import re

from sign_jax.data.pose import Pose
from sign_jax.data.splits import NAMES
from sign_jax.errors import UserError, did_you_mean, shown

TWO = ("agnostic", "aware")  # that "sum", "cat" and "auto" combine
OF_TWO = ("sum", "cat")  # also of two that are named, as in "sum:kinetics,bobsl"
WAYS = (*OF_TWO, "auto")
# A record has them for something else, or what is noted beside the records.
FIELDS = (
  "video_id", "sentence_id", "text", "signer", "num_frames", "fps", "sentence", "translation",
  "language", "glosses", "domain", "video", "start_frame", "end_frame", "pose", "gloss", "label",
  "first_frame", "box", "pose_size", "flow", "protocol", "origins", "order", "isolated",
)  # fmt: skip
# Folders of splits lie inside a stream's, and the fields of poses beside it in memory.
TAKEN = frozenset((*WAYS, *FIELDS, *Pose._fields, *(x for names in NAMES.values() for x in names)))
_NAME = re.compile(r"[a-z][a-z0-9_]{,63}")


def is_name(name):
  """Whether a stream may be called so."""
  return isinstance(name, str) and bool(_NAME.fullmatch(name)) and name not in TAKEN


def check_name(name, where):
  """Checks what a stream is called.

  Args:
    name: as a folder or a setting has it.
    where: what the error names.

  Raises:
    UserError: no stream may be called so.
  """
  if is_name(name):
    return
  if isinstance(name, str) and name in TAKEN:
    raise UserError(
      f"{where}: {shown(name)} has another meaning and cannot be the name of a feature stream, "
      "choose another name"
    )
  raise UserError(
    f"{where}: {shown(name)} cannot be the name of a feature stream, which has lower-case letters, "
    "digits and underscores, at most 64, and begins with a letter"
  )


def ordered(names):
  """The names in the order of streams: `TWO` first, the others by their letters; a tuple."""
  names = set(names)
  return (*(name for name in TWO if name in names), *sorted(names.difference(TWO)))


def parse(mode):
  """What a setting `data.combine` says, whatever streams there are.

  Args:
    mode: one of `WAYS`; a stream's name; or two names behind a way, as in "sum:kinetics,bobsl".

  Returns:
    (way or "" for one stream, names): the names of the streams that it needs, none for "auto".

  Raises:
    UserError: it is none of these.
  """
  where = f"data.combine={shown(mode)}"
  if mode in WAYS:
    return mode, () if mode == "auto" else TWO
  if not isinstance(mode, str) or ":" not in mode:
    check_name(mode, where)
    return "", (mode,)
  way, _, listed = mode.partition(":")
  names = tuple(listed.split(","))
  if way not in OF_TWO or len(names) != 2 or names[0] == names[1]:
    raise UserError(
      f"{where} is no way to combine: name two streams behind sum or cat, as in sum:kinetics,bobsl"
    )
  for name in names:
    check_name(name, where)
  return way, names


def used(there, mode, second="aware"):
  """Names of the streams that `assemble.combine` reads, in their order.

  Args:
    there: names of the streams that there are.
    mode, second: as for `assemble.combine`.

  Returns:
    one or two names; the same name twice where `second` says so.

  Raises:
    UserError: `mode` is none, needs a stream that is not there, or cannot decide.
  """
  there = ordered(there)
  if not there:
    raise UserError("there is no feature stream, and data.combine needs one")
  way, names = parse(mode)
  if way == "auto":
    return _decided(there, second)
  if missing := [name for name in names if name not in there]:
    raise UserError(_lacks(there, mode, way, names, missing))
  return (names[0], second) if mode in OF_TWO else names


def _decided(there, second):
  if set(TWO) <= set(there):
    return TWO[0], second
  if len(there) == 1:
    return there
  raise UserError(
    f"data.combine=auto cannot decide among the streams {' and '.join(there)}: name one, such as "
    f"--config.data.combine={there[0]}, or two, such as sum:{there[0]},{there[1]}"
  )


def _lacks(there, mode, way, names, missing):
  if not way:
    return (
      f"data.combine={mode!r} is unknown: choose sum, cat or a stream of the data set, "
      f"{' or '.join(there)}, or auto, which adds two where there are two"
      + did_you_mean(mode, (*WAYS, *there))
    )
  have = "" if set(there) <= set(names) else f" (it has {', '.join(there)})"
  alone = next((name for name in names if name in there), there[0])
  said = (
    f"data.combine={mode} needs the streams {' and '.join(names)}, and the data set has no "
    f"{' and no '.join(missing)}{have}: build it with both, or use --config.data.combine={alone}"
  )
  if mode == "sum" and len(there) == 1:
    said += " (a run that was begun without goes on with --config.data.combine=auto)"
  return said
