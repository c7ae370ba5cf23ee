"""How the opcodes of pickles are read, and which of them plain data and tensors need."""

import codecs
import pickletools

OUT_OF_BAND = ("NEXT_BUFFER", "READONLY_BUFFER")


class Refused(Exception):
  """A pickle that asks for more than plain data; its text is the name of that."""


def _python2_string(file):
  # As `pickletools` reads it, except that it need not be ASCII.
  line = file.readline()
  quote = line[:1]
  if len(line) < 3 or quote not in b"'\"" or not line.endswith(quote + b"\n"):
    raise ValueError("a string has no end")
  return codecs.escape_decode(line[1:-2])[0].decode("latin-1")


def _refuse(opcode):
  # A reader that never returns.
  def reader(file):
    if opcode.name == "PERSID":  # as text, of protocol 0
      raise Refused("a persistent id")
    if opcode.name in OUT_OF_BAND:
      raise Refused("an out-of-band buffer")
    name = opcode.arg.reader(file).replace(" ", ".") if opcode.name == "INST" else ""
    raise Refused(name or f"the opcode {opcode.name}")

  return reader


_METHODS = {
  "push": "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING "
          "SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES "
          "SHORT_BINBYTES BINBYTES8 BYTEARRAY8 NONE NEWTRUE NEWFALSE EMPTY_LIST EMPTY_DICT "
          "EMPTY_SET EMPTY_TUPLE",
  "nothing": "PROTO FRAME",
  "mark": "MARK", "pop": "POP", "take_to_mark": "POP_MARK", "duplicate": "DUP",
  "list_to_mark": "LIST", "append": "APPEND", "appends": "APPENDS",
  "dict_to_mark": "DICT", "set_item": "SETITEM", "set_items": "SETITEMS",
  "add_items": "ADDITEMS", "frozenset_to_mark": "FROZENSET",
  "tuple_to_mark": "TUPLE", "tuple1": "TUPLE1", "tuple2": "TUPLE2", "tuple3": "TUPLE3",
  "put": "PUT BINPUT LONG_BINPUT", "memoize": "MEMOIZE", "get": "GET BINGET LONG_BINGET",
  "name": "GLOBAL", "name_on_stack": "STACK_GLOBAL", "call": "REDUCE NEWOBJ", "build": "BUILD",
  "resolve": "BINPERSID",
}  # fmt: skip
# Readers where `pickletools` has none, or one that is too narrow.
_READERS = {
  "STRING": _python2_string,
  "NONE": lambda file: None,
  "NEWTRUE": lambda file: True,
  "NEWFALSE": lambda file: False,
  "EMPTY_LIST": lambda file: [],
  "EMPTY_DICT": lambda file: {},
  "EMPTY_SET": lambda file: set(),
  "EMPTY_TUPLE": lambda file: (),
}


def _table():
  methods = {opcode: method for method, names in _METHODS.items() for opcode in names.split()}
  table = {}
  for opcode in pickletools.opcodes:
    known = opcode.name in methods
    reader = _READERS.get(opcode.name, opcode.arg and opcode.arg.reader)
    entry = (reader, methods[opcode.name]) if known else (_refuse(opcode), "nothing")
    table[opcode.code.encode("latin-1")] = entry
  del table[b"."]
  return table


TABLE = _table()
