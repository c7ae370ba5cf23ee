"""Programs that are run one after the other, each unless its result is there already."""

import os
import subprocess
import sys

from launch import notes
from sign_jax.errors import Stopped, UserError
from sign_jax.untrusted import budget


class Stages:
  """Runs commands of this library in a folder that can be taken up again.

  Attributes:
    root: pathlib.Path, absolute.
  """

  def __init__(self, root):
    self.root = root

  def results(self, workdir):
    """What a run has written at its end."""
    return budget.read_json(workdir / "results.json")

  def note(self, result):
    """Where it is noted what `result` was made with."""
    return self.root / "settings" / f"{result.relative_to(self.root)}.json"

  def _facts(self, command, made_from):
    """The command's words, and digests of the files; all paths relative, as a study may move."""
    local = lambda word: str(word).replace(f"{self.root}/", "")
    return {
        "command": " ".join(map(local, command)),
        **{local(path): notes.file_digest(path) for path in made_from},
    }

  def run(self, result, *command, made_from=(), **facts):
    """`start` unless its result is there.

    Raises:
      UserError: the result was made with other settings or from other files; or as `start`.
    """
    facts |= self._facts(command, made_from)
    remedy = "use the same or another --workdir, or delete it to make it anew"
    notes.check(self.note(result), facts, result, remedy, result.exists())
    if not result.exists():
      self.start(*command)

  def start(self, *command):
    """`python -m COMMAND`; the output goes to log.txt.

    Raises:
      UserError: with the command's own last line when it fails.
    """
    log = self.root / "log.txt"
    self.root.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", *map(str, command)]
    with log.open("a") as file:
      file.write(" ".join(command) + "\n")
      file.flush()
      child = [sys.executable, "-m", "launch.child", str(os.getpid()), *command[2:]]
      status = _wait(subprocess.Popen(child, stdout=file, stderr=subprocess.STDOUT))
    if status == Stopped.status:
      raise Stopped(f"stopped: the same command goes on from there, see {log}")
    if status:
      lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
      # Below 0: ended by a signal, most often for want of memory, and then without a word.
      reason = f"signal {-status}" if status < 0 else lines[-1]
      raise UserError(f"{command[2]} failed ({reason}): see {log}")


def _wait(child):
  """The exit status of a process; Ctrl-C reaches it too, and it saves what it has done."""
  try:
    return child.wait()
  except KeyboardInterrupt:
    child.wait()
    raise
