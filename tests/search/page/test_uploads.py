"""Videos to search with."""

import contextlib
import io
import socket
import threading
import time

import numpy as np
import pytest

import sign_jax
from sign_jax.encoder import preparation, windows
from tests.videos import render

VIDEO = {"Content-Type": "video/webm"}
STRIDE = 4


@pytest.fixture(scope="module")
def width(archive):
  return sign_jax.load(archive / "run").trained.inputs["video"][0][-1]


@pytest.fixture(scope="module")
def page(archive, serve, width):
  """A page whose encoder tells the mean colour of windows."""
  pytest.importorskip("fastapi", reason="the extra [search] is missing")
  from sign_jax.search.page import app, uploads

  def encode(some):
    means = some.reshape(len(some), -1).mean(1, keepdims=True) / 255
    return np.sin(means * np.arange(1, width + 1)).astype(np.float32)

  encoder = windows.Encoder(encode, 2, 32, preparation.EXACT)
  index = sign_jax.Index.open(archive / "archive", archive / "run")
  made = app.make(index, archive / "media", uploads=uploads.Uploads(lambda: encoder, STRIDE))
  return serve(made)


def send(page, content, headers=VIDEO):
  return page.ask("/api/videos", "POST", content, headers)


def test_a_video_is_searched_with(page, tmp_path):
  content = render(tmp_path / "own.webm", 30, codec="libvpx").read_bytes()
  taken = send(page, content).json
  assert taken["seconds"] == pytest.approx(29 / 25, abs=0.05)
  alone = page.ask("/api/search", video=taken["video"]).json
  both = page.ask("/api/search", video=taken["video"], text="Good morning.").json
  text = page.ask("/api/search", text="Good morning.").json
  assert alone["query"] == f"video {taken['video']}" and alone["certified"]
  scores = [{hit["name"]: hit["score"] for hit in x["hits"]} for x in (alone, both, text)]
  common = set.intersection(*map(set, scores))
  assert common
  for name in common:
    assert scores[1][name] == pytest.approx((scores[0][name] + scores[2][name]) / 2, abs=1e-5)


def test_a_clip_is_not_like_itself(page):
  found = page.ask("/api/search", like="morning", top=50).json
  assert found["query"] == "like morning" and found["hits"]
  assert "morning" not in [hit["name"] for hit in found["hits"]]
  assert "no clip 'nobody'" in page.ask("/api/search", like="nobody").error


def test_what_is_no_video_is_refused(page, tmp_path, monkeypatch):
  from sign_jax.search.page import uploads

  answer = send(page, b"#EXTM3U\nhttp://evil.example/a.ts\n")
  assert answer.status == 400 and answer.error.startswith("the video is no video")
  assert "/tmp" not in answer.error
  assert send(page, b"x", {"Content-Type": "text/plain"}).status == 415
  gone = page.ask("/api/search", video="0" * 16)
  assert gone.status == 404 and "choose it again" in gone.error
  content = render(tmp_path / "own.webm", 60, codec="libvpx").read_bytes()
  monkeypatch.setattr(uploads, "MOST_FRAMES", 40)
  assert send(page, content).status == 413
  monkeypatch.setattr(uploads, "MOST_BYTES", 100)
  answer = send(page, io.BytesIO(content[:200]))
  assert answer.status == 413 and "MiB" in answer.error


def test_one_video_is_read_at_a_time(page, tmp_path, monkeypatch):
  content = render(tmp_path / "own.webm", 30, codec="libvpx").read_bytes()
  inner = []

  def read(self, path, digest):
    inner.append(send(page, content))
    return {"video": digest, "seconds": 1.0}

  from sign_jax.search.page import uploads

  monkeypatch.setattr(uploads.Uploads, "_read", read)
  assert send(page, content).status == 200
  assert [answer.status for answer in inner] == [503]


def test_who_sends_slowly_holds_nobody_up(page, tmp_path, monkeypatch):
  from sign_jax.search.page import uploads

  content = render(tmp_path / "own.webm", 30, codec="libvpx").read_bytes()
  head = f"POST /api/videos HTTP/1.1\r\nHost: localhost\r\nContent-Type: video/webm\r\n" \
         f"Content-Length: {len(content)}\r\n\r\n".encode()
  with contextlib.ExitStack() as stack:

    def begin():
      slow = socket.create_connection(("127.0.0.1", page.place.port))
      stack.enter_context(slow).sendall(head + content[:9])
      return slow

    begin()
    assert send(page, content).status == 200
    monkeypatch.setattr(uploads, "_COMING_SECONDS", 0.05)
    late = begin()
    answer = late.makefile("rb").read(4096)
    assert b" 408 " in answer and b"to come in" in answer


def test_the_end_waits_for_a_search(archive, capsys):
  pytest.importorskip("fastapi", reason="the extra [search] is missing")
  from sign_jax.search.page import searches

  found = searches.Searches(None, None)
  found.finish()
  with found._turn():
    waiting = threading.Thread(target=found.finish)
    waiting.start()
    while "waiting for the search" not in capsys.readouterr().err:
      time.sleep(0.01)
    assert waiting.is_alive()
  waiting.join()


def test_without_an_encoder_it_says_so(app, serve):
  answer = send(serve(app), b"x")
  assert answer.status == 404 and "--weights" in answer.error
