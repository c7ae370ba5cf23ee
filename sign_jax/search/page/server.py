"""The server: where it listens, who may ask, and how it ends."""

import contextlib
import ipaddress
import logging
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
_ENDING_SECONDS = 2


class Place(NamedTuple):
  """Where the page is served."""

  socket: socket.socket
  host: str
  port: int
  token: str

  @property
  def address(self) -> str:
    """What to open in a browser."""
    host = f"[{self.host}]" if ":" in self.host else self.host
    return f"http://{host}:{self.port}/{f'?token={self.token}' if self.token else ''}"


@contextlib.contextmanager
def listen(host: str = LOOPBACK, port: int = 0, token: str | None = None) -> Iterator[Place]:
  """Takes a port, and gives it back.

  Args:
    host: an address or a name of this machine.
    port: 0 for any that is free.
    token: that all requests must know; "" for a new one. None: asked for, and new, where other
      machines can reach the page.

  Raises:
    UserError: the port is taken, or not allowed; no such host; a token that can be guessed.
  """
  if not 0 <= port <= 65535:
    raise UserError(f"--port {port} is no port: pass one from 1 to 65535, or 0 for any free one")
  family, address = _resolved(host, port)
  is_own = ipaddress.ip_address(address[0].partition("%")[0]).is_loopback
  if token is None and is_own:
    token = ""
  elif not token:
    token = secrets.token_urlsafe(24)
  elif len(token) < _SHORTEST_TOKEN or not (token.isascii() and token.isprintable()):
    raise UserError(
        f"--token needs {_SHORTEST_TOKEN} or more letters and digits: leave its value out, and one "
        "is made"
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


def guarded(app: Any, place: Place) -> security.Guard:
  """An application behind what its place asks for."""
  address = ipaddress.ip_address(place.socket.getsockname()[0].partition("%")[0])
  names = None if address.is_loopback else {place.host, socket.gethostname(), socket.getfqdn()}
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
