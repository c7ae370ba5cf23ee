"""Carries out the opcodes of a pickle on plain lists, dicts and tuples; runs nothing of the file's.

Python's own unpickler, even one that admits few names, takes the memory that a memo or a byte
array only claims, and hashes tuples that are nested until the stack overflows. Here every opcode
is a few lines of Python, and a name stays a name until the caller's table says what it gives.
"""

import io

from sign_jax.untrusted.pickle_opcodes import TABLE, Refused

MAX_NESTING = 32  # of tuples: hashing and printing them needs as much of the stack
MAX_ARGUMENTS = 16  # of a call
MAX_PLACE = 2**32  # in the memo
MAX_KEY = 2**60  # larger numbers can be made to collide in a dict
MAX_KEY_LENGTH = 2**16  # characters; equal keys are compared whenever they meet
_ENTRY = 64  # bytes of an item of a dict or set, beside the item itself


class Global:
  """A name in a pickle ("numpy.dtype"), and what calling it gives."""

  __slots__ = ("name", "call")

  def __init__(self, name, call):
    self.name, self.call = name, call


class Placeholder:
  """Stands for an object that is not made: its state perhaps, and nothing of what it does.

  Calling it gives another one; items that a pickle adds to it are let go.
  """

  __slots__ = ("name", "state")

  def __init__(self, name, state=None):
    self.name, self.state = name, state

  def call(self, *_):
    """Another placeholder of the same name."""
    return Placeholder(self.name)


class Calls:
  """What names in a pickle give; this one refuses all. See `pickle_arrays.Calls`.

  `budget` is the file's `budget.Budget`: the machine and the calls take from the same one.
  """

  def __init__(self, budget):
    self.budget = budget

  def find(self, name):
    """The function for the calls of a global ("numpy.dtype"), or None to refuse it."""
    del name

  def build(self, target, state):
    """Gives an object made by a call its state; returns what takes its place, None for itself."""
    raise Refused(f"attributes of a {type(target).__name__}")

  def persistent(self, identity):
    """The object for what a persistent id holds."""
    raise Refused("a persistent id")

  def odd_key(self, key):
    """What takes the place of a key or member of a set that could not be hashed safely."""
    raise TypeError(f"a key or member of a set is a {type(key).__name__}, or too large a one")


def load(data, calls):
  """Interprets one pickle of any protocol from 0 to 5.

  Args:
    data: bytes, all of them one pickle.
    calls: `Calls`.

  Returns:
    see `load_next`.

  Raises:
    errors of `load_next`; ValueError: bytes follow the pickle.
  """
  file = io.BytesIO(data)
  content = load_next(file, calls)
  if file.tell() != len(data):
    raise ValueError(f"{len(data) - file.tell()} bytes follow its end")
  return content


def load_next(file, calls):
  """Interprets the pickle at which a file stands, and leaves it behind the pickle.

  Args:
    file: io.BytesIO, which takes no memory for bytes that it does not have.
    calls: `Calls`.

  Returns:
    dicts, lists, tuples, sets, text, bytes, numbers, None, `Global`s and what the calls gave.
    Strings of Python 2 come back as text, each byte one character (latin-1).

  Raises:
    Refused: a global that `calls` does not know, or an opcode that neither plain data nor
      tensors need.
    budget.Exceeded: more objects than the budget has memory for.
    ValueError, IndexError, TypeError, KeyError, EOFError: damaged data.
  """
  machine, budget = _Machine(calls), calls.budget
  table = {
    code: (price, getattr(machine, name), reader) for code, (price, name, reader) in TABLE.items()
  }
  while (code := file.read(1)) != b".":
    if code not in table:
      raise ValueError(f"at byte {file.tell()} no opcode begins")
    price, run, reader = table[code]
    budget.memory -= price  # not by a call, which takes as long as the opcode
    if budget.memory < 0:
      raise budget.too_many()
    run(reader(file, budget)) if reader else run()
  content = machine.stack.pop()
  if machine.stack or machine.below:
    raise ValueError("it leaves more than one object")
  return content


class _Machine:
  """Stack and memo of one pickle; the methods are called by the names in `TABLE`."""

  def __init__(self, calls):
    self.calls, self.budget = calls, calls.budget
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

  def empty_list(self):
    self.stack.append([])

  def empty_dict(self):
    self.stack.append({})

  def empty_set(self):
    self.stack.append(set())

  def list_to_mark(self):
    items = self.take_to_mark()
    self.stack.append(items)

  def dict_to_mark(self):
    items = self.take_to_mark()
    self.stack.append({})
    self._set(items)

  def frozenset_to_mark(self):
    items = self._keys(self.take_to_mark())
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
    items = self._keys(self.take_to_mark())
    if not self._is_let_go():
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
    if not isinstance(function, Global | Placeholder) or not isinstance(arguments, tuple):
      raise TypeError("something is called that is no function")
    if len(arguments) > MAX_ARGUMENTS:
      raise ValueError(f"a call has {len(arguments)} arguments")
    self.stack.append(function.call(*arguments))

  def call_with_names(self):
    # Objects of plain data and tensors are made without.
    function, _, _ = self._take(3)
    made = function.call() if isinstance(function, Global | Placeholder) else None
    if not isinstance(made, Placeholder):
      raise Refused("the opcode NEWOBJ_EX")
    self.stack.append(made)

  def build(self):
    (state,) = self._take(1)
    replacement = self.calls.build(self.stack[-1], state)
    if replacement is not None:
      self.stack[-1] = replacement

  def resolve(self):
    (identity,) = self._take(1)
    self.stack.append(self.calls.persistent(identity))

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

  def _is_let_go(self):
    return isinstance(self.stack[-1], Placeholder)

  def _target(self, kind):
    if type(self.stack[-1]) is not kind:
      raise TypeError(f"items are added to something that is no {kind.__name__}")
    return self.stack[-1]

  def _extend(self, items):
    if not self._is_let_go():
      self._target(list).extend(items)

  def _set(self, items):
    names, values = self._keys(items[::2]), items[1::2]
    if not self._is_let_go():
      self._target(dict).update(zip(names, values, strict=True))

  def _keys(self, items):
    self.budget.take_memory(_ENTRY * len(items))
    return keys(items, self.calls.odd_key)

  def _global(self, name):
    function = self.calls.find(name)
    if function is None:
      raise Refused(name)
    self.stack.append(Global(name, function))


def keys(items, odd):
  """`items` of a set or keys of a dict that can be hashed and compared without harm.

  Args:
    items: list.
    odd: function of any other item, which raises an error or gives what takes its place.
  """
  return [item if _is_key(item) else odd(item) for item in items]


def _is_key(item):
  if isinstance(item, str | bytes):
    return len(item) <= MAX_KEY_LENGTH
  return item is None or isinstance(item, int) and -MAX_KEY < item < MAX_KEY
