"""The routes of the page."""

import contextlib
import importlib.resources
import json
import pathlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from sign_jax.errors import UserError, printable, sentences
from sign_jax.search.entries import Entry
from sign_jax.search.index import Index
from sign_jax.search.page import about, exports, media, notes, posters, previews, searches
from sign_jax.search.page.refusal import Refusal
from sign_jax.search.page.searches import Asked
from sign_jax.search.page.uploads import NO_UPLOADS, Uploads
from sign_jax.search.queries import EVEN

_STATIC = {
    "index.html": "text/html; charset=utf-8", "style.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}  # fmt: skip
_SCRIPT = "text/javascript; charset=utf-8"
_MOST_OF_NOTE = 64 << 10  # bytes
_LAST_SECOND = 1e6  # of a video
# No variable of the environment makes it report searches to anybody.
_UNTOLD = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
_FRESH = {"cache-control": "no-cache"}  # asked for each time, and sent when it has changed
_KEPT = {"cache-control": "private, max-age=3600"}


def make(
    index: Index, folder: pathlib.Path | None = None, seconds: float | None = None,
    uploads: Uploads | None = None,
) -> FastAPI:
  """The application, without its `security.Guard`.

  Args:
    index: opened with its model.
    folder: of the videos.
    seconds: the time limit of a search.
    uploads: what reads videos to search with; None where there is no sign encoder.
  """
  found = searches.Searches(index, seconds, uploads)

  @contextlib.asynccontextmanager
  async def life(app: FastAPI) -> AsyncIterator[None]:
    yield
    await run_in_threadpool(found.finish)

  # No pages of its own: those load scripts from other hosts.
  app = FastAPI(
      docs_url=None, redoc_url=None, openapi_url=None, lifespan=life, telemetry=_UNTOLD
  )
  _add_errors(app)
  _add_files(app)
  _add_searches(app, index, folder, found)
  _add_about(app, index, folder, seconds, uploads)
  _add_videos(app, index, media.Media(folder))
  _add_uploads(app, uploads)
  return app


def _add_files(app):
  files = _static()

  @app.get("/")
  def page() -> Response:
    return files["index.html"]()

  @app.get("/static/{name}")
  def static(name: str) -> Response:
    if name not in files:
      raise Refusal("there is no such file", 404)
    return files[name]()


def _static():
  """{name: function that makes the answer}; read once, so that no request names a path."""
  found = {}
  for file in (importlib.resources.files("sign_jax.search.page") / "static").iterdir():
    kind = _SCRIPT if file.name.endswith(".js") else _STATIC.get(file.name)
    if kind:
      content = file.read_bytes()
      found[file.name] = lambda x=content, y=kind: Response(x, media_type=y, headers=_FRESH)
  return found


_Weight = Annotated[float, Query(ge=0, le=1)]


def _asked(
    text: str = "", top: int = searches.TOP, split: str = "", signer: str = "", source: str = "",
    like: str = "", video: str = "", text_weight: _Weight = EVEN,
) -> Asked:
  return Asked(text.strip(), top, split, signer, source, like, video, text_weight)


_Asked = Annotated[Asked, Depends(_asked)]


def _add_about(app, index, folder, seconds, uploads):
  more = {
      "notes": notes.Notes.beside(index.store.folder).path.name,
      "no_uploads": "" if uploads else NO_UPLOADS,
  }
  known = [index.store, about.of(index, folder, seconds)]

  @app.get("/api/about")
  def tell() -> dict[str, Any]:
    index.refresh()
    if index.store is not known[0]:
      known[:] = index.store, about.of(index, folder, seconds)
    return known[1] | more


def _add_searches(app, index, folder, found):
  found.warm()
  noted, videos = notes.Notes.beside(index.store.folder), media.Media(folder)

  @app.get("/api/search")
  def search(asked: _Asked) -> dict[str, Any]:
    answer = found.answer(asked, again=True)
    return searches.to_json(answer, videos, noted.of(asked.query)) | {"query": asked.query}

  @app.get("/api/export/{form}")
  def export(form: str, asked: _Asked) -> Response:
    file = exports.of(found.answer(asked), noted.of(asked.query), form)
    headers = {"content-disposition": f'attachment; filename="{file.name}"'}
    return Response(file.content, media_type=file.type, headers=headers)

  @app.post("/api/notes")
  async def note(request: Request) -> dict[str, str]:
    content = await _json(request)
    said = notes.parsed(content)
    clip = _clip(index, said.clip)
    await run_in_threadpool(noted.save, said._replace(video=clip.source))
    return {"saved": noted.path.name}


_Seconds = Annotated[float, Query(ge=0, le=_LAST_SECOND)]


def _add_videos(app, index, videos):
  pictures, films = posters.Posters(), previews.Previews()

  @app.api_route("/api/video", methods=["GET", "HEAD"])
  def video(clip: str) -> Response:
    path = videos.file_of(_clip(index, clip))
    return FileResponse(path, media_type=media.type_of(path), headers=_KEPT)

  @app.get("/api/preview")
  def preview(clip: str, start: _Seconds, end: _Seconds) -> Response:
    film = films.of(videos.path_of(_clip(index, clip)), start, end)
    return Response(film, media_type="video/webm", headers=_KEPT)

  @app.get("/api/poster")
  def poster(clip: str, at: _Seconds = 0.0) -> Response:
    picture = pictures.at(videos.path_of(_clip(index, clip)), at)
    return Response(picture, media_type="image/jpeg", headers=_KEPT)


def _add_uploads(app, uploads):
  @app.post("/api/videos")
  async def upload(request: Request) -> dict[str, Any]:
    if uploads is None:
      raise Refusal(NO_UPLOADS, 404)
    # No form of another site can send such.
    if not request.headers.get("content-type", "").startswith("video/"):
      raise Refusal("a video is sent as it is, with its media type", 415)
    return await uploads.receive(request.stream(), run_in_threadpool)


def _clip(index, name) -> Entry:
  row = index.store.rows.get(name)
  if row is None:
    raise Refusal("the index has no such clip", 404)
  return index.store.entry(row)


async def _json(request):
  """The JSON values of a small request."""
  if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
    raise Refusal("notes are sent as application/json", 415)
  body = bytearray()
  async for part in request.stream():
    body += part
    if len(body) > _MOST_OF_NOTE:
      raise Refusal(f"a note has at most {_MOST_OF_NOTE} bytes", 413)
  try:
    return json.loads(body)
  except (ValueError, RecursionError) as error:
    raise Refusal("a note is sent as JSON, which this is not") from error


def _add_errors(app):
  """All that goes wrong is told in one sentence."""

  def say(sentence, status, headers=None):
    return JSONResponse({"error": printable(sentence)}, status, headers)

  @app.exception_handler(UserError)
  async def refuse(request: Request, error: UserError) -> Response:
    return say(error, error.http if isinstance(error, Refusal) else 400)

  @app.exception_handler(HTTPException)
  async def not_there(request: Request, error: HTTPException) -> Response:
    told = {404: "there is no such page", 405: "this page does not take such requests"}
    return say(told.get(error.status_code, error.detail), error.status_code, error.headers)

  @app.exception_handler(RequestValidationError)
  async def wrong(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    return say(f"{first['loc'][-1]} is not as it must be: {first['msg']}", 422)

  @app.exception_handler(ClientDisconnect)
  async def gone(request: Request, error: ClientDisconnect) -> Response:
    return say("the request ended before all of it was there", 400)

  @app.exception_handler(OSError)
  async def refused_by_system(request: Request, error: OSError) -> Response:
    sentence, _ = sentences.of(error) or (f"a file cannot be read ({error.strerror})", 0)
    return say(sentence, 500)

  @app.exception_handler(Exception)  # its trace is in the terminal
  async def broken(request: Request, error: Exception) -> Response:
    return say("this is a fault of the page itself: see the terminal that it runs in", 500)
