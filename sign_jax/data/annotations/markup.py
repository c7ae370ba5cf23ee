"""Documents of XML from strangers, walked once, with the place of every element in the file.

Python's expat reads them. A document type is refused, and with it entities that grow without end or
name other files. Nothing is fetched.
"""

import codecs
import pathlib
from collections.abc import Callable
from typing import NamedTuple
from xml.parsers import expat

from sign_jax.errors import UserError, shown
from sign_jax.untrusted import budget

MAX_BYTES = 64 << 20  # documents of ELAN have at most some
_MAX_DEPTH, _LONGEST_NAME = 64, 100
_REMEDY = "open it in ELAN and save it"
# That expat reads itself, so that its places are those of the file's bytes.
_ENCODINGS = ("utf-8", "utf-16", "iso8859-1", "ascii")
_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class Element(NamedTuple):
  """An element that has ended.

  Attributes:
    path: its name behind those of the elements that it is in, with "/".
    attributes: {name: value}.
    text: its own, without that of elements in it.
    line: where it begins, from 1.
    start, inner, close, end: bytes of the file: of its start tag, behind that, of its end tag,
      behind that. `close` is `end` where one tag is both, as in <A/>.
  """

  path: str
  attributes: dict[str, str]
  text: str
  line: int
  start: int
  inner: int
  close: int
  end: int


class Document(NamedTuple):
  """A file and its encoding, a name of Python's for what its bytes are in behind any mark."""

  path: pathlib.Path
  content: bytes
  encoding: str


def read(path: pathlib.Path) -> bytes:
  """The bytes of a file; raises UserError for more than `MAX_BYTES`."""
  try:
    with path.open("rb") as file:
      return budget.read_all(file, budget.Budget.of(file, max_unpacked=MAX_BYTES))
  except budget.Exceeded as error:
    raise UserError(
        f"{path} has more than {MAX_BYTES >> 20} MiB, which no such document has"
    ) from error


def walk(path: pathlib.Path, content: bytes, visit: Callable[[Element], None]) -> Document:
  """Visits every element when it ends, so those in it come first.

  Args:
    path: for messages.
    content: the whole file.
    visit: may raise UserError.

  Raises:
    UserError: names the line: no XML, a document type, an encoding other than UTF-8, UTF-16,
      ISO-8859-1 and ASCII, elements in one another more than 64 times.
  """
  walker = _Walker(path, visit)
  try:
    walker.parser.Parse(content, True)
  except expat.ExpatError as error:
    raise UserError(
        f"{path}, line {error.lineno}: this is no XML, or encoded otherwise than it says "
        f"({expat.errors.messages[error.code]}), {_REMEDY}"
    ) from error
  except ValueError as error:  # pyexpat's for encodings of several bytes
    raise UserError(f"{path} is encoded in a way that is not read ({error}), {_REMEDY}") from error
  walker.finish(len(content))
  mark = next((name for bom, name in _UTF_16.items() if content.startswith(bom)), None)
  return Document(path, content, mark or walker.encoding)


class _Walker:
  def __init__(self, path, visit):
    self._path, self._visit = path, visit
    self._open = []  # [path, attributes, texts, line, start, inner]
    self._started = False  # whether the last event was a start tag, whose end is not known yet
    self._ended = None  # (open, close) of the element whose end is not known yet
    self.encoding = "utf-8"
    self.parser = parser = expat.ParserCreate()
    parser.ordered_attributes = False
    parser.buffer_text = False  # the place of a text that waits would be that of what follows
    parser.XmlDeclHandler = self._declared
    parser.StartDoctypeDeclHandler = self._refuse
    parser.StartElementHandler = self._start
    parser.EndElementHandler = self._end
    parser.CharacterDataHandler = self._text
    parser.DefaultHandler = self._other

  def _declared(self, version, encoding, standalone):
    try:
      found = codecs.lookup(encoding or "utf-8").name
    except LookupError:
      found = ""
    if found not in _ENCODINGS:
      raise UserError(
          f"{self._path}, line 1: the encoding {shown(encoding)} is not read, {_REMEDY}, which "
          "writes UTF-8"
      )
    self.encoding = found

  def _refuse(self, *_):
    line = self.parser.CurrentLineNumber
    raise UserError(
        f"{self._path}, line {line}: it has a document type, which documents of ELAN do not have "
        "and which can do harm, remove it"
    )

  def _reached(self):
    """Notes the byte at which what is read now begins: what came before ends there."""
    self.finish(self.parser.CurrentByteIndex)

  def finish(self, place):
    if self._started:
      self._open[-1][-1] = place
      self._started = False
    if self._ended:
      (path, attributes, texts, line, start, inner), close = self._ended
      self._ended = None
      # Of <A/>, expat tells the end behind the tag.
      self._visit(Element(path, attributes, "".join(texts), line, start, inner, close, place))

  def _start(self, name, attributes):
    self._reached()
    if len(self._open) >= _MAX_DEPTH:
      raise UserError(
          f"{self._path}, line {self.parser.CurrentLineNumber}: elements lie in one another more "
          f"than {_MAX_DEPTH} times, {_REMEDY}"
      )
    above = f"{self._open[-1][0]}/" if self._open else ""
    line, start = self.parser.CurrentLineNumber, self.parser.CurrentByteIndex
    self._open.append([above + name[:_LONGEST_NAME], attributes, [], line, start, start])
    self._started = True

  def _end(self, name):
    self._reached()
    self._ended = self._open.pop(), self.parser.CurrentByteIndex

  def _text(self, text):
    self._reached()
    if self._open:
      self._open[-1][2].append(text)

  def _other(self, text):
    self._reached()
