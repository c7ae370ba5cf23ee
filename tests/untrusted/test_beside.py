"""Checkpoints as training scripts save them: the weights are read, all else is left unread."""

import argparse
import collections
import datetime
import enum
import functools
import os
import pathlib
import re
import sys
import types

import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.untrusted import beside
from sign_jax.untrusted import budget as budgets
from sign_jax.weights import readers, torch_archive
from tests.untrusted.tensors import name
from tests.weights import checkpoints
from tests.weights.checkpoints import NUMBERS, Object


class Mode(enum.Enum):
  """A setting of a training script."""

  FAST = 1


class Settings(dict):
  """A dict of a training script's own."""


class Nested:
  """A class with another one inside."""

  class Inner:
    """A class of a training script."""

    def __init__(self):
      self.rate = 0.1


class WithNames:
  """Pickled by the opcode NEWOBJ_EX."""

  def __new__(cls, *, rate):
    return super().__new__(cls)

  def __getnewargs_ex__(self):
    return (), {"rate": 0.1}


Pair = collections.namedtuple("Pair", "a b")

BESIDE = {
  "argparse.Namespace": argparse.Namespace(lr=0.1, parts=[argparse.Namespace(a={1: ()})]),
  "a path": pathlib.Path("runs/a"),
  "a pure path": pathlib.PureWindowsPath("runs/a"),
  "a namespace": types.SimpleNamespace(lr=0.1),
  "a time": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
  "an enum": Mode.FAST,
  "a dict of its own": Settings(lr=0.1, more=Settings(a=[1, 2])),
  "a nested class": Nested.Inner(),
  "made by names": WithNames(rate=0.1),
  "a named tuple": Pair(1, (2, 3)),
  "a deque": collections.deque([1, 2], maxlen=3),
  "a class": Settings,
  "a function": functools.partial(sorted, key=len),
  "a slice": slice(0, 3),
  "a range": range(3),
  "an object": object(),
  "a default": collections.defaultdict(Settings, a=Settings()),
  "a default of a function": collections.defaultdict(functools.partial(dict), a=1),
  "keys": {1.5: "a", (1, 2): "b", Mode.FAST: "c", pathlib.Path("a"): "d", 2**70: "e"},
  "a set": {(1, 2), pathlib.Path("a"), 1.5},
  "a frozen set": frozenset([(1, 2), Mode.FAST]),
  "ordered": collections.OrderedDict([((1, 2), pathlib.Path("a"))]),
  "a number": np.float64(0.5),
  "a date of numpy": np.datetime64("2026-01-01"),
  "dates of numpy": np.array(["2026-01-01"], "M8[D]"),
  "a table of numpy": np.zeros(2, [("a", "f4")]),
  "a matrix": np.ones((2, 2)).view(np.matrix),
  "objects of numpy": np.array([Mode.FAST, None], dtype=object),
  "a state of random numbers": np.random.RandomState(0),
  "an error": ValueError("diverged"),
}


def assert_is_read(path):
  state = readers.read(path)
  assert list(state) == ["w"]
  np.testing.assert_array_equal(state["w"], NUMBERS)
  assert state["w"].dtype == NUMBERS.dtype


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("what", BESIDE)
@pytest.mark.parametrize("make", [checkpoints.archive, checkpoints.old_file])
def test_what_lies_beside_the_weights_is_left(tmp_path, make, what, protocol):
  content = {"args": BESIDE[what], "model": {"w": Object.tensor()}, "after": [BESIDE[what]] * 2}
  data = checkpoints.dumps(content, protocol)
  assert_is_read(make(tmp_path / "a.pth", data))


@pytest.mark.parametrize("full", [
  "omegaconf.dictconfig.DictConfig", "lightning.pytorch.utilities.parsing.AttributeDict",
  "training.config.Config", "code.models.Net", "test.Options", "__main__.Args", "tests.nowhere.A",
])  # fmt: skip
def test_classes_that_are_not_installed_are_left(tmp_path, full):
  made = b")\x81"  # NEWOBJ without arguments
  state = b"}X\x01\x00\x00\x00aK\x01sb"
  items = b"(X\x01\x00\x00\x00aK\x01X\x01\x00\x00\x00bK\x02u"
  for tail in (made, made + state, made + items, made + items + state, b")R" + b"(K\x01K\x02e"):
    data = checkpoints.dumps({"args": checkpoints.Raw(name(full) + tail),
                              "state_dict": {"w": Object.tensor()}})  # fmt: skip
    assert_is_read(checkpoints.archive(tmp_path / "a.pt", data))


def test_an_optimisers_tensors_are_not_read(tmp_path, monkeypatch):
  moments = {0: {"step": 3, "exp_avg": Object.tensor("1")}, 1: {"exp_avg": Object.tensor("2")}}
  content = {"model": {"w": Object.tensor()}, "optimizer": {"state": moments, "param_groups": []}}
  path = checkpoints.archive(
    tmp_path / "a.pt", checkpoints.dumps(content), {"a/data/0": NUMBERS.tobytes()}
  )
  assert_is_read(path)  # those of the optimiser are not even there
  read = []
  fill = torch_archive._Archive.fill

  def noted(self, storage):
    read.append(storage.key)
    fill(self, storage)

  monkeypatch.setattr(torch_archive._Archive, "fill", noted)
  assert_is_read(path)
  assert read == ["0"]


def test_storages_of_unknown_numbers_are_left(tmp_path):
  other = Object.tensor("1", dtype="torch.QInt8Storage")
  content = {"model": {"w": Object.tensor()}, "quantised": [other, Object.storage("1", "torch.X")]}
  assert_is_read(checkpoints.archive(tmp_path / "a.pt", checkpoints.dumps(content)))


@pytest.mark.parametrize("call", [
  "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
])  # fmt: skip
def test_parameters_and_tensors_with_attributes(tmp_path, call):
  state = [{"a": 1}] if "with" in call else []
  parameter = Object.call(call, Object.tensor(), True, None, *state)
  assert_is_read(checkpoints.archive(tmp_path / "a.pt", checkpoints.dumps({"w": parameter})))


def test_tensors_of_a_class_made_from_tensor(tmp_path):
  rebuild = checkpoints.Raw(name("torch._utils._rebuild_tensor_v2"))
  kind = checkpoints.Raw(name("training.MyTensor"))
  tensor = Object.call("torch._tensor._rebuild_from_type_v2", rebuild, kind,
                       Object.tensor_arguments(), {"note": 1})  # fmt: skip
  assert_is_read(checkpoints.archive(tmp_path / "a.pt", checkpoints.dumps({"w": tensor})))


class Trap:
  """Unpickling it makes a folder."""

  def __init__(self, path):
    self.path = str(path)

  def __reduce__(self):
    return os.mkdir, (self.path,)


@pytest.mark.parametrize("full", [
  "os.system", "posix.system", "nt.system", "subprocess.Popen", "builtins.eval", "__builtin__.exec",
  "builtins.__import__", "sys.setprofile", "importlib.import_module", "runpy.run_path",
  "os.path.join",
  "code.interact", "types.FunctionType", "torch.load", "torch.hub.load", "numpy.load",
  "numpy.testing._private.utils.runstring", "pickle.loads", "multiprocessing.util.spawnv_passfds",
  "asyncio.unix_events._UnixSubprocessTransport._start", "pip.main", "timeit.timeit",
  "urllib.request.urlopen", "shutil.rmtree", "ctypes.CDLL", "operator.methodcaller",
])  # fmt: skip
def test_what_runs_code_is_refused_beside_the_weights_too(tmp_path, full):
  assert beside.runs_code(full)
  data = checkpoints.dumps({"args": checkpoints.Raw(name(full)), "model": {"w": Object.tensor()}})
  with pytest.raises(UserError, match=f"could run code .{re.escape(full)}.*torch.save") as caught:
    readers.read(checkpoints.archive(tmp_path / "a.pt", data))
  assert "\n" not in str(caught.value)


@pytest.mark.parametrize("full", [
  "osmium.A", "sys_config.A", "mypickle.load", "code.Config", "types.SimpleNamespace",
  "builtins.getattr", "builtins.slice", "io.BytesIO", "torch.device", "torch.loader.A",
  "numpy.loadtxt", "site.A", "functools.partial",
])  # fmt: skip
def test_names_that_only_look_alike_are_left(full):
  assert not beside.runs_code(full)


def test_a_trap_is_not_sprung_wherever_it_lies(tmp_path):
  trap = tmp_path / "trap"
  for place in (Trap(trap), [Trap(trap)], argparse.Namespace(a=Trap(trap)), {1.5: Trap(trap)},
                Settings(a=Trap(trap))):  # fmt: skip
    data = checkpoints.dumps({"args": place, "model": {"w": Object.tensor()}})
    with pytest.raises(UserError, match="(posix|nt).mkdir"):
      readers.read(checkpoints.archive(tmp_path / "a.pt", data))
  assert not trap.exists()


def test_nothing_is_imported(tmp_path, monkeypatch):
  (tmp_path / "left_alone.py").write_text("raise SystemExit")
  monkeypatch.syspath_prepend(tmp_path)
  modules = set(sys.modules)
  for full in ("left_alone.A", "antigravity.A", "this.A"):  # there, and not yet imported
    data = checkpoints.dumps({"args": Object.call(full), "model": {"w": Object.tensor()}})
    assert_is_read(checkpoints.archive(tmp_path / "a.pt", data))
  assert set(sys.modules) == modules


def test_an_unknown_function_is_not_called(tmp_path):
  # `tests.weights.checkpoints.sprung` exists and could be imported.
  call = Object.call("tests.weights.checkpoints.spring", 1)
  data = checkpoints.dumps({"args": [call], "model": {"w": Object.tensor()}})
  assert_is_read(checkpoints.archive(tmp_path / "a.pt", data))
  assert not checkpoints.SPRUNG


INSIDE = {
  "pathlib.*Path": pathlib.Path("a"), "test_beside.Mode": Mode.FAST,
  "test_beside.Settings": Settings(),
  "str": "a note", "int": 3, "list": [1.5], "NoneType": None, "M8": np.datetime64("2026-01-01"),
  "array of complex64": np.zeros(2, np.complex64),
}  # fmt: skip


@pytest.mark.parametrize("what", INSIDE)
def test_what_lies_among_the_weights_is_named(tmp_path, what):
  data = checkpoints.dumps({"w": Object.tensor(), "bad": INSIDE[what]})
  with pytest.raises(UserError, match=rf"bad: .*{what}.*torch\.save\(model\.state_dict"):
    readers.read(checkpoints.archive(tmp_path / "a.pt", data))


@pytest.mark.parametrize("key", [1.5, (1, 2), pathlib.Path("a"), "n" * 2000])
def test_names_that_are_none_are_refused(tmp_path, key):
  data = checkpoints.dumps({"w": Object.tensor(), key: Object.tensor()})
  with pytest.raises(UserError, match="not arrays of numbers"):
    readers.read(checkpoints.archive(tmp_path / "a.pt", data))


@pytest.mark.parametrize("keys", [(), ("model",), ("state_dict",), ("ema",)])
def test_a_whole_model_says_which_line_saves_its_weights(tmp_path, keys):
  content = Nested.Inner()
  for key in keys:
    content = {key: content, "epoch": 3}
  with pytest.raises(UserError, match=r"whole object of .*Inner.*torch\.save\(model\.state_dict"):
    readers.read(checkpoints.archive(tmp_path / "a.pt", checkpoints.dumps(content, 4)))


@pytest.mark.parametrize("code", [b")\x81", b")\x81}X\x01\x00\x00\x00aK\x01sb", b"h\x05"])
def test_placeholders_are_counted(tmp_path, code, monkeypatch):
  monkeypatch.setattr(budgets, "MIN_MEMORY", 1 << 20)
  kind = name("training.A") + b"q\x04)\x81q\x050"
  data = b"\x80\x02(" + kind + (b"h\x04" if code[0] == b")"[0] else b"") + code
  many = data + (b"h\x04" + code if code[0] == b")"[0] else code) * 100_000 + b"l."
  with pytest.raises(UserError, match="more objects than"):
    readers.read(checkpoints.archive(tmp_path / "a.pt", many))
