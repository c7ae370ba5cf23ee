"""What the page refuses."""

import http.client
import json
import re
import socket

import pytest

from sign_jax.errors import UserError
from tests.search.page.conftest import CLIPS

TOKEN = "a-token-that-is-long-enough"


@pytest.mark.parametrize("clip", CLIPS[3:10], ids=lambda clip: clip.name)
def test_no_path_leads_out_of_the_folder(page, archive, clip):
  for route in ("/api/video", "/api/poster", "/api/preview"):
    answer = page.ask(route, clip=clip.name, start=0, end=1)
    assert answer.status in (403, 404) and answer.error
    assert str(archive) not in answer.error and b"root:" not in answer.body


@pytest.mark.parametrize("path", [
    "/../../etc/passwd", "/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py",
    "/static//etc/passwd", "/static/..%5capp.py", "/api/video?clip=../secret.webm",
    "/api/video?clip=a.webm", "/api/video?clip=%00", "/media/a.webm", "/docs", "/openapi.json",
    "/static/app.js%00.html", "/api/video?clip=morning/../../secret.webm",
])  # fmt: skip
def test_only_what_is_named_is_given_out(page, path):
  answer = page.ask(path)
  assert answer.status == 404 and answer.error
  assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("host", [
    "evil.example", "127.0.0.1.evil.example", "evil.example:80", "", "localhost@evil.example",
    "192.168.0.7", "localhost,evil.example",
])  # fmt: skip
def test_names_of_strangers_are_not_answered(page, host):
  assert page.ask("/api/about", headers={"Host": host}).status in (400, 421)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9", "[::1]:8765", "LOCALHOST"])
def test_own_names_are_answered(page, host):
  assert page.ask("/api/about", headers={"Host": host}).status == 200


@pytest.mark.parametrize(("headers", "status"), [
    ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
    ({"Content-Type": "text/plain"}, 415), ({"Sec-Fetch-Site": "same-origin"}, 200), ({}, 200),
])  # fmt: skip
def test_other_sites_change_nothing(page, archive, headers, status):
  note = {"query": "Hello.", "clip": "morning", "verdict": "right"}
  assert page.post("/api/notes", note, headers).status == status
  assert (archive / "archive.notes.jsonl").exists() == (status == 200)


def test_other_sites_start_no_search_and_read_nothing(page):
  foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
  assert page.ask("/api/search", headers=foreign, text="Hello.").status == 403
  answer = page.ask("/api/about", headers={"Origin": "http://evil.example"})
  assert "access-control-allow-origin" not in answer.headers
  assert answer.headers["cross-origin-resource-policy"] == "same-origin"
  # A link on another site may lead here.
  link = foreign | {"Sec-Fetch-Mode": "navigate"}
  assert page.ask("/", headers=link).status == 200
  assert page.ask("/api/search", headers=link, text="Hello.").status == 403


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/api/about", "/none", "/api/video"])
def test_every_answer_forbids_what_the_page_does_not_need(page, path):
  headers = page.ask(path).headers
  policy = headers["content-security-policy"]
  assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
  assert "frame-ancestors 'none'" in policy
  assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"]


def test_the_page_names_no_other_host(page):
  names = ("", *(f"static/{x}" for x in ("app.js", "card.js", "player.js", "style.css")))
  texts = [page.ask(f"/{name}").body.decode() for name in names]
  assert not [x for text in texts for x in re.findall(r"(?:https?:)?//[\w.]+\.\w+[^\s\"']*", text)]
  assert "style=" not in texts[0] and not re.findall(r"<script(?! type=\"module\" src=)", texts[0])


def test_what_is_sent_is_limited(page):
  huge = json.dumps({"query": "x" * (1 << 20), "clip": "morning"})
  try:
    answer = page.ask("/api/notes", "POST", huge, {"Content-Type": "application/json"})
    assert answer.status == 413 and "at most" in answer.error
  except (ConnectionError, http.client.HTTPException):
    pass  # refused before all was sent
  nested = "[" * 60_000
  answer = page.ask("/api/notes", "POST", nested, {"Content-Type": "application/json"})
  assert answer.status == 400 and answer.error
  assert page.ask("/api/about", "DELETE").status == 405
  assert page.ask("/api/about").status == 200


def test_other_machines_need_a_token(app, serve):
  page = serve(app, host="0.0.0.0", token=None)
  token = page.place.token
  assert len(token) >= 16 and token in page.place.address
  for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": f"token={token}"},
                  {"Authorization": "Bearer ä"}):
    answer = page.ask("/api/about", headers=headers)
    assert answer.status == 401 and "token" in answer.error
  assert page.ask("/static/app.js").status == 401
  assert page.ask("/", token="wrong").status == 401
  assert page.ask("/api/about", token=token).status == 401  # addresses are kept in logs
  assert page.ask("/api/about", headers={"Authorization": f"Bearer {token}"}).status == 200
  opened = page.ask("/", token=token)
  assert (opened.status, opened.headers["location"]) == (303, "/")
  cookie = opened.headers["set-cookie"]
  assert "HttpOnly" in cookie and "SameSite=lax" in cookie and token not in cookie
  known = {"Cookie": cookie.partition(";")[0]}
  assert page.ask("/api/about", headers=known).status == 200
  # Addresses in digits cannot be another's; names are not known.
  assert page.ask("/api/about", headers=known | {"Host": "192.168.0.7:80"}).status == 200
  assert page.ask("/api/about", headers=known | {"Host": "evil.example"}).status == 421


def test_other_users_of_this_machine_need_a_token(app, serve):
  page = serve(app, token=None)
  assert f"http://127.0.0.1:{page.place.port}/?token={page.place.token}" == page.place.address
  assert page.ask("/").status == page.ask("/api/about").status == 401
  assert page.ask("/", token=page.place.token).status == 303


def test_the_address_of_all_addresses_can_be_opened(monkeypatch):
  server = pytest.importorskip("sign_jax.search.page.server", reason="the extra is missing")
  monkeypatch.setattr(socket, "getfqdn", None)  # asks other machines
  with server.listen("0.0.0.0") as place:
    assert "//0.0.0.0:" not in place.address and f":{place.port}/?token=" in place.address
    assert server.guarded(None, place)._is_known([f"{socket.gethostname()}.local:{place.port}"])
    with pytest.raises(UserError, match="--no_token would let everybody in"):
      server.listen("0.0.0.0", token="").__enter__()


def test_where_it_listens(monkeypatch):
  server = pytest.importorskip("sign_jax.search.page.server", reason="the extra is missing")
  look_up = socket.getaddrinfo

  def without_network(host, *args, **kwargs):
    if host == "no.such.host.invalid":
      raise socket.gaierror("no such host")
    return look_up(host, *args, **kwargs)

  monkeypatch.setattr(socket, "getaddrinfo", without_network)
  with server.listen(token="") as place:
    assert place.token == "" and place.address == f"http://127.0.0.1:{place.port}/"
    with pytest.raises(UserError, match="cannot be had .* pass another --port"):
      server.listen(port=place.port).__enter__()
  for options, sentence in (
      ({"port": 70000}, "is no port"), ({"host": "no.such.host.invalid"}, "is no address"),
      ({"token": "short"}, "needs 16 or more"), ({"token": f"{TOKEN}&#"}, "needs 16 or more"),
      ({"host": "203.0.113.7"}, "cannot be had"),
  ):
    with pytest.raises(UserError, match=sentence):
      server.listen(**options).__enter__()
  with server.listen(token=TOKEN) as place:
    assert place.token == TOKEN
