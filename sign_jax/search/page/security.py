"""What every request must pass before anything else sees it, and what every answer says.

Web pages of strangers run in the same browser as ours. They must not read it by a name of theirs
that leads to this machine (the name in `Host` is checked), start anything here (requests from other
sites are refused), or show it in a frame of theirs. The page itself may load nothing from other
hosts, and runs no script but its own files.
"""

import hashlib
import hmac
import ipaddress
import re
import urllib.parse
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

from fastapi.responses import JSONResponse, RedirectResponse, Response

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:\d{1,5})?")
_SAFE = ("GET", "HEAD")
_OWN_SITE = ("same-origin", "none")  # "none": the user's own doing, such as a bookmark
_POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self'",
    "media-src": "'self' blob:", "connect-src": "'self'", "base-uri": "'none'",
    "form-action": "'self'", "frame-ancestors": "'none'",
}  # fmt: skip
HEADERS = {
    "content-security-policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}
_UNLESS_SAID = {"cache-control": "no-store"}


class Guard:
  """An ASGI application in front of another one."""

  def __init__(
      self, app: Callable[..., Awaitable[None]], token: str = "",
      names: Collection[str] | None = None,
  ) -> None:
    """Wraps an application.

    Args:
      app: the ASGI application.
      token: that requests must know; "" for none.
      names: None where this machine alone may ask. Else by which names of hosts others may ask;
        addresses in digits are allowed then too, which no name of a stranger can stand for.
    """
    self._app, self._token = app, token
    self._is_open, self._names = names is not None, {name.lower() for name in names or ()}

  async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
      await self._app(scope, receive, send)
      return
    if scope["type"] != "http":
      await send({"type": "websocket.close", "code": 1008})
      return
    answer = self._refused(scope)
    await (answer or self._app)(scope, receive, _with_headers(send))

  def _refused(self, scope) -> Response | None:
    headers = _Headers(scope)
    if not self._is_known(headers.all("host")):
      return _error(421, "this page is not known by that name: open the address that was printed")
    if not _is_of_own_site(scope["method"], scope["path"], headers):
      return _error(403, "this page does what it is asked by itself, and not by other sites")
    return self._token and self._without_token(scope, headers) or None

  def _is_known(self, hosts):
    match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if not match:
      return False
    name = match[1].strip("[]").lower()
    if name == "localhost" or name in self._names:
      return True
    try:
      address = ipaddress.ip_address(name)
    except ValueError:
      return False
    return self._is_open or address.is_loopback

  def _without_token(self, scope, headers):
    """What is answered to a request by its token alone, or None where it may go on."""
    cookie = f"sign_jax_{(scope.get('server') or ('', 0))[1]}"
    digest = hashlib.sha256(self._token.encode()).hexdigest()  # cookies take no other signs
    given = headers.one("authorization").removeprefix("Bearer ").strip()
    if _same(given, self._token) or _same(headers.cookies().get(cookie, ""), digest):
      return None
    query = urllib.parse.parse_qs(scope["query_string"].decode("latin-1"))
    (asked, *_) = query.get("token", [""])
    if scope["method"] == "GET" and scope["path"] == "/" and _same(asked, self._token):
      # The address in the browser's history is then one without the token.
      answer = RedirectResponse("/", status_code=303)
      answer.set_cookie(cookie, digest, httponly=True, samesite="lax", path="/")
      return answer
    return _error(
        401, "this page asks for its token: open the address with ?token= that was printed"
    )


def _same(given, wanted):
  """Whether two texts are equal, in a time that does not tell how far."""
  return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _is_of_own_site(method, path, headers):
  site, mode = headers.one("sec-fetch-site"), headers.one("sec-fetch-mode")
  # A link on another site may lead to the page, and to nothing else.
  is_link = method in _SAFE and path == "/" and mode == "navigate"
  if site and site not in _OWN_SITE and not is_link:
    return False
  # Browsers name the origin of all that can change something.
  origin = headers.one("origin")
  if method in _SAFE or not origin:
    return True
  return urllib.parse.urlsplit(origin).netloc.lower() == headers.one("host").lower()


def _error(status, sentence):
  return JSONResponse({"error": sentence}, status)


def _with_headers(send):
  async def sent(message):
    if message["type"] == "http.response.start":
      headers = list(message.get("headers", ()))
      there = {name.lower() for name, _ in headers}
      extra = HEADERS | {k: v for k, v in _UNLESS_SAID.items() if k.encode() not in there}
      message["headers"] = [*headers, *((k.encode(), v.encode()) for k, v in extra.items())]
    await send(message)

  return sent


class _Headers:
  def __init__(self, scope):
    self._pairs = [(k.lower(), v.decode("latin-1")) for k, v in scope["headers"]]

  def all(self, name):
    return [value for key, value in self._pairs if key == name.encode()]

  def one(self, name):
    return (self.all(name) or [""])[0]

  def cookies(self):
    parts = (part.partition("=") for text in self.all("cookie") for part in text.split(";"))
    return {name.strip(): value.strip() for name, _, value in parts}
