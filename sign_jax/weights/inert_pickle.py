"""Reads pickles of weights without running anything that stands in them.

Python's own unpickler calls what a pickle names. Here `pickletools` only takes the opcodes apart,
and the few that files of weights need are carried out on plain lists, tuples and dicts; a global
name stays a name, and the caller's table says what calling it gives.
"""

import pickletools

MARK = object()
MAX_ARGUMENTS = 16  # of a call; a long tuple in many calls would take hours
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
LITERALS = (
  "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINSTRING", "SHORT_BINSTRING",
  "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
)  # fmt: skip
EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
NOTHING_TO_DO = ("PROTO", "FRAME")


class Refused(Exception):
  """A pickle that asks for more than weights need; its text is the name of that."""


class Global:
  """A name in a pickle, and what calling it gives."""

  def __init__(self, name, call):
    self.name, self.call = name, call


class Module:
  """An object of a class that is not here: its attributes, and nothing of what it does."""

  def __init__(self):
    self.state = {}


def load(data, find, persistent):
  """Interprets a pickle.

  Args:
    data: bytes.
    find: name of a global ("torch._utils._rebuild_tensor_v2") -> function, or None to refuse it.
    persistent: function of what a persistent id holds -> object.

  Returns:
    dicts, lists, tuples, strings, numbers, `Module`s, `Global`s, and what the functions gave.

  Raises:
    Refused: a global that `find` does not know, or an opcode that weights do not need.
    ValueError, IndexError, TypeError, KeyError, AttributeError: damaged data.
  """
  machine = _Machine(find, persistent)
  for opcode, argument, _ in pickletools.genops(data):
    if opcode.name == "STOP":
      return machine.stack.pop()
    machine.run(opcode.name, argument)
  raise ValueError("the pickle has no end")


class _Machine:
  """Stack and memo of one pickle."""

  def __init__(self, find, persistent):
    self.find, self.persistent = find, persistent
    self.stack, self.memo = [], {}

  def run(self, opcode, argument):
    """Carries out one opcode."""
    push = self.stack.append
    if opcode in NOTHING_TO_DO:
      pass
    elif opcode in LITERALS:
      push(argument)
    elif opcode in CONSTANTS:
      push(CONSTANTS[opcode])
    elif opcode in EMPTY:
      push(EMPTY[opcode]())
    elif opcode == "MARK":
      push(MARK)
    elif opcode in TUPLES:
      push(tuple(self._take(TUPLES[opcode])))
    elif opcode == "TUPLE":
      push(tuple(self._take_to_mark()))
    elif opcode in ("BINPUT", "LONG_BINPUT"):
      self.memo[argument] = self.stack[-1]
    elif opcode == "MEMOIZE":
      self.memo[len(self.memo)] = self.stack[-1]
    elif opcode in ("BINGET", "LONG_BINGET"):
      push(self.memo[argument])
    elif opcode in ("SETITEM", "SETITEMS"):
      self._set(self._take(2) if opcode == "SETITEM" else self._take_to_mark())
    elif opcode in ("APPEND", "APPENDS"):
      self._extend(self._take(1) if opcode == "APPEND" else self._take_to_mark())
    elif opcode == "GLOBAL":
      push(self._global(argument.replace(" ", ".")))
    elif opcode == "STACK_GLOBAL":
      push(self._global(".".join(self._take(2))))
    elif opcode in ("REDUCE", "NEWOBJ"):
      push(self._call(*self._take(2)))
    elif opcode == "BUILD":
      self._build(*self._take(1))
    elif opcode == "BINPERSID":
      push(self.persistent(self.stack.pop()))
    else:
      raise Refused(f"the opcode {opcode}")

  def _take(self, count):
    if len(self.stack) < count:
      raise IndexError("the pickle takes more than it gave")
    taken = self.stack[-count:]
    del self.stack[-count:]
    return taken

  def _take_to_mark(self):
    taken = []
    while (item := self.stack.pop()) is not MARK:
      taken.append(item)
    return taken[::-1]

  def _set(self, items):
    # Other keys than these may be nested so deeply that hashing them overflows the stack.
    if not all(isinstance(key, str | int) for key in items[::2]):
      raise TypeError("a key is neither text nor a number")
    target = self.stack[-1]
    if not isinstance(target, dict):
      raise TypeError("items are set on something that is not a dict")
    target.update(zip(items[::2], items[1::2], strict=True))

  def _extend(self, items):
    if not isinstance(self.stack[-1], list):
      raise TypeError("items are appended to something that is not a list")
    self.stack[-1].extend(items)

  def _global(self, name):
    function = self.find(name)
    if function is None:
      raise Refused(name)
    return Global(name, function)

  def _call(self, function, arguments):
    if len(arguments) > MAX_ARGUMENTS:
      raise ValueError(f"a call with {len(arguments)} arguments")
    return function.call(*arguments)

  def _build(self, state):
    target = self.stack[-1]
    if isinstance(target, Module) and isinstance(state, dict):
      target.state = state
    elif not isinstance(target, dict):  # a state dict's attribute _metadata is of no use
      raise Refused(f"attributes of a {type(target).__name__}")
