"""What the system, the file systems and the devices refuse, told in one sentence."""

import errno
import os
import re
import sys

FAILED = 70  # of what may well go on another time or on another machine
REFUSED = 1  # of what would come again

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_RIGHT = (errno.EROFS, errno.EACCES, errno.EPERM)
_PASSING = (errno.EIO, errno.ESTALE, errno.EREMOTEIO, errno.ENOTCONN, errno.EHOSTDOWN)
_TOO_MANY = (errno.EMFILE, errno.ENFILE)  # open files
_PASSING += _TOO_MANY
# Libraries in C++ tell the system's errors by these words alone.
_TOLD_BY_NAME = {os.strerror(number): number for number in (*_NO_ROOM, *_NO_RIGHT, *_PASSING)}
_PATH = re.compile(r"(?:file://|(?<=[\s\"'(:]))(/[^\s\"'\])]+)")
_UNFINISHED = re.compile(r"\.orbax-checkpoint-tmp.*")  # users know no such names
_NO_BACKEND = ("Unable to initialize backend", "Unknown backend", "Cannot find any device")
_NO_MEMORY = ("RESOURCE_EXHAUSTED", "Out of memory")


def of(error):
  """(sentence, exit status) for an error that is no mistake in this program, or None.

  Looks behind the error itself at those that it was raised from and at those of a group: threads
  and libraries wrap them.
  """
  meant, met = _behind(error)
  for each in meant:
    if told := _of_the_system(each):
      return told
  for each in met:
    # An error met on the way is the reason where the system has failed. A right that was lacking
    # there may well have been expected.
    if _number(each)[0] in _NO_ROOM + _PASSING:
      return _of_the_system(each)
  return next(filter(None, map(_of_the_devices, meant + met)), None)


def is_passing(error):
  """Whether the system may read the same file another time; its content is not to blame."""
  return isinstance(error, OSError) and error.errno in _PASSING + _NO_RIGHT


def as_os_error(error):
  """The `OSError` for a passing fault that a library has told by its words alone, or None."""
  number, reason = _number(error)
  return OSError(number, reason, _path(str(error))) if number in _PASSING + _NO_RIGHT else None


def _behind(error):
  """[the error, those of its group, what they were raised from], [what was met on the way]."""
  meant, met, seen = [], [], set()
  waiting = [(error, meant)]
  while waiting:
    each, where = waiting.pop()
    if each is None or id(each) in seen:
      continue
    seen.add(id(each))
    where.append(each)
    waiting.append((each.__context__, met))
    waiting += [(other, where) for other in (each.__cause__, *getattr(each, "exceptions", ()))]
  return meant, met


def _of_the_system(error):
  number, reason = _number(error)
  if number is None:
    return None
  file = _UNFINISHED.sub("", str(getattr(error, "filename", None) or _path(str(error))))
  if number in _NO_ROOM:
    sentence = f"there is no room for {file} ({reason}), free some or choose another place"
  elif number in _NO_RIGHT:
    sentence = (
      f"{file} is not to be read or written ({reason}), change its permissions or choose another "
      "place"
    )
  elif number in _TOO_MANY:
    sentence = (
      f"{file} cannot be opened ({reason}), close other programs or allow more by `ulimit -n`: the "
      "same command goes on then"
    )
  else:
    sentence = (
      f"{file} cannot be read or written at present ({reason}), see to the disk or the network: "
      "the same command goes on then"
    )
  return sentence, FAILED if number in _PASSING else REFUSED


def _number(error):
  """(errno, its words) where this error is one of those above, or (None, "")."""
  if isinstance(error, OSError) and error.errno in _NO_ROOM + _NO_RIGHT + _PASSING:
    return error.errno, error.strerror or os.strerror(error.errno)
  # An OSError without a number is one that a library has made up of words.
  if not isinstance(error, OSError) or error.errno is None:
    text = str(error)
    for words, number in _TOLD_BY_NAME.items():
      if words in text:
        return number, words
  return None, ""


def _path(text):
  found = _PATH.search(text)  # a write to an open file is told without its name
  return found[1].rstrip(".,:;)") if found else "a file"


def _of_the_devices(error):
  if isinstance(error, MemoryError):
    return (
      "this machine has no memory left for it: close other programs, or lower "
      "--config.data.cache_gib or the batch"
    ), REFUSED
  text = str(error)
  if isinstance(error, RuntimeError) and any(words in text for words in _NO_MEMORY):
    return (
      f"the devices have no memory left for it ({_first_line(text)}): lower the batch, or see "
      "'Batches that do not fit' in docs/scaling.md"
    ), REFUSED
  if any(words in text for words in _NO_BACKEND) or _from_jax(error) and not _devices():
    return _no_device(text), REFUSED
  return None


def _no_device(text):
  asked = os.environ.get("JAX_PLATFORMS")
  # Without JAX's own advice, which knows nothing of '.[cuda]'.
  reason = f" ({re.sub(r' .(set|you may need) .*', '', _first_line(text))})" if text else ""
  if not asked:
    return f"JAX finds no device that works{reason}: repair its plugin, or set JAX_PLATFORMS=cpu"
  return (
    f"this machine has no such device, or JAX no plugin for it, as JAX_PLATFORMS={asked} asks for"
    f"{reason}: unset JAX_PLATFORMS, or install '.[cuda]' for NVIDIA GPUs"
  )


def _from_jax(error):
  """Whether it may be the bare AssertionError by which JAX says that it found no device."""
  return isinstance(error, AssertionError) and not error.args and "jax" in sys.modules


def _devices():
  try:
    return sys.modules["jax"].devices()
  except Exception:  # whatever it raises then: there are none
    return []


def _first_line(text):
  line = next(iter(text.strip().splitlines()), "")
  return line if len(line) <= 200 else f"{line[:200]}..."
