"""The server: where it listens, who may ask, and how it ends."""

import contextlib
import ipaddress
import logging
import re
import secrets
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

import uvicorn

from sign_jax.errors import UserError, shown
from sign_jax.search.page import security

LOOPBACK = "127.0.0.1"
_BACKLOG = 128
_SHORTEST_TOKEN = 16  # characters; others can be guessed
_SIGNS = re.compile(r"[\w.~-]*", re.ASCII)  # those that addresses keep as they are
_ENDING_SECONDS = 2
_ELSEWHERE = {"0.0.0.0": "192.0.2.1", "::": "2001:db8::1"}  # {all addresses: one of no machine}


class Place(NamedTuple):
  """Where the page is served."""

  socket: socket.socket
  host: str
  port: int
  token: str

  @property
  def address(self) -> str:
    """What to open in a browser."""
    host = _reachable(self.host)
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{self.port}/{f'?token={self.token}' if self.token else ''}"


@contextlib.contextmanager
def listen(host: str = LOOPBACK, port: int = 0, token: str | None = None) -> Iterator[Place]:
  """Takes a port, and gives it back.

  Args:
    host: an address or a name of this machine.
    port: 0 for any that is free.
    token: that all requests must know; None for a new one. "": none, so that all users of this
      machine can open the page; others never can.

  Raises:
    UserError: the port is taken, or not allowed; no such host; a token that can be guessed, or
      none for a page that other machines can reach.
  """
  if not 0 <= port <= 65535:
    raise UserError(f"--port {port} is no port: pass one from 1 to 65535, or 0 for any free one")
  family, address = _resolved(host, port)
  is_own = ipaddress.ip_address(address[0].partition("%")[0]).is_loopback
  if token is None:
    token = secrets.token_urlsafe(24)
  elif not token and not is_own:
    raise UserError(f"--no_token would let everybody in who reaches {shown(host)}: leave it out")
  elif token and len(token) < _SHORTEST_TOKEN or not _SIGNS.fullmatch(token):
    raise UserError(
        f"a token needs {_SHORTEST_TOKEN} or more letters, digits, - and _: leave it out, and "
        "one is made"
    )
  with socket.socket(family, socket.SOCK_STREAM) as listening:
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
      listening.bind(address)
      listening.listen(_BACKLOG)
    except OSError as error:
      raise UserError(
          f"port {port} of {host} cannot be had ({error.strerror}): pass another --port, or 0 for "
          "any free one"
      ) from error
    yield Place(listening, host, listening.getsockname()[1], token)


def _resolved(host, port):
  try:
    (family, *_, address), *_ = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
  except (OSError, UnicodeError) as error:
    raise UserError(f"--host {shown(host)} is no address of this machine") from error
  return family, address


def _reachable(host):
  """A host as a browser can open it: "all addresses" is none, so the one that leads out."""
  if host not in _ELSEWHERE:
    return host
  family = socket.AF_INET6 if ":" in host else socket.AF_INET
  try:
    with socket.socket(family, socket.SOCK_DGRAM) as out:
      out.connect((_ELSEWHERE[host], 9))  # chooses a way; nothing is sent
      return out.getsockname()[0]
  except OSError:
    return socket.gethostname()


def guarded(app: Any, place: Place) -> security.Guard:
  """An application behind what its place asks for."""
  address = ipaddress.ip_address(place.socket.getsockname()[0].partition("%")[0])
  # Without `getfqdn`, which asks other machines and waits for them.
  own = socket.gethostname()
  names = None if address.is_loopback else {place.host, own, f"{own}.local"}
  return security.Guard(app, place.token, names)


class _Server(uvicorn.Server):
  """Ends without traces of the requests that it ends with."""

  async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    await super().shutdown(sockets)


def run(app: Any, place: Place) -> None:
  """Serves until Ctrl-C, which it raises as KeyboardInterrupt when all is closed."""
  make(app, place).run(sockets=[place.socket])


def make(app: Any, place: Place) -> uvicorn.Server:
  """The server, which has not begun."""
  return _Server(uvicorn.Config(
      guarded(app, place), log_level="warning", access_log=False, server_header=False,
      proxy_headers=False, ws="none", timeout_graceful_shutdown=_ENDING_SECONDS,
  ))  # fmt: skip
