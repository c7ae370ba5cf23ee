"""Several starts of one program in one folder, perhaps on several machines, that share its work.

The first of them does what cannot be divided; the others wait for that, and do their parts of the
rest. They meet in the folder `shards`: each keeps a lock there while it is at work, and notes what
it has done since the first one began.
"""

import contextlib
import fcntl
import secrets
import shutil
import sys
import time

from tqdm import tqdm

from sign_jax import files
from sign_jax.data import shards
from sign_jax.errors import UserError
from sign_jax.files import replacing
from sign_jax.run import workdir

PATIENCE = 3600.0  # seconds that one waits for another that is not at work
_POLL_SECONDS = 1.0
_ALIVE, _BEGUN = "at_work", "begun"


class Shard:
  """One of the starts.

  Attributes:
    number, count: this is the `number`-th (from 1) of `count`.
  """

  def __init__(self, root, text=""):
    """Begins nothing.

    Args:
      root: pathlib.Path of the folder of the work.
      text: "2/3", or "" for all of the work.

    Raises:
      UserError: no such part.
    """
    self.number, self.count = shards.parse(text or "1/1")
    self._root, self._folder = root, root / "shards"
    self._seen, self._begun = set(), ""

  def __str__(self):
    return f"{self.number}/{self.count}"

  @property
  def is_first(self):
    """Whether it does what cannot be divided."""
    return self.number == 1

  @property
  def others(self):
    """The numbers of the other ones."""
    return [x for x in range(1, self.count + 1) if x != self.number]

  @property
  def log(self):
    """Where the programs that it starts write."""
    return self._root / ("log.txt" if self.is_first else f"log-{self.number}-of-{self.count}.txt")

  @contextlib.contextmanager
  def at_work(self):
    """Claims its part of the work, and lets the others see that somebody does it.

    Raises:
      UserError: another start does this part, or the first one began with another number of parts.
    """
    own = self._of(self.number)
    with workdir.claim(self._root if self.is_first else own):
      if not self.others:
        yield
        return
      own.mkdir(parents=True, exist_ok=True)
      if self.is_first:
        (self._folder / _BEGUN).unlink(missing_ok=True)
      with open(own / _ALIVE, "w") as file, contextlib.ExitStack() as held:
        _lock(file, fcntl.LOCK_EX)
        held.callback(_lock, file, fcntl.LOCK_UN)
        self._begin() if self.is_first else self._meet_first()
        yield

  def _begin(self):
    """Forgets what an earlier start has noted. Who finds the file `begun` finds the lock too."""
    shutil.rmtree(self._folder / "done", ignore_errors=True)
    _write(self._folder / _BEGUN, f"{self.count} {secrets.token_hex(8)}")

  def _meet_first(self):
    """Waits until the first one is at work; it may have ended since this one began."""
    before = _read(self._folder / _BEGUN)

    def is_met():
      at_work, begun = self._is_at_work(1), _read(self._folder / _BEGUN)
      self._begun = begun if at_work or begun != before else None
      return bool(self._begun)

    self.wait(1, "its start", is_met)
    self._seen.add(1)
    count = self._begun.split()[0]
    if count != str(self.count):
      raise UserError(f"shard {self} does not fit: the first one is shard 1/{count}")

  def note(self, what, facts=""):
    """Notes that something is done, or may be done by all; `facts`: with which settings."""
    if self.others:
      _write(self._note(what), facts)

  def noted(self, what):
    """The facts of `note`, None where there is no such note."""
    return _read(self._note(what))

  def _note(self, what):
    return self._folder / "done" / what.replace("/", "--")

  def check(self):
    """Raises UserError where the first one has been started again since this one met it."""
    if self._begun and self._begun != _read(self._folder / _BEGUN):
      raise UserError(f"shard 1/{self.count} was started again: start shard {self} again too")

  def part(self, what, number):
    """What the shard of a number notes when its part of something is done."""
    return f"{what}/complete-{number}-of-{self.count}"

  def wait(self, number, what, is_done):
    """Waits until something is done, and says so.

    Args:
      number: whose work it is.
      what: it is, for people.
      is_done: function that tells whether it is.

    Raises:
      UserError: the first shard was at work and is not any more, or anew; another is not for
        `PATIENCE`.
    """
    last_seen, said = time.monotonic(), ""
    while not is_done():
      at_work = self._is_at_work(number)
      self.check()
      if at_work:
        self._seen.add(number)
        last_seen = time.monotonic()
      gone = number in self._seen and not at_work
      if gone and number == 1:
        if is_done():  # meanwhile
          return
        raise UserError(
            f"shard 1/{self.count} has stopped before this was done: {what}; see what it said, and "
            f"start it and shard {self} again"
        )
      if time.monotonic() - last_seen > PATIENCE:
        raise UserError(
            f"shard {number}/{self.count} has not come for {PATIENCE / 60:g} minutes, and this is "
            f"its part: {what}; start the same command with --shard {number}/{self.count}"
        )
      state = "" if at_work else ", which has stopped" if gone else ", which has not been started"
      if said != (said := f"shard {self} waits for shard {number}/{self.count}{state}: {what}"):
        tqdm.write(said, file=sys.stderr)
      time.sleep(_POLL_SECONDS)

  def _is_at_work(self, number):
    """Whether another one is; also where the file system has no locks that tell."""
    try:
      with open(self._of(number) / _ALIVE) as file:
        # Only who looks may be refused: the one at work waits until nobody looks.
        return not _lock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
      return False

  def _of(self, number):
    return self._folder / str(number)


def _write(path, text):
  path.parent.mkdir(parents=True, exist_ok=True)
  with replacing(path) as partial:
    partial.write_text(text)


def _read(path):
  """The text of a file, None where there is none."""
  try:
    return path.read_text()
  except FileNotFoundError:
    return None


def _lock(file, operation):
  """Whether the lock could be had; not on a file system without locks."""
  try:
    fcntl.flock(file, operation)
  except BlockingIOError:
    return False
  except OSError as error:
    if error.errno not in files.NO_LOCKS:
      raise
    return False
  return True
