"""How the opcodes of pickles are read, which of them plain data need, and what each may cost.

A reader is a function of (file, budget); it takes from the budget what its text or bytes will
need before they are made. The price of an opcode is the memory of the object that it makes, with
its place on the stack or in the memo: an empty set, one byte of a pickle, takes 216 bytes.
"""

import codecs
import pickletools

import numpy as np

OUT_OF_BAND = ("NEXT_BUFFER", "READONLY_BUFFER")
MAX_LINE = 5000  # bytes of a number or a name that is written as text

_OBJECT, _LIST, _DICT, _SET, _TUPLE, _PLACE, _CALL = 64, 192, 320, 320, 320, 160, 512


class Refused(Exception):
  """A pickle that asks for more than plain data; its text is the name of that."""


def _bytes(length, make=bytes):
  # `length` bytes say how many follow.
  def reader(file, budget):
    raw = _following(file, length)
    budget.take_memory(len(raw))
    return make(raw)

  return reader


def _text(length):
  def reader(file, budget):
    raw = _following(file, length)
    budget.take_memory(_width(raw) * len(raw))
    return raw.decode()  # strict: a lone surrogate could not be written again

  return reader


def _latin(length):
  return _bytes(length, lambda raw: raw.decode("latin-1"))


def _following(file, length):
  count = int.from_bytes(file.read(length), "little")
  raw = file.read(count)  # of a BytesIO: no memory for what is not there
  if len(raw) < count:
    raise ValueError(f"a text or bytes of {count} bytes are cut short")
  return raw


def _width(raw):
  """How many bytes Python takes at most for a character of a text in UTF-8."""
  largest = np.frombuffer(raw, np.uint8).max(initial=0)
  return 1 if largest < 0xC4 else 2 if largest < 0xF0 else 4


def _line_of_text(file, budget):
  line = _line(file, budget)
  text = line.decode("raw-unicode-escape")
  text.encode()  # a lone surrogate fails here, not where the text is printed
  return text


def _python2_string(file, budget):
  # As `pickletools` reads it, except that it need not be ASCII.
  line = _line(file, budget)
  quote = line[:1]
  if len(line) < 2 or quote not in b"'\"" or not line.endswith(quote):
    raise ValueError("a string has no end")
  return codecs.escape_decode(line[1:-1])[0].decode("latin-1")


def _line(file, budget):
  line = file.readline()
  budget.take_memory(4 * len(line))  # while it is decoded; and one \U may widen all of it
  if not line.endswith(b"\n"):
    raise ValueError("a line has no end")
  return line[:-1]


def _short_lines(reader, count):
  # For numbers and names, which no honest pickle writes in more than some hundred bytes.
  def checked(file, budget):
    begin = file.tell()
    for _ in range(count):
      if len(file.readline(MAX_LINE + 1)) > MAX_LINE:
        raise ValueError(f"a number or a name has more than {MAX_LINE} bytes")
    file.seek(begin)
    return reader(file)

  return checked


def _refuse(opcode):
  # A reader that never returns.
  def reader(file, budget):
    del budget
    if opcode.name == "PERSID":  # as text, of protocol 0
      raise Refused("a persistent id")
    if opcode.name in OUT_OF_BAND:
      raise Refused("an out-of-band buffer")
    if opcode.name == "INST":
      raise Refused(_short_lines(opcode.arg.reader, 2)(file, None).replace(" ", "."))
    raise Refused(f"the opcode {opcode.name}")

  return reader


# {method: (price, opcodes)}
_METHODS = {
  "push": (_OBJECT, "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING "
                    "SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES "
                    "SHORT_BINBYTES BINBYTES8 BYTEARRAY8 NONE NEWTRUE NEWFALSE EMPTY_TUPLE"),
  "nothing": (_OBJECT, "PROTO FRAME"),
  "mark": (2 * _OBJECT, "MARK"), "pop": (_OBJECT, "POP"), "take_to_mark": (_OBJECT, "POP_MARK"),
  "duplicate": (_OBJECT, "DUP"),
  "empty_list": (_LIST, "EMPTY_LIST"), "list_to_mark": (_LIST, "LIST"),
  "append": (_OBJECT, "APPEND"), "appends": (_OBJECT, "APPENDS"),
  "empty_dict": (_DICT, "EMPTY_DICT"), "dict_to_mark": (_DICT, "DICT"),
  "set_item": (_OBJECT, "SETITEM"), "set_items": (_OBJECT, "SETITEMS"),
  "empty_set": (_SET, "EMPTY_SET"), "add_items": (_OBJECT, "ADDITEMS"),
  "frozenset_to_mark": (_SET, "FROZENSET"),
  "tuple_to_mark": (_TUPLE, "TUPLE"), "tuple1": (_TUPLE, "TUPLE1"), "tuple2": (_TUPLE, "TUPLE2"),
  "tuple3": (_TUPLE, "TUPLE3"),
  "put": (_PLACE, "PUT BINPUT LONG_BINPUT"), "memoize": (_PLACE, "MEMOIZE"),
  "get": (_OBJECT, "GET BINGET LONG_BINGET"),
  "name": (_CALL, "GLOBAL"), "name_on_stack": (_CALL, "STACK_GLOBAL"),
  "call": (_CALL, "REDUCE NEWOBJ"), "call_with_names": (_CALL, "NEWOBJ_EX"),
  "build": (_OBJECT, "BUILD"), "resolve": (_CALL, "BINPERSID"),
}  # fmt: skip
_READERS = {
  "STRING": _python2_string, "UNICODE": _line_of_text,
  "BINSTRING": _latin(4), "SHORT_BINSTRING": _latin(1),
  "BINUNICODE": _text(4), "SHORT_BINUNICODE": _text(1), "BINUNICODE8": _text(8),
  "BINBYTES": _bytes(4), "SHORT_BINBYTES": _bytes(1), "BINBYTES8": _bytes(8),
  "BYTEARRAY8": _bytes(8, bytearray),
  "LONG4": _bytes(4, lambda raw: int.from_bytes(raw, "little", signed=True)),
  "NONE": lambda file, budget: None,
  "NEWTRUE": lambda file, budget: True,
  "NEWFALSE": lambda file, budget: False,
  "EMPTY_TUPLE": lambda file, budget: (),
}  # fmt: skip
_LINES = {"INT": 1, "LONG": 1, "FLOAT": 1, "PUT": 1, "GET": 1, "GLOBAL": 2}


def _reader(opcode):
  if opcode.name in _READERS:
    return _READERS[opcode.name]
  if opcode.arg is None:
    return None
  if opcode.name in _LINES:
    return _short_lines(opcode.arg.reader, _LINES[opcode.name])
  return lambda file, budget: opcode.arg.reader(file)


def _table():
  methods = {
    opcode: (price, method)
    for method, (price, names) in _METHODS.items()
    for opcode in names.split()
  }
  table = {}
  for opcode in pickletools.opcodes:
    known = opcode.name in methods
    entry = (
      (*methods[opcode.name], _reader(opcode)) if known else (0, "nothing", _refuse(opcode))
    )
    table[opcode.code.encode("latin-1")] = entry
  del table[b"."]
  return table


TABLE = _table()  # {code: (price, name of a method, reader of its argument or None)}
