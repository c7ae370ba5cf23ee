"""Carries out the opcodes of a pickle on plain lists, dicts and tuples; runs nothing of the file's.

Python's own unpickler, even one that admits few names, takes the memory that a memo or a byte
array only claims, and hashes tuples that are nested until the stack overflows. Here every opcode
is a few lines of Python, and a name stays a name until the caller's table says what it gives.
"""

import io

from sign_jax.data.pickle_opcodes import TABLE, Refused

MAX_OPCODES = 10_000_000  # each may make an object of 200 bytes out of a single byte
MAX_NESTING = 32  # of tuples: hashing and printing them needs as much of the stack
MAX_ARGUMENTS = 16  # of a call
MAX_PLACE = 2**32  # in the memo
MAX_KEY = 2**60  # larger numbers can be made to collide in a dict


class Global:
  """A name in a pickle ("numpy.dtype"), and what calling it gives."""

  def __init__(self, name, call):
    self.name, self.call = name, call


def load(data, find, build, persistent=None):
  """Interprets one pickle of any protocol from 0 to 5.

  Args:
    data: bytes, all of them one pickle.
    find, build, persistent: see `load_next`.

  Returns:
    see `load_next`.

  Raises:
    errors of `load_next`; ValueError: bytes follow the pickle.
  """
  file = io.BytesIO(data)
  content = load_next(file, find, build, persistent)
  if file.tell() != len(data):
    raise ValueError(f"{len(data) - file.tell()} bytes follow its end")
  return content


def load_next(file, find, build, persistent=None):
  """Interprets the pickle at which a file stands, and leaves it behind the pickle.

  Args:
    file: io.BytesIO, which takes no memory for bytes that it does not have.
    find: name of a global ("numpy.dtype") -> function for its calls, or None to refuse it.
    build: function of (target, state), which gives an object made by a call its state.
    persistent: function of what a persistent id holds -> object; None refuses such ids.

  Returns:
    dicts, lists, tuples, sets, text, bytes, numbers, None, `Global`s and what the functions gave.
    Strings of Python 2 come back as text, each byte one character (latin-1).

  Raises:
    Refused: a global that `find` does not know, or an opcode that neither plain data nor
      tensors need.
    ValueError, IndexError, TypeError, KeyError, EOFError: damaged data.
  """
  machine = _Machine(find, build, persistent)
  table = {code: (reader, getattr(machine, name)) for code, (reader, name) in TABLE.items()}
  for _ in range(MAX_OPCODES):
    code = file.read(1)
    if code == b".":
      break
    if code not in table:
      raise ValueError(f"at byte {file.tell()} no opcode begins")
    reader, run = table[code]
    run(reader(file)) if reader else run()
  else:
    raise ValueError(f"it has more than {MAX_OPCODES} opcodes")
  content = machine.stack.pop()
  if machine.stack or machine.below:
    raise ValueError("it leaves more than one object")
  return content


class _Machine:
  """Stack and memo of one pickle; the methods are called by the names in `TABLE`."""

  def __init__(self, find, build, persistent):
    self.find, self.build_from, self.persistent = find, build, persistent
    self.stack, self.memo = [], {}
    self.below = []  # the stacks below each mark
    self.nesting = {}  # id of a tuple -> (how deep, the tuple, which keeps the id its own)

  def push(self, value):
    self.stack.append(value)

  def nothing(self, argument):
    del argument

  def mark(self):
    self.below.append(self.stack)
    self.stack = []

  def take_to_mark(self):
    taken, self.stack = self.stack, self.below.pop()
    return taken

  def pop(self):
    # A mark may be popped too, when nothing lies on it.
    self.stack.pop() if self.stack else self.take_to_mark()

  def duplicate(self):
    self.stack.append(self.stack[-1])

  def list_to_mark(self):
    items = self.take_to_mark()
    self.stack.append(items)

  def dict_to_mark(self):
    items = self.take_to_mark()
    self.stack.append({})
    self._set(items)

  def frozenset_to_mark(self):
    items = keys(self.take_to_mark())
    self.stack.append(frozenset(items))

  def tuple_to_mark(self):
    items = self.take_to_mark()
    self._tuple(items)

  def tuple1(self):
    self._tuple(self._take(1))

  def tuple2(self):
    self._tuple(self._take(2))

  def tuple3(self):
    self._tuple(self._take(3))

  def append(self):
    self._extend(self._take(1))

  def appends(self):
    self._extend(self.take_to_mark())

  def set_item(self):
    self._set(self._take(2))

  def set_items(self):
    self._set(self.take_to_mark())

  def add_items(self):
    items = keys(self.take_to_mark())
    self._target(set).update(items)

  def put(self, place):
    if not 0 <= place < MAX_PLACE:
      raise ValueError("a place in its memo is no sensible number")
    self.memo[place] = self.stack[-1]

  def memoize(self):
    self.memo[len(self.memo)] = self.stack[-1]

  def get(self, place):
    self.stack.append(self.memo[place])

  def name(self, text):
    self._global(text.replace(" ", "."))

  def name_on_stack(self):
    self._global(".".join(self._take(2)))

  def call(self):
    function, arguments = self._take(2)
    if not isinstance(function, Global) or not isinstance(arguments, tuple):
      raise TypeError("something is called that is no function")
    if len(arguments) > MAX_ARGUMENTS:
      raise ValueError(f"a call has {len(arguments)} arguments")
    self.stack.append(function.call(*arguments))

  def build(self):
    (state,) = self._take(1)
    self.build_from(self.stack[-1], state)

  def resolve(self):
    if self.persistent is None:
      raise Refused("a persistent id")
    (identity,) = self._take(1)
    self.stack.append(self.persistent(identity))

  def _take(self, count):
    if len(self.stack) < count:
      raise IndexError("it takes more from its stack than it put there")
    taken = self.stack[-count:]
    del self.stack[-count:]
    return taken

  def _tuple(self, items):
    made = tuple(items)
    depth = 1 + max((self.nesting[id(item)][0] for item in items if id(item) in self.nesting),
                    default=0)
    if depth > MAX_NESTING:
      raise ValueError(f"tuples are nested more than {MAX_NESTING} times")
    self.nesting[id(made)] = depth, made
    self.stack.append(made)

  def _target(self, kind):
    if type(self.stack[-1]) is not kind:
      raise TypeError(f"items are added to something that is no {kind.__name__}")
    return self.stack[-1]

  def _extend(self, items):
    self._target(list).extend(items)

  def _set(self, items):
    self._target(dict).update(zip(keys(items[::2]), items[1::2], strict=True))

  def _global(self, name):
    function = self.find(name)
    if function is None:
      raise Refused(name)
    self.stack.append(Global(name, function))


def keys(items):
  """`items` of a set or keys of a dict, if they can be hashed without harm, else TypeError."""
  for item in items:
    is_small = isinstance(item, int) and -MAX_KEY < item < MAX_KEY
    if not is_small and item is not None and not isinstance(item, str | bytes):
      raise TypeError(f"a key or member of a set is a {type(item).__name__} or a large number")
  return items
