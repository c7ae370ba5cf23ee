"""The format of `torch.save` before PyTorch 1.6, which `pickle.dump` of a tensor still holds.

Pickles follow one another: a magic number, the format's version, facts about the writer, the
content, the keys of its storages. Then each storage: how many numbers, int64, and the numbers.
"""

import io

from sign_jax.untrusted import pickle_machine, torch_tensors

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


def load(data, calls):
  """Reads the content and gives the storages that it names their data.

  Args:
    data: bytes, all of them one file.
    calls: `torch_tensors.Calls`, or of a class made from it, new for this file.

  Returns:
    what the content is, with a `torch_tensors.Tensor` for each tensor.

  Raises:
    pickle_machine.Refused, ValueError, IndexError, TypeError, KeyError, EOFError.
  """
  file, whole = io.BytesIO(data), memoryview(data)

  def following():
    return pickle_machine.load_next(file, calls)

  if following() != MAGIC or following() != VERSION:
    raise ValueError("it does not begin as files of torch.save do")
  following()  # the writer's sizes of numbers in C; the storages are little-endian everywhere
  content, keys = following(), following()
  for key in keys:
    storage = calls.storages[key]
    count = int.from_bytes(file.read(8), "little")
    begin = file.tell()
    storage.data = whole[begin : begin + storage.nbytes]
    if count != storage.count or len(storage.data) != storage.nbytes:
      raise ValueError(f"storage {key[:80]!r} does not have {storage.nbytes} bytes")
    file.seek(storage.nbytes, io.SEEK_CUR)
  if file.tell() != len(data):
    raise ValueError(f"{len(data) - file.tell()} bytes follow its end")
  return content


class PlainCalls(torch_tensors.Calls):
  """For plain pickles, where the bytes of a storage stand within the pickle.

  Tensors come back as numpy arrays.
  """

  def __init__(self, budget, size):
    super().__init__(budget, size)
    self._functions["torch.storage._load_from_bytes"] = self._load_from_bytes

  def _load_from_bytes(self, data):
    if not isinstance(data, bytes):
      raise TypeError("a storage is no bytes")
    self._copy(len(data))
    storage = load(data, torch_tensors.Calls(self.budget, len(data)))
    if not isinstance(storage, torch_tensors.Storage):
      raise TypeError("the bytes of a storage hold something else")
    return storage

  def _rebuilt(self, tensor):
    return tensor.array()
