"""`python -m sign_jax.search serve`: how it begins and ends."""

import importlib.util
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from sign_jax.errors import UserError
from sign_jax.search import __main__ as program
from tests.program import ROOT

TOKEN = "a-token-that-is-long-enough"
# The program without an index, which takes long to load.
SERVE = """
import time
from fastapi import FastAPI
from sign_jax.errors import one_sentence
from sign_jax.search.page import server

app = FastAPI()

@app.get("/slow")
def slow():
  print("begun", flush=True)
  time.sleep(4)  # longer than the server waits for answers

with one_sentence(), server.listen(token="") as place:
  print(place.address, flush=True)
  server.run(app, place)
"""


def call(archive, *more):
  program.main(["serve", f"--index={archive}/archive", f"--workdir={archive}/run", *more])


def refused(archive, capsys, *more):
  """What the program says when it ends at once."""
  with pytest.raises(SystemExit) as end:
    call(archive, *more)
  assert end.value.code == 1
  (line,) = capsys.readouterr().err.splitlines()
  return line


def test_mistakes_end_it_in_a_sentence(archive, page, capsys):
  media = f"--media={archive}/medai"
  assert "did you mean 'media'?" in refused(archive, capsys, media)
  assert "--seconds -1 must be above 0" in refused(archive, capsys, "--seconds=-1")
  assert "pass another --port" in refused(archive, capsys, f"--port={page.place.port}")


def test_without_the_extra_it_says_what_to_install(archive, capsys, monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  assert "install -e '.[search]'" in refused(archive, capsys)


def test_it_says_where_it_is(archive, page, capsys, monkeypatch):
  from sign_jax.search.page import server

  monkeypatch.setattr(server, "run", lambda app, place: None)
  call(archive, f"--media={archive}/media", "--port=0", "--host=localhost")
  said = capsys.readouterr()
  line, _ = said.out.splitlines()
  assert said.err.startswith("opening ")
  assert " clips of " in line and "http://localhost:" in line and "/?token=" in line


def test_whom_it_lets_in(archive, page, capsys, monkeypatch):
  from sign_jax.search.page import server

  tokens = []

  def listen(host, port, token):
    tokens.append(token)
    raise UserError("that is all")

  monkeypatch.setattr(server, "listen", listen)
  monkeypatch.delenv("SIGN_JAX_TOKEN", raising=False)
  refused(archive, capsys)
  refused(archive, capsys, f"--token={TOKEN}")
  monkeypatch.setenv("SIGN_JAX_TOKEN", f"{TOKEN}-of-the-environment")
  refused(archive, capsys)
  refused(archive, capsys, "--no_token")
  assert tokens == [None, TOKEN, f"{TOKEN}-of-the-environment", ""]
  assert "--token is empty" in refused(archive, capsys, "--token=")


def test_ctrl_c_ends_it_in_a_word(page):
  with subprocess.Popen(
      [sys.executable, "-c", SERVE], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
      text=True,
  ) as child:  # fmt: skip
    try:
      address = child.stdout.readline().strip()
      assert address.startswith("http://127.0.0.1:"), child.stderr.read()
      with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(address)
      with socket.create_connection(("127.0.0.1", int(address.split(":")[2].strip("/")))) as slow:
        slow.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert child.stdout.readline() == "begun\n"
        child.send_signal(signal.SIGINT)
        _, error = child.communicate(timeout=60)
    finally:
      child.kill()
  assert child.returncode == 130 and error.splitlines() == ["stopped"]
