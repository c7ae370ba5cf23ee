"""An archive of a few clips with random tokens, and the page of it on a free port."""

import contextlib
import http.client
import json
import shutil
import threading
import time
import urllib.parse

import numpy as np
import pytest

import sign_jax
from sign_jax.search.entries import Entry
from tests.search import runs
from tests.videos import picture_folder, render

# What a stranger's index may name, beside videos that are there.
CLIPS = (
    Entry("morning", "a.webm", text="Good morning.", split="train", signer="S1"),
    Entry("Grüße / 1 & <b>", "Grüße an alle.webm", text="<b>Hello</b> & all.", split="test"),
    Entry("pictures", "pictures", signer="S2"),
    Entry("no file", "missing"),
    Entry("no name", ""),
    Entry("up", "../secret.webm"),
    Entry("root", "/etc/passwd"),
    Entry("link", "link.webm"),
    Entry("linked folder", "linked/secret.webm"),
    Entry("no video", "notes.txt"),
    Entry("bare", "b"),  # as data sets name b.webm
)


@pytest.fixture(scope="session")
def archive(once, data_dir, tmp_path_factory):
  """A folder with the run `run`, the index `archive` and the videos `media`; not to be changed.

  Each process has a copy: notes are written beside the index.
  """
  made = once("page", lambda folder: _make(folder, data_dir))
  folder = tmp_path_factory.mktemp("page") / "copy"
  shutil.copytree(made, folder, symlinks=True)
  for link, target in (("link.webm", "secret.webm"), ("linked", ".")):
    (folder / "media" / link).unlink()
    (folder / "media" / link).symlink_to(folder / target)
  return folder


def _make(folder, data_dir):
  runs.make(folder / "run", "upret", data_dir)
  index = sign_jax.Index.create(folder / "archive", folder / "run")
  rng = np.random.default_rng(0)
  width = index.model.trained.inputs["video"][0][-1]
  features = [rng.standard_normal((5, width)).astype(np.float32) for _ in CLIPS]
  begin = np.arange(5) * 0.16
  index.add(features, CLIPS, [np.column_stack([begin, begin + 0.64])] * len(CLIPS))
  media = folder / "media"
  # A keyframe every few frames: the browser is to jump.
  for seed, name in enumerate(("a.webm", "Grüße an alle.webm", "b.webm", "../secret.webm")):
    render(media / name, 40, size=(96, 128), codec="libvpx", seed=seed, gop_size=8)
  picture_folder(media / "pictures", rng.integers(0, 255, (40, 32, 48, 3), np.uint8))
  (media / "notes.txt").write_text("secret")
  (media / "link.webm").symlink_to(folder / "secret.webm")
  (media / "linked").symlink_to(folder)


class Answer:
  """What came back."""

  def __init__(self, response):
    self.status, self.headers = response.status, response.headers
    self.body = response.read()

  @property
  def json(self):
    return json.loads(self.body)

  @property
  def error(self):
    return self.json["error"]


class Page:
  """A server in a thread."""

  def __init__(self, app, place):
    from sign_jax.search.page import server

    self.place, self._server = place, server.make(app, place)
    self._thread = threading.Thread(
        target=self._server.run, kwargs={"sockets": [place.socket]}, daemon=True
    )
    self._thread.start()
    while not self._server.started and self._thread.is_alive():
      time.sleep(0.01)
    assert self._server.started, "the server ended at once: its trace is above"

  def close(self):
    self._server.should_exit = True
    self._thread.join()

  @property
  def address(self):
    return f"http://127.0.0.1:{self.place.port}/"

  def ask(self, path, method="GET", body=None, headers=(), **parameters):
    """The `Answer` to a request whose path is sent as it is."""
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    connection = http.client.HTTPConnection("127.0.0.1", self.place.port)
    try:
      connection.request(method, path + query, body, dict(headers))
      return Answer(connection.getresponse())
    finally:
      connection.close()

  def post(self, path, content, headers=()):
    kinds = {"Content-Type": "application/json"} | dict(headers)
    return self.ask(path, "POST", json.dumps(content), kinds)


@pytest.fixture(scope="package")
def app(archive):
  pytest.importorskip("fastapi", reason="the extra [search] is missing")
  pytest.importorskip("starlette", reason="the extra [search] is missing")
  from sign_jax.search.page import app as application

  index = sign_jax.Index.open(archive / "archive", archive / "run")
  return application.make(index, archive / "media")


@pytest.fixture(scope="package")
def serve():
  """serve(app, ...) -> `Page`, with the arguments of `server.listen`; without a token."""
  pytest.importorskip("uvicorn", reason="the extra [search] is missing")
  from sign_jax.search.page import server

  with contextlib.ExitStack() as stack:

    def start(app, **options):
      page = Page(app, stack.enter_context(server.listen(**{"token": ""} | options)))
      stack.callback(page.close)
      return page

    yield start


@pytest.fixture(scope="package")
def page(app, serve):
  return serve(app)


@pytest.fixture(autouse=True)
def no_notes(archive):
  """Each test begins without notes."""
  (archive / "archive.notes.jsonl").unlink(missing_ok=True)
