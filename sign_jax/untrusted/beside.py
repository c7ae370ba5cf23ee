"""What training scripts save beside the weights: settings, paths, optimisers; skipped unread.

Whatever a file names, nothing of it is imported, made or called here: what is not known becomes a
`Placeholder`. A name of a module whose functions run code is refused all the same, since no honest
file needs one and the file would run it where PyTorch loads it.
"""

from sign_jax.untrusted import torch_tensors
from sign_jax.untrusted.pickle_machine import Global, Placeholder, Refused

# Modules with all that lies in them, and single functions of others.
RUNS_CODE = frozenset("""
  os posix nt subprocess _posixsubprocess sys importlib imp runpy codeop pty shutil ctypes _ctypes
  multiprocessing concurrent socket socketserver asyncio threading _thread
  urllib http ftplib smtplib telnetlib webbrowser
  pickle _pickle cPickle dill cloudpickle joblib marshal shelve
  inspect gc pip setuptools distutils ensurepip venv pdb bdb pydoc commands popen2
  zipimport pkgutil linecache IPython idlelib
""".split())  # fmt: skip
FUNCTIONS = frozenset("""
  builtins.eval builtins.exec builtins.execfile builtins.compile builtins.open builtins.file
  builtins.__import__ builtins.input builtins.raw_input builtins.breakpoint builtins.globals
  builtins.locals builtins.vars builtins.setattr builtins.delattr builtins.apply builtins.reload
  builtins.exit builtins.quit builtins.help builtins.map builtins.filter
  io.open io.FileIO io.open_code _io.open _io.FileIO _io.open_code
  code.interact code.InteractiveConsole code.InteractiveInterpreter types.FunctionType
  types.CodeType profile.run profile.Profile cProfile.run cProfile.Profile trace.Trace
  timeit.timeit timeit.repeat timeit.Timer timeit.main logging.config functools.reduce
  operator.call _operator.call operator.methodcaller _operator.methodcaller
  platform.popen site.main doctest.debug_script unittest.mock
  numpy.load numpy.fromfile numpy.memmap numpy.save numpy.f2py numpy.testing numpy.distutils
  torch.load torch.save torch.compile torch.hub torch.package torch.utils.cpp_extension
""".split())  # fmt: skip


def runs_code(name):
  """Whether a name ("os.system") is refused wherever it stands."""
  parts = name.replace("__builtin__", "builtins").split(".")
  parents = {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
  return not parents.isdisjoint(RUNS_CODE | FUNCTIONS)


class Calls(torch_tensors.Calls):
  """Plain data, arrays and tensors, and a `Placeholder` for every other object."""

  def __init__(self, budget, size):
    super().__init__(budget, size)
    for name, function in self._functions.items():
      if name.startswith("numpy."):
        self._functions[name] = _or_placeholder(function)
    self._functions |= {
      "torch._tensor._rebuild_from_type_v2": _of_a_kind,
      "torch._utils._rebuild_parameter_with_state": torch_tensors.parameter,
    }

  def find(self, name):
    """The function of a global's calls, None for one that is refused."""
    known = super().find(name)
    if known is None and not runs_code(name):
      return lambda *_: Placeholder(name)
    return known

  def build(self, target, state):
    """Gives a target its state; a placeholder only keeps it, to tell what it stands for."""
    if isinstance(target, Placeholder):
      target.state = state
      return None
    # An array of a kind of numbers that is not read.
    return _unread(state) or super().build(target, state)

  def odd_key(self, key):
    """A placeholder: other keys than texts and numbers are none of weights."""
    return Placeholder(f"a key of type {type(key).__name__}")

  def _unknown(self, name):
    return Placeholder(name)


def _or_placeholder(function):
  def call(*arguments):
    try:
      return _unread(arguments) or function(*arguments)
    except Refused as error:
      return Placeholder(str(error))

  return call


def _unread(parts):
  # The first placeholder among them.
  parts = parts if isinstance(parts, tuple) else ()
  return next((part for part in parts if isinstance(part, Placeholder)), None)


def _of_a_kind(function, kind, arguments, state):
  # A tensor with attributes of its own, or of a class made from Tensor.
  del kind, state
  if not isinstance(function, Global) or not isinstance(arguments, tuple):
    raise TypeError("a tensor is not described as PyTorch does")
  return function.call(*arguments)
