"""Paths as users write them, and files that are written whole or not at all.

All options that take a path go by `user_path`, so that `~` and variables mean the same everywhere.
Windows's ways of writing paths (%NAME%, backslashes) are not read.
"""

import contextlib
import errno
import fcntl
import hashlib
import itertools
import os
import pathlib
import re
import secrets
import sys

from sign_jax.errors import UserError, did_you_mean, one_sentence

_VARIABLE = re.compile(r"\$\{([^}]*)\}|\$([A-Za-z_]\w*)")
_MOST_NAMES = 1000  # of a folder that are compared with one that is not there
# How a file system says that it has no locks (some network and FUSE ones).
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)
_LOCK = ".lock"
_DEVICES = ("/dev", "/dev/fd", "/proc/self/fd")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")


def user_path(text):
  """The path that a user's text names: `$NAME`, `${NAME}`, `~` and `~USER` are filled in.

  A name that holds a dollar sign or begins with a tilde is taken as it is where nothing else is
  meant: there is such a file or folder, but no such variable or user. `./~` is a file's own name.

  Args:
    text: str, or a path; doing it twice changes nothing.

  Returns:
    pathlib.Path, which may or may not be there.

  Raises:
    UserError: nothing was written, a variable is not set or empty, there is no such user, or the
      text is an address such as gs://bucket.
  """
  text = os.fspath(text)
  if not text:
    raise UserError("an empty path was given: name a file or a folder, or leave the option out")
  if _ADDRESS.match(text):
    raise UserError(f"{text} is an address and no path: copy or mount it, and pass its folder")
  try:
    filled = _VARIABLE.sub(lambda match: _value(match[1] or match[2], text), text)
    path = _with_home(filled, text)
  except UserError:
    if not os.path.lexists(text):
      raise
    path = pathlib.Path(text)
  # pathlib drops the ./ of ./~, and the next to read it would take it for the home folder.
  return pathlib.Path.cwd() / path if str(path).startswith("~") else path


def _value(name, text):
  value = os.environ.get(name)
  if not value:
    raise UserError(
      f"the variable {name} in {text} is {'not set' if value is None else 'empty'}: set it, or "
      "write the path out"
    )
  return value


def _with_home(filled, text):
  if filled.startswith("./~"):
    return pathlib.Path(filled)
  try:
    return pathlib.Path(filled).expanduser()
  except RuntimeError as error:
    user = filled.partition("/")[0]
    raise UserError(
      f"there is no home folder {user}, which {text} names: write the path out, or ./{user} for a "
      "file of that name"
    ) from error


def path_argument(text):
  """`user_path` as the `type` of an `argparse` option; a mistake ends the program in a sentence."""
  with one_sentence():
    return user_path(text)


def existing_file(path, option="", remedy="check the path"):
  """`path` where it is a file.

  Args:
    path: pathlib.Path or str, taken as it is.
    option: what named it, such as "--csv".
    remedy: what a user can do when it is not there.

  Returns:
    pathlib.Path.

  Raises:
    UserError: there is no such file, perhaps with the name of one that is spelled alike.
    OSError: it cannot be looked at, most often for lack of rights.
  """
  return _existing(pathlib.Path(path), option, remedy, "file", pathlib.Path.is_file)


def existing_folder(path, option="", remedy="check the path"):
  """As `existing_file`, for a folder."""
  return _existing(pathlib.Path(path), option, remedy, "folder", pathlib.Path.is_dir)


def existing_path(path, option="", remedy="check the path"):
  """As `existing_file`, for a file or a folder."""
  return _existing(pathlib.Path(path), option, remedy, "file or folder", pathlib.Path.exists)


def _existing(path, option, remedy, kind, is_kind):
  try:
    if is_kind(path):
      return path
  except OSError as error:
    if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
      raise
  begin = f"{option}: " if option else ""
  if os.path.lexists(path):
    raise UserError(f"{begin}{path} is no {kind}, {remedy}")
  raise UserError(f"{begin}there is no {kind} {path}{_alike(path)}, {remedy}")


def _alike(path):
  """' (did you mean X?)' of what lies where the path, or the first of its folders, is missing."""
  path = path.absolute()
  there = next(parent for parent in path.parents if parent.is_dir())
  missing = path.relative_to(there).parts[0]
  try:
    with os.scandir(there) as entries:
      names = [entry.name for entry in itertools.islice(entries, _MOST_NAMES)]
  except OSError:
    names = []
  hint = did_you_mean(missing, names)
  return hint if missing == path.name else f" nor a folder {there / missing}{hint}"


@contextlib.contextmanager
def replacing(path):
  """Gives a path beside `path` to write to, which takes its place when the block ends well.

  Several processes and machines may write to one folder at a time.

  Args:
    path: pathlib.Path in a folder that exists. After an error it is as it was.

  Raises:
    UserError: it is a device or a pipe, such as /dev/stdout, in whose place a file would get.
  """
  # Without the file's own name, which may be as long as a file system takes.
  partial = path.with_name(f".{secrets.token_hex(8)}.partial")
  try:
    is_other = path.exists() and not path.is_file() and not path.is_dir()
    if is_other or str(path.absolute().parent) in _DEVICES:
      raise UserError(f"{path} is no file that could be replaced: name a file")
    yield partial
    os.replace(partial, path)
  except OSError as error:
    error.filename = path  # a full disk is told without, and users know no partial file
    raise
  finally:
    with contextlib.suppress(OSError):  # not there, or its folder is none
      partial.unlink()


@contextlib.contextmanager
def claimed(folder, name, program, busy):
  """Keeps a second program out of a folder; the system frees the claim of a killed one.

  Args:
    folder: pathlib.Path; made where it is not there.
    name: of the folder, as users know it.
    program: what works there: "run", for example.
    busy: what to say while another one is at work.

  Yields:
    whether it is claimed: False, with a note, on a file system without locks.

  Raises:
    UserError: another one is at work there, or nothing can be written there.
  """
  try:
    folder.mkdir(parents=True, exist_ok=True)
    # Not through a link, which a stranger's folder may hold.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    lock = os.fdopen(os.open(folder / _LOCK, flags, 0o666), "r+b", buffering=0)
  except OSError as error:
    raise UserError(f"{name} cannot be written to: {error.strerror}") from error
  with lock:
    is_claimed = True
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      raise UserError(busy) from error
    except OSError as error:
      if error.errno not in NO_LOCKS:
        raise
      print(
          f"{folder} is on a file system without locks ({error.strerror}): see that no second "
          f"{program} is at work there", file=sys.stderr,
      )
      is_claimed = False
    yield is_claimed


def sha256(path):
  """Hex digest of a file's content."""
  with open(path, "rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()


def link(path, target):
  """Makes `path` a link to a file or folder, by the way from one to the other; makes its folder.

  A link that leads nowhere any more is made anew.

  Raises:
    UserError: it is there, and leads elsewhere.
  """
  if path.is_symlink() and not path.exists():
    path.unlink()
  if not path.is_symlink() and not path.exists():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(os.path.relpath(target.resolve(), path.parent.resolve()))
  elif path.resolve() != target.resolve():
    raise UserError(f"{path} leads to {path.resolve()}, and not to {target}: use another folder")
