"""Programs that are asked to stop while they run."""

import os
import pathlib
import signal
import threading
import time

import pytest

from launch import logged
from sign_jax.errors import Stopped

WAITS = """
import pathlib, signal, sys, time
def save(number, frame):
  with open("told", "a") as file:
    file.write(f"{number} ")
  time.sleep(0.3)  # in which a second signal would come
  sys.exit(STATUS)
signal.signal(signal.SIGTERM, save)
signal.signal(signal.SIGINT, save)
pathlib.Path("ready").touch()
time.sleep(60)
"""


def call(folder, monkeypatch, number, status):
  """A program that is told once it is ready; what it was told."""
  (folder / "waits.py").write_text(WAITS.replace("STATUS", str(status)))
  root = pathlib.Path(__file__).parents[2]
  monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(folder), str(root))))
  monkeypatch.chdir(folder)

  def tell():
    while not (folder / "ready").exists():
      time.sleep(0.01)
    os.kill(os.getpid(), number)

  threading.Thread(target=tell, daemon=True).start()
  before = signal.getsignal(number)
  try:
    logged.call(["waits"], folder / "log.txt")
  finally:
    assert signal.getsignal(number) == before
    assert (folder / "told").read_text() == f"{int(number)} "


@pytest.mark.parametrize("status", [Stopped.status, 0, 1])
def test_a_program_that_is_told_to_stop_saves_first(tmp_path, monkeypatch, status):
  with pytest.raises(Stopped, match="the same command goes on from there"):
    call(tmp_path, monkeypatch, signal.SIGTERM, status)


def test_ctrl_c_reaches_the_program_once(tmp_path, monkeypatch):
  with pytest.raises(KeyboardInterrupt):
    call(tmp_path, monkeypatch, signal.SIGINT, 0)
