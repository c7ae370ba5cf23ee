"""Processes that share out work, whatever program has started them."""

import concurrent.futures
import contextlib
import functools
import multiprocessing.context
import multiprocessing.popen_spawn_posix
import sys
import types

_CHUNK = 8  # items that a process gets at once


@contextlib.contextmanager
def mapping():
  """Gives a `map` in as many processes as there are cores.

  Its function and items must be picklable and come from modules, not from the program itself.
  """
  with concurrent.futures.ProcessPoolExecutor(mp_context=_Context()) as pool:
    yield functools.partial(pool.map, chunksize=_CHUNK)


class _Process(multiprocessing.context.SpawnProcess):
  """A process that does not import the program of its parent.

  Otherwise a script without `if __name__ == "__main__"` would begin in every process anew.
  """

  @staticmethod
  def _Popen(process_obj):
    program = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
      return multiprocessing.popen_spawn_posix.Popen(process_obj)
    finally:
      sys.modules["__main__"] = program


class _Context(multiprocessing.context.SpawnContext):
  """Not by fork: a process that has started JAX has threads."""

  Process = _Process
