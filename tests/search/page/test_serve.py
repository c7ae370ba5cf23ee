"""`python -m sign_jax.search serve`: how it begins and ends."""

import importlib.util
import signal
import subprocess
import sys
import urllib.request

import pytest

from sign_jax.search import __main__ as program
from tests.program import ROOT, environment


def refused(archive, capsys, *more):
  """What the program says when it ends at once."""
  with pytest.raises(SystemExit) as end:
    program.main(["serve", f"--index={archive}/archive", f"--workdir={archive}/run", *more])
  assert end.value.code == 1
  (line,) = capsys.readouterr().err.splitlines()
  return line


def test_mistakes_end_it_in_a_sentence(archive, app, page, capsys):
  media = f"--media={archive}/medai"
  assert "did you mean 'media'?" in refused(archive, capsys, media)
  assert "--seconds -1 must be above 0" in refused(archive, capsys, "--seconds=-1")
  assert "pass another --port" in refused(archive, capsys, f"--port={page.place.port}")


def test_without_the_extra_it_says_what_to_install(archive, capsys, monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  assert "install -e '.[search]'" in refused(archive, capsys)


def test_it_serves_until_it_is_interrupted(archive, app):
  command = [
      sys.executable, "-m", "sign_jax.search", "serve", f"--index={archive}/archive",
      f"--workdir={archive}/run", f"--media={archive}/media", "--port=0",
  ]  # fmt: skip
  with subprocess.Popen(
      command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
      text=True,
  ) as child:
    try:
      line = child.stdout.readline()
      assert " clips of " in line, child.stderr.read()
      address = line.split()[-1]
      assert address.startswith("http://127.0.0.1:")
      with urllib.request.urlopen(f"{address}api/about") as answer:
        assert answer.status == 200
      child.send_signal(signal.SIGINT)
      _, error = child.communicate()
    finally:
      child.kill()
  assert child.returncode == 130 and error.splitlines() == ["stopped"]
