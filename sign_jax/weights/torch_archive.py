"""Files of `torch.save`, of any version, and of TorchScript, read without PyTorch.

An archive ROOT.zip holds ROOT/data.pkl, a pickle with the structure, and ROOT/data/KEY, the bytes
of one storage each. TorchScript adds code, which is neither read nor run: its modules are only
collected into names ("visual.conv1.weight"). Before version 1.6, files were a row of pickles.
"""

import lzma
import re
import zipfile
import zlib

from sign_jax.errors import sentences
from sign_jax.untrusted import beside, pickle_machine, torch_legacy
from sign_jax.untrusted import budget as budgets
from sign_jax.untrusted.pickle_machine import Placeholder
from sign_jax.untrusted.torch_tensors import Tensor
from sign_jax.weights import faults

MAX_PICKLE = 2**24  # bytes; structures of real files have less than one million
MAX_NAMES, MAX_DEPTH = 100_000, 64  # of modules
DAMAGE = (
  ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, EOFError, OSError,
  RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip


class Module(Placeholder):
  """A module of TorchScript: its attributes, and nothing of what it does."""

  __slots__ = ()


def read(path, pick=lambda content: content):
  """Reads a file.

  Args:
    path: pathlib.Path.
    pick: function of the content (dicts, lists, numbers, `Tensor`s) that takes out the dict whose
      arrays are wanted; of an archive only those are read.

  Returns:
    what `pick` gives, with a numpy array for every `Tensor` of a dict (bfloat16 as float32), and a
    `Placeholder` for an object that is neither plain data nor an array.

  Raises:
    UserError: a damaged file, or one that holds more than weights.
  """
  try:
    if not _is_archive(path):
      data = path.read_bytes()
      budget = budgets.Budget(len(data))
      return _arrays(pick(torch_legacy.load(data, _Calls(budget, len(data)))))
    with zipfile.ZipFile(path) as archive:
      reader = _Archive(archive, budgets.Budget.of(path))
      return _arrays(pick(reader.content()), reader.fill)
  except pickle_machine.Refused as error:
    raise faults.refused(path, error) from error
  except DAMAGE as error:
    if sentences.is_passing(error):
      raise
    raise faults.damaged(path, error) from error


def _is_archive(path):
  with open(path, "rb") as file:
    return file.read(4) == b"PK\x03\x04"


def _arrays(content, fill=lambda storage: None):
  if not isinstance(content, dict):
    return content
  arrays = {}
  for name, value in content.items():
    if isinstance(value, Tensor):
      fill(value.storage)
      value = value.array()
    arrays[name] = value
  return arrays


class _Archive:
  """The entries of an open archive."""

  def __init__(self, archive, budget):
    budgets.check_zip(archive, budget)
    self._archive, self._budget = archive, budget
    self._entries = {info.filename: info for info in archive.infolist()}
    for name in self._entries:
      if name.startswith("/") or ".." in name.split("/"):
        raise ValueError(f"its entry {name[:80]} points outside")
    pickles = [name for name in self._entries if re.fullmatch(r"[^/]+/data\.pkl", name)]
    if len(pickles) != 1:
      raise ValueError("it has no data.pkl")
    self._root = pickles[0].removesuffix("data.pkl")
    # PyTorch stores arrays as they are; anything larger than the file is a bomb.
    data = [i for name, i in self._entries.items() if name.startswith(f"{self._root}data/")]
    if any(i.compress_type != zipfile.ZIP_STORED for i in data) or (
      sum(i.file_size for i in data) > budget.size
    ):
      raise ValueError("its entries claim more bytes than it has")

  def content(self):
    """What data.pkl holds; a TorchScript module as {dotted name: Tensor}."""
    name = f"{self._root}data.pkl"
    if self._entries[name].file_size > MAX_PICKLE:
      raise ValueError(f"data.pkl has {self._entries[name].file_size} bytes")
    byteorder = f"{self._root}byteorder"
    if byteorder in self._entries and self._read(byteorder, 16) != b"little":
      raise ValueError("its numbers are big-endian")
    self._budget.take_unpacked(self._entries[name].file_size)
    data = self._read(name, MAX_PICKLE)
    content = pickle_machine.load(data, _Calls(self._budget, len(data)))
    return _tensors(content, self._budget) if isinstance(content, Module) else content

  def fill(self, storage):
    """Reads the data of a storage, once."""
    if storage.data is not None:
      return
    name = f"{self._root}data/{storage.key}"
    if name not in self._entries or self._entries[name].file_size != storage.nbytes:
      raise ValueError(f"its entry {name[:80]} does not have {storage.nbytes} bytes")
    storage.data = self._read(name, storage.nbytes)

  def _read(self, name, most):
    with self._archive.open(self._entries[name]) as file:
      data = file.read(most)
      file.read(1)  # at the end, zipfile compares the checksum
      return data


class _Calls(beside.Calls):
  """Also makes the modules of TorchScript."""

  def __init__(self, budget, size):
    super().__init__(budget, size)
    # Lists among the attributes of modules (a convolution's padding).
    self._functions |= {
      f"torch.jit._pickle.{name}": lambda value, *_: value
      for name in (
        "build_intlist", "build_doublelist", "build_boollist", "build_tensorlist",
        "restore_type_tag",
      )
    }  # fmt: skip

  def find(self, name):
    """The function of a global's calls, None for one that is refused."""
    if re.fullmatch(r"__torch__\.[\w.]+", name):
      return lambda *_: Module(name, {})
    return super().find(name)


def _tensors(module, budget):
  found, waiting, seen = {}, [("", module, 0)], 0
  while waiting:
    prefix, module, depth = waiting.pop()
    for name, value in _attributes(module):
      seen += 1
      if seen > MAX_NAMES or depth > MAX_DEPTH:
        raise ValueError("its modules contain one another")
      name = f"{prefix}{name}"
      budget.take_memory(len(name))  # each is as long as all that it lies in
      if isinstance(value, Tensor):
        found[name] = value
      elif isinstance(value, Module):
        waiting.append((f"{name}.", value, depth + 1))
  return found


def _attributes(module):
  return module.state.items() if isinstance(module.state, dict) else ()
