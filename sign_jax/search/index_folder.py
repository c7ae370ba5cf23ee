"""The folder of an index: who writes to it, how it begins, and what a killed one has left there."""

import contextlib
import errno
import os
import pathlib
import re
import shutil
from collections.abc import Collection, Iterator

from sign_jax.errors import UserError
from sign_jax.files import claimed
from sign_jax.search import manifest

SHARDS = "shards"
# There until a new index has its manifest: what lies beside it may be deleted.
_UNFINISHED = ".unfinished"
_PARTIAL = re.compile(r"\.[0-9a-f]{16}\.partial")  # of `files.replacing`
# How a file system says that it cannot wait for the names in a folder (some network and FUSE ones).
_NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


@contextlib.contextmanager
def writing(folder: pathlib.Path) -> Iterator[bool]:
  """Keeps a second writer out, and tells in a sentence what the system refuses.

  Yields:
    whether it is kept out: False, with a note, on a file system without locks.

  Raises:
    UserError: another process writes, a full disk and the like.
  """
  busy = f"another process writes to {folder}: wait for it"
  with claimed(folder, str(folder), "process", busy) as is_alone:
    try:
      yield is_alone
    except OSError as error:
      raise UserError(f"{folder} cannot be written to ({error.strerror})") from error


@contextlib.contextmanager
def begun(folder: pathlib.Path) -> Iterator[None]:
  """Makes a folder for an index, whose manifest the block writes, last of all.

  Whoever is killed in the block leaves what is no index, and what can be begun again.

  Raises:
    UserError: there is an index already, or the folder holds something else.
  """
  _check_free(folder)
  new = [path for path in (folder, *folder.parents) if not path.exists()]
  with writing(folder):
    _check_free(folder)  # another process may have been quicker
    check_in_place(folder)
    mark = folder / _UNFINISHED
    os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o666))
    sync(folder)
    clear(folder, ())
    yield
    mark.unlink()
    sync(folder)
    for path in new:
      with contextlib.suppress(PermissionError):  # it may be written to, and not be listed
        sync(path.parent)


def _check_free(folder):
  if (folder / manifest.FILE).exists():
    raise UserError(
        f"{folder} holds an index already: add to it with `python -m sign_jax.search add`, or "
        "choose another folder"
    )
  if not folder.exists():
    return
  names = set(os.listdir(folder)) if folder.is_dir() else {""}
  ours = {".lock", _UNFINISHED}
  if _UNFINISHED in names:
    ours |= {SHARDS, *filter(manifest.BASIS.fullmatch, names)}
  if not all(name in ours or _PARTIAL.fullmatch(name) for name in names):
    raise UserError(f"{folder} holds something else than an index: choose another folder")


def check_in_place(folder: pathlib.Path) -> None:
  """Raises UserError where what is written would land elsewhere, as a stranger may wish."""
  if (folder / SHARDS).is_symlink():
    raise UserError(f"{folder / SHARDS} is a link: an index is only added to in its place")


def clear(folder: pathlib.Path, known: Collection[str]) -> None:
  """Deletes what killed writers have left: parts of files, and what is not known.

  Args:
    folder: of the index, to which nobody else writes.
    known: names of the shards that stay, and of the file of the codes' basis.
  """
  is_index = (folder / manifest.FILE).exists()
  for path in folder.iterdir():
    is_old = manifest.BASIS.fullmatch(path.name) and path.name not in known
    if is_old or _PARTIAL.fullmatch(path.name) or is_index and path.name == _UNFINISHED:
      path.unlink(missing_ok=True)
  for path in (folder / SHARDS).glob("*"):
    if manifest.SHARD.fullmatch(path.name) and path.name not in known and not path.is_symlink():
      shutil.rmtree(path, ignore_errors=True)


def link(source: pathlib.Path, target: pathlib.Path) -> None:
  """The same file under another name where the file system can, as it never changes; else a copy.

  Raises:
    UserError: there is no such file.
  """
  if not source.is_file():
    raise UserError(f"{source} is missing: `python -m sign_jax.search verify` tells what else is")
  # A link to a file elsewhere is copied: what it leads to may change.
  if not source.is_symlink():
    with contextlib.suppress(OSError):
      os.link(source, target)
      return
  shutil.copyfile(source, target)
  sync(target)


def sync(path: pathlib.Path) -> None:
  """Waits until the disk has a file, or the names in a folder."""
  number = os.open(path, os.O_RDONLY)
  try:
    os.fsync(number)
  except OSError as error:
    if error.errno not in _NO_SYNC:
      raise
  finally:
    os.close(number)
