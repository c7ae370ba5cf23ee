"""What the system refuses is told in one sentence, however deep a library hides it."""

import errno
import os
import re
import signal
import subprocess
import sys

import pytest

from sign_jax import errors
from sign_jax.errors import UserError, one_sentence, printable, sentences
from tests import program


def raised(make):
  """The exception that `make` raises."""
  with pytest.raises(BaseException) as caught:  # noqa: PT011 - any
    make()
  return caught.value


def system(number, file=None):
  return OSError(number, os.strerror(number), file)


def wrapped_in(outer, inner):
  def make():
    try:
      raise inner
    except Exception as error:
      raise outer from error

  return raised(make)


def met_on_the_way(inner, outer):
  def make():
    try:
      raise inner
    except Exception:
      raise outer  # noqa: B904 - by mistake, as libraries do

  return raised(make)


FULL = (
    'INTERNAL: Error writing "w.x/c/0" in OCDBT database at local file "file:///runs/a/last/7/": '
    "[OS error 28: ENOSPC No space left on device]"
)


@pytest.mark.parametrize(("error", "words", "status"), [
    (system(errno.ENOSPC, "/runs/x"), "no room for /runs/x .No space left", 1),
    (system(errno.EDQUOT), "no room for a file .Disk quota exceeded", 1),
    (system(errno.EFBIG), "no room for a file .File too large", 1),
    (system(errno.EROFS, "/runs/x"), "/runs/x is not to be read or written .Read-only", 1),
    (system(errno.EACCES, "/runs/x"), "/runs/x is not to be read .* change its permissions", 1),
    (system(errno.EIO, "/runs/x"), "/runs/x cannot be read .* at present .Input/output", 70),
    (system(errno.ESTALE, "/runs/x"), "/runs/x cannot be read .* at present .Stale", 70),
    (system(errno.EMFILE, "/runs/x"), "/runs/x cannot be opened .Too many open files.*ulimit", 70),
    (system(errno.ENFILE), "a file cannot be opened .Too many open files in system", 70),
    (ValueError(FULL), "no room for /runs/a/last/7/ .No space left", 1),
    (RuntimeError(FULL), "no room for", 1),
    (OSError(FULL), "no room for", 1),  # of a library, without a number
    (wrapped_in(RuntimeError("saving failed"), system(errno.ENOSPC)), "no room for", 1),
    (met_on_the_way(system(errno.ENOSPC), KeyError("closed")), "no room for", 1),
    (ExceptionGroup("two", [KeyError(1), wrapped_in(ValueError(), ValueError(FULL))]), "no room",
     1),
    (MemoryError(), "this machine has no memory left", 1),
    (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.\nmore"),
     "no memory left for it .RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes", 1),
])
def test_an_error_of_the_system_is_recognised(error, words, status, capsys):
  with pytest.raises(SystemExit) as stop, one_sentence():
    raise error
  assert stop.value.code == status
  (line,) = capsys.readouterr().err.splitlines()
  assert line.startswith("error: ")
  assert re.search(words, line), line


@pytest.mark.parametrize("error", [
    KeyError("w"), ValueError("no such thing"), system(errno.ENOTEMPTY), AssertionError("why"),
    AssertionError(),  # JAX has devices here
    met_on_the_way(system(errno.EACCES), KeyError("a mistake behind it")),
    wrapped_in(KeyError("w"), KeyError("v")),
])
def test_a_mistake_of_ours_keeps_its_trace(error):
  import jax

  assert jax.devices() and sentences.of(error) is None
  with pytest.raises(type(error)), one_sentence():
    raise error


@pytest.mark.parametrize(("module", "platform"), [
    ("sign_jax.main", "cuda"), ("sign_jax.extract", "nonsense"),
])
def test_a_platform_without_its_device_is_one_sentence(module, platform, monkeypatch, tmp_path):
  arguments = {
      "sign_jax.main": ["--config=configs/cico.py", f"--workdir={tmp_path / 'run'}"],
      "sign_jax.extract": [
          f"--videos={tmp_path}", f"--out={tmp_path / 'out'}", "--random_weights", "--stride=8"
      ],
  }
  (tmp_path / "a.mp4").write_bytes(b"")
  monkeypatch.setattr(program, "environment", lambda devices: {
      **os.environ, "JAX_PLATFORMS": platform
  })
  status, out, error = program.run(module, *arguments[module], fresh=True)
  assert status == 1 and not out and "Traceback" not in error
  (line,) = [line for line in error.splitlines() if "error" in line]
  assert line.startswith("error: ") and f"JAX_PLATFORMS={platform} asks for" in line
  assert "unset JAX_PLATFORMS" in line and "'.[cuda]'" in line


@pytest.mark.parametrize(("text", "shown"), [
    ("plain words, é, 手話, \u0645\u06cc\u200c\u0634", None),
    ("a\x1b[2Jb", r"a\x1b[2Jb"),
    ("a\nerror: b\r\t\x07\x7f\x9b", r"a\nerror: b\r\t\x07\x7f\x9b"),
    ("\u202egpj.exe\u2066\u2028\u2029\ufeff", r"\u202egpj.exe\u2066\u2028\u2029\ufeff"),
    ("\udcff", r"\udcff"),
])
def test_control_characters_are_shown_as_escapes(text, shown, capsys):
  assert printable(text) == (text if shown is None else shown)
  with pytest.raises(SystemExit), one_sentence():
    raise UserError(text)
  assert capsys.readouterr().err == f"error: {printable(text)}\n"


def test_long_texts_are_cut():
  assert printable("x" * 5000, 10) == "xxxxxxxxxx... (5000 characters)"
  assert len(printable("\x00" * 10**6)) < 10_000


@pytest.mark.parametrize(("value", "said"), [
    ("a 'b'\n", '"a \'b\'\\n"'),
    ("\x1b[2J\u202e", r"'\x1b[2J\u202e'"),
    ("x" * 80, repr("x" * 80)),
    ("x" * 81, repr("x" * 80) + "... (81 characters)"),
    (None, "None"),
    ([1, "\x1b"], r"[1, '\x1b']"),
    ([0] * 1000, repr([0] * 1000)[:80] + "... (3000 characters)"),
])
def test_values_are_quoted_escaped_and_cut(value, said):
  assert errors.shown(value) == said


PRINTING = """
from sign_jax.errors import UserError, one_sentence
with one_sentence():
  print("手話 \\udcff")
  raise UserError("手話")
"""


def test_a_terminal_that_knows_ascii_alone_is_no_reason_to_fail(monkeypatch, tmp_path):
  (tmp_path / "printing.py").write_text(PRINTING)
  monkeypatch.setattr(program, "environment", lambda devices: {
      **os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0",
      "PYTHONPATH": f"{tmp_path}:{program.ROOT}",
  })
  assert program.run("printing", fresh=True) == (
      1, "\\u624b\\u8a71 \\udcff\n", "error: \\u624b\\u8a71\n"
  )


TALKING = """
from sign_jax.errors import one_sentence
with one_sentence():
  for number in range(100_000):
    print("line", number)
"""


@pytest.mark.parametrize("many", [True, False])
def test_a_reader_that_goes_away_ends_a_program_quietly(many, tmp_path):
  lines = TALKING if many else TALKING.replace("100_000", "1")  # one: as the program ends
  reader, writer = os.pipe()
  os.close(reader)
  done = subprocess.run(
      [sys.executable, "-c", lines], cwd=program.ROOT, stdout=writer, stderr=subprocess.PIPE,
      check=False,
  )
  os.close(writer)
  assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


SWALLOWING = """
import gc, os, signal, time
from sign_jax.errors import one_sentence

def interrupt(*_):
  gc.callbacks.clear()
  os.kill(os.getpid(), signal.SIGINT)
  for _ in range(1000): pass

class Dying:
  __del__ = interrupt

def collect():
  gc.callbacks.append(interrupt)
  gc.collect()

with one_sentence():
  {}
  time.sleep(600)
"""


@pytest.mark.parametrize("place", ["interrupt()", "collect()", "Dying()"])
def test_an_interrupt_is_not_swallowed(place, tmp_path, monkeypatch):
  (tmp_path / "swallowing.py").write_text(SWALLOWING.replace("{}", place))
  monkeypatch.setattr(program, "environment", lambda devices: {
      **os.environ, "PYTHONPATH": f"{tmp_path}:{program.ROOT}",
  })
  assert program.run("swallowing", fresh=True) == (130, "", "stopped\n")


ENDING_SLOWLY = """
import os, signal, time
from sign_jax.errors import one_sentence
with one_sentence():
  try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(600)
  finally:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(600)
"""


def test_a_second_interrupt_ends_at_once(tmp_path, monkeypatch):
  (tmp_path / "ending.py").write_text(ENDING_SLOWLY)
  monkeypatch.setattr(program, "environment", lambda devices: {
      **os.environ, "PYTHONPATH": f"{tmp_path}:{program.ROOT}",
  })
  assert program.run("ending", fresh=True) == (-2, "", "")


STUCK = """
import threading, time
from sign_jax import errors
errors._ENDING_SECONDS = 0.5
threading.Thread(target=time.sleep, args=(600,)).start()
with errors.crash_status(), errors.one_sentence():
  raise errors.ReaderLost("no batch comes")
"""


def test_a_thread_that_never_ends_does_not_keep_the_program(tmp_path, monkeypatch):
  (tmp_path / "stuck.py").write_text(STUCK)
  monkeypatch.setattr(program, "environment", lambda devices: {
      **os.environ, "PYTHONPATH": f"{tmp_path}:{program.ROOT}",
  })
  assert program.run("stuck", fresh=True) == (errors.CRASHED, "", "error: no batch comes\n")
