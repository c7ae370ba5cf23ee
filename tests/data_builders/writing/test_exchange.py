"""A rebuild that fails, or a disk that does, leaves the data set that is there as it was."""

import errno
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

from data_builders import build
from data_builders.signing_sim import corpus
from data_builders.writing import exchange
from sign_jax.data import chunks, records
from sign_jax.errors import UserError
from sign_jax.untrusted import budget
from tests.data_builders import trees
from tests.videos import truncate

_ROOT = pathlib.Path(__file__).parents[3]
_TINY, _HOW2SIGN = pathlib.Path("signing_sim/tiny/1.0.0"), pathlib.Path("how2sign/features/1.0.0")


@pytest.fixture
def data_dir(tmp_path, data_dir):
  """A copy of a folder of data sets that holds signing_sim/tiny."""
  return shutil.copytree(data_dir, tmp_path / "data")


def content(folder):
  return {path.name: path.read_bytes() for path in folder.iterdir()}


def beside(folder):
  """What lies beside a data set, but for locks."""
  return {path.name for path in folder.parent.iterdir()} - {folder.name, ".lock"}


def fails(number=errno.EIO):
  def fail(*_args, **_options):
    raise OSError(number, os.strerror(number), "somewhere")

  return fail


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE])
@pytest.mark.parametrize("where", [
  (budget, "read_json"), (chunks, "headers"), (pathlib.Path, "is_file"),
  (pathlib.Path, "read_bytes"),
])  # fmt: skip
def test_a_disk_that_fails_while_looking(data_dir, monkeypatch, capsys, where, number):
  folder = data_dir / _TINY
  before = content(folder)
  with monkeypatch.context() as patch:
    patch.setattr(*where, fails(number))
    with pytest.raises(SystemExit) as stopped:
      build.main(["signing_sim/tiny", f"--data_dir={data_dir}"])
  assert stopped.value.code
  told = capsys.readouterr().err
  assert told.startswith("error: somewhere ") and told.count("\n") == 1
  assert content(folder) == before and not beside(folder)
  assert build.prepare("signing_sim/tiny", data_dir=data_dir)[1] is False


def test_a_disk_that_fails_under_the_records_is_no_damage(data_dir, monkeypatch, capsys):
  folder = data_dir / _TINY
  before = content(folder)

  def fail(path, length):
    raise RuntimeError(f"read() failed: {os.strerror(errno.EIO)}; reading {path}; at byte 0")

  with monkeypatch.context() as patch:
    patch.setattr(chunks, "check", fail)
    with pytest.raises(SystemExit) as stopped:
      build.main(["signing_sim/tiny", f"--data_dir={data_dir}"])
  assert stopped.value.code == 70
  told = capsys.readouterr().err
  assert told.count("\n") == 1 and "cannot be read or written at present" in told
  assert f"{folder}/" in told and "delete" not in told
  assert content(folder) == before and not beside(folder)


def test_a_rebuild_that_fails_leaves_what_was_there(tmp_path):
  root, data_dir = tmp_path / "tree", tmp_path / "data"
  names = trees.how2sign(root)
  what = ("how2sign", None, data_dir, root)
  build.prepare(*what)
  folder = data_dir / _HOW2SIGN
  before = content(folder)
  path = root / "features/agnostic/test" / f"{names['test'][2]}.pkl"
  whole = path.read_bytes()
  truncate(path, 0.5)
  for _ in range(2):
    with pytest.raises(UserError, match="no complete feature file"):
      build.prepare(*what)
    assert content(folder) == before and not beside(folder)
  assert len(records.SplitSource(folder, "test")) == len(names["test"])
  path.write_bytes(whole)  # at another time
  assert build.prepare(*what)[1] is True
  assert not beside(folder) and build.prepare(*what)[1] is False


def test_a_full_disk_while_building_leaves_what_was_there(data_dir, monkeypatch, capsys):
  folder = data_dir / _TINY
  (folder / "source.txt").write_text("of other files")
  before = content(folder)
  monkeypatch.setattr(corpus, "example", fails(errno.ENOSPC))
  with pytest.raises(SystemExit):
    build.main(["signing_sim/tiny", f"--data_dir={data_dir}"])
  assert "there is no room" in capsys.readouterr().err
  assert content(folder) == before and not beside(folder)


_KILLED = """
import os, signal, sys
from data_builders import build
from data_builders.writing import exchange, skipped
def die(*args):
  os.kill(os.getpid(), signal.SIGKILL)
rename, take_place, count = os.rename, exchange.take_place, []
def dying(*args):
  if len(count) == ["before", "between"].index(sys.argv[1]):
    die()
  count.append(rename(*args))
def taking(*args):
  if sys.argv[1] != "after":
    os.rename = dying
  take_place(*args)
  die()
if sys.argv[1] == "written":
  skipped.write_skipped = die
exchange.take_place = taking
build.prepare("signing_sim/tiny", data_dir=sys.argv[2])
"""


@pytest.mark.parametrize("when", ["written", "before", "between", "after"])
def test_a_killed_rebuild_leaves_nothing_that_is_believed(data_dir, when):
  folder = data_dir / _TINY
  (folder / "source.txt").write_text("of other files")
  before = content(folder)
  done = subprocess.run([sys.executable, "-c", _KILLED, when, str(data_dir)], cwd=_ROOT,
                        check=False, capture_output=True)  # fmt: skip
  assert done.returncode == -signal.SIGKILL, done.stderr
  if when == "between":
    assert not folder.exists()
  elif when != "after":
    assert content(folder) == before
  builder, built = build.prepare("signing_sim/tiny", data_dir=data_dir)
  assert built == (when != "after") and build.is_complete(builder)
  assert pathlib.Path(builder.data_dir) == folder
  assert not beside(folder) or not built  # what remains beside a whole one goes with the next build


def test_what_was_there_is_put_back_after_a_kill(data_dir):
  folder = data_dir / _TINY
  before = content(folder)
  folder.rename(folder.with_name(".replaced_1.0.0"))
  assert build.prepare("signing_sim/tiny", data_dir=data_dir)[1] is False
  assert content(folder) == before and not beside(folder)


def test_parts_that_an_earlier_version_left_go_with_the_next_build(data_dir):
  parts = (data_dir / _TINY).with_name(".parts_1.0.0")
  (parts / "of_2/1").mkdir(parents=True)
  assert build.prepare("signing_sim/tiny", data_dir=data_dir)[1] is False
  assert parts.exists()  # nothing was to be built
  (data_dir / _TINY / "source.txt").write_text("of other files")
  assert build.prepare("signing_sim/tiny", data_dir=data_dir)[1] is True
  assert not beside(data_dir / _TINY)


def test_a_folder_that_cannot_take_the_place_gives_it_back(tmp_path, monkeypatch):
  folder, new, rename = tmp_path / "1.0.0", tmp_path / "new", os.rename
  for path in (folder, new):
    path.mkdir()
    (path / "name").write_text(path.name)

  def failing(old, place):
    if old == new:
      fails()()
    rename(old, place)

  monkeypatch.setattr(exchange.os, "rename", failing)
  with pytest.raises(OSError, match="somewhere"):
    exchange.take_place(new, folder)
  assert (folder / "name").read_text() == "1.0.0" and beside(folder) == {"new"}
  monkeypatch.setattr(exchange.os, "rename", rename)
  exchange.take_place(new, folder)
  assert (folder / "name").read_text() == "new" and not beside(folder)


def test_others_are_left_alone_where_there_are_no_locks(data_dir, monkeypatch):
  """A build under way cannot be told from the remains of a killed one."""
  folder = data_dir / _TINY
  (folder / "source.txt").write_text("of other files")
  other = folder.with_name(".building_1.0.0.elsewhere.1")
  other.mkdir()
  monkeypatch.setattr(build.fcntl, "flock", fails(errno.ENOLCK))
  assert build.prepare("signing_sim/tiny", data_dir=data_dir)[1] is True
  assert beside(folder) == {other.name}
  monkeypatch.undo()
  (folder / "source.txt").write_text("of other files")
  build.prepare("signing_sim/tiny", data_dir=data_dir)
  assert not beside(folder)


def test_the_default_configuration_is_noted_beside_all(tmp_path):
  build.prepare("signing_sim/tiny", data_dir=tmp_path)
  (tmp_path / "signing_sim/small/1.0.0").mkdir(parents=True)
  with pytest.raises(UserError, match="'signing_sim' is only half built"):  # small is the default
    records.open_split("signing_sim", "train", tmp_path)


def test_a_data_set_whose_records_are_damaged_is_built_again(data_dir):
  path = next((data_dir / _TINY).glob("*train.array_record-*"))
  truncate(path, 0.5)
  assert build.prepare("signing_sim/tiny", data_dir=data_dir)[1] is True


def test_a_data_set_that_names_a_class_of_its_own_is_built_again(data_dir, tmp_path, monkeypatch):
  (data_dir / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
  monkeypatch.syspath_prepend(str(data_dir))
  path = data_dir / _TINY / "features.json"
  whole = path.read_text()
  path.write_text(whole.replace("tensorflow_datasets.core.features.tensor_feature", "evil"))
  assert build.prepare("signing_sim/tiny", data_dir=data_dir)[1] is True
  assert path.read_text() == whole and not (tmp_path / "ran").exists()
