"""A client of Qdrant, of a server or of its local mode, and what goes wrong with one."""

import contextlib
import importlib
import os
from collections.abc import Iterator
from typing import Any

from sign_jax.errors import UserError, first_line

KEY = "QDRANT_API_KEY"  # the environment's variable
MEMORY = ":memory:"
_SECONDS = 120  # that a server may take for an answer


def connect(url: str | None = None, path: str | os.PathLike | None = None) -> Any:
  """A `qdrant_client.QdrantClient`.

  Args:
    url: of a server, such as "http://localhost:6333"; its key, if it asks for one, is taken from
      QDRANT_API_KEY in the environment.
    path: a folder for the local mode, which needs no server, or ":memory:". The local mode reads
      what is in the folder by pickle, so it must be one of your own.

  Raises:
    UserError: both or none of the two, qdrant-client is not installed, or the folder is in use.
  """
  if (url is None) == (path is None):
    raise UserError("pass --url URL of a Qdrant server, or --path DIR for its local mode")
  package = _package()
  with told(url or path):
    if path is None:
      key = os.environ.get(KEY) or None
      return package.QdrantClient(url=url, api_key=key, timeout=_SECONDS)
    place = {"location": MEMORY} if str(path) == MEMORY else {"path": str(path)}
    return package.QdrantClient(**place)


def _package():
  try:
    return importlib.import_module("qdrant_client")
  except ImportError as error:
    raise UserError(
        "Qdrant needs the package qdrant-client: pip install 'sign_jax[qdrant]'"
    ) from error


def models() -> Any:
  """The module of Qdrant's data classes."""
  _package()
  return importlib.import_module("qdrant_client.models")


def is_local(client: Any) -> bool:
  """Whether a client has no server."""
  # The client's own class says it in no other way.
  return type(client._client).__name__ == "QdrantLocal"


@contextlib.contextmanager
def told(place: object) -> Iterator[None]:
  """What a client raises, as UserError with the place that it was asked for."""
  try:
    yield
  except UserError:
    raise
  except _faults() as error:
    source = getattr(error, "source", error)
    raise UserError(
        f"Qdrant at {place} does not do what it is asked to ({first_line(source)}): look whether "
        f"it runs, at its version, and at {KEY}"
    ) from error


def _faults():
  exceptions = importlib.import_module("qdrant_client.http.exceptions")
  # ValueError: a collection that is not there, in local mode; RuntimeError: a folder in use.
  return (exceptions.ApiException, ValueError, RuntimeError, OSError)
