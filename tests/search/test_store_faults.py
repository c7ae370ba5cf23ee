"""What kills, links, pipes and other writers may do to the folder of an index."""

import contextlib
import errno
import fcntl
import itertools
import os
import pathlib
import resource
import shutil
import signal

import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.search import array_files, manifest
from sign_jax.search.entries import Entry
from sign_jax.search.store import Store
from tests.search.stores import HEADER, arrays, clips, content, make

STEPS = ("fsync", "replace", "link", "mkdir", "unlink")  # what is done to the disk


@pytest.fixture
def store(tmp_path):
  return make(tmp_path / "an index")


def no_links(*args):
  raise OSError(errno.EXDEV, "Invalid cross-device link")


def killed(step, action):
  """Whether a child that is killed before that step of `action` had come to it."""
  child = os.fork()
  if not child:
    count = iter(range(1000))
    for name in STEPS:
      call = getattr(os, name)
      setattr(os, name, lambda *x, call=call: os._exit(9) if next(count) == step else call(*x))
    try:
      action()
    finally:
      os._exit(0)
  return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def left_over(folder):
  """Files and folders that no index has."""
  known = {"manifest.json", "shards", ".lock"}
  if basis := Store(folder).manifest.basis:
    known.add(manifest.basis_of(basis))
  names = {shard.name for shard in manifest.read(folder).shards}
  return {x.name for x in folder.iterdir()} - known, {
      x.name for x in (folder / "shards").glob("*")
  } - names


CHANGES = {
    "append": lambda store: store.append(arrays(2, 5), clips(2, "new")),
    "remove": lambda store: store.remove(["without"]),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_kill_leaves_the_index_before_or_behind(tmp_path, what):
  store = make(tmp_path / "index")
  before = content(store)
  CHANGES[what](store)
  behind, step, seen = content(store), 0, []
  while True:
    store = make(tmp_path / f"{step}")
    ended = not killed(step, lambda store=store: CHANGES[what](store))
    again = Store(store.folder)
    seen.append(content(again))
    assert seen[-1] in (before, behind) and not [x for _, x in again.verify() if x]
    again.append(arrays(1, 6), [Entry("afterwards")])
    assert left_over(store.folder) == (set(), set())
    assert content(Store(store.folder)) == content(again)
    if ended:
      break
    step += 1
  changes = [x != y for x, y in zip(seen, seen[1:], strict=False)]
  assert sum(changes) == 1 and seen[-1] == behind and step > {"append": 12, "remove": 4}[what]


@pytest.mark.parametrize("way", ["link", "copy"])
def test_a_killed_snapshot_is_none_or_whole(tmp_path, way, monkeypatch):
  if way == "copy":
    monkeypatch.setattr(os, "link", no_links)
  store = make(tmp_path / "index")
  store.remove(["without"])
  expected, step, whole = content(store), 0, 0
  while True:
    folder = tmp_path / f"new/{step}"
    ended = not killed(step, lambda folder=folder: store.snapshot(folder))
    if (folder / manifest.FILE).exists():
      with pytest.raises(UserError, match="holds an index already"):
        store.snapshot(folder)
      whole += not ended
    else:
      with pytest.raises(UserError, match="holds no index"):
        Store(folder)
      store.snapshot(folder)
    copy = Store(folder)
    assert content(copy) == expected and not [fault for _, fault in copy.verify() if fault]
    copy.remove(["clip 1 ä"])
    assert left_over(folder) == (set(), set())
    if ended:
      break
    step += 1
  assert step > 20 and whole


def test_a_killed_creation_is_none_or_whole(tmp_path):
  step, folder = 0, tmp_path / "new/0"
  while killed(step, lambda folder=folder: Store.create(folder, HEADER)):
    if not (folder / manifest.FILE).exists():
      Store.create(folder, HEADER)
    found = Store(folder)
    found.append(arrays(1), [Entry("a")])
    assert left_over(folder) == (set(), set()) and list(Store(folder).rows) == ["a"]
    step += 1
    folder = tmp_path / f"new/{step}"
  assert step > 5


def test_only_what_a_snapshot_has_begun_is_written_over(store, tmp_path):
  for folder in ("shards", ".unfinished", "videos"):
    shutil.rmtree(tmp_path / "x", ignore_errors=True)
    (tmp_path / "x" / folder).mkdir(parents=True)
    (tmp_path / "x" / folder / "mine").write_text("mine")
    with pytest.raises(UserError, match="holds something else|cannot be written to"):
      store.snapshot(tmp_path / "x")
    assert (tmp_path / "x" / folder / "mine").read_text() == "mine"
  (tmp_path / "y").mkdir()
  (tmp_path / "y/.unfinished").touch()
  (tmp_path / "y/shards").symlink_to(tmp_path)
  with pytest.raises(UserError, match="shards is a link"):
    store.snapshot(tmp_path / "y")


@pytest.mark.parametrize("way", ["link", "copy"])
def test_what_a_manifest_names_is_on_the_disk_before(store, tmp_path, way, monkeypatch):
  synced, looked = set(), []
  fsync, mkdir, replace = os.fsync, os.mkdir, os.replace

  def note(number):
    found = os.fstat(number)
    synced.add((found.st_ino, found.st_size if os.path.isfile(f"/proc/self/fd/{number}") else 0))
    fsync(number)

  def has_new_name(path):
    synced.discard((pathlib.Path(path).parent.stat().st_ino, 0))

  def make_folder(path, *args):
    mkdir(path, *args)
    has_new_name(path)

  def look(source, target):
    target = pathlib.Path(target)
    if target.name == manifest.FILE:
      looked.append(target)
      for path in (target.parent, *target.parent.rglob("*")):
        stat = path.stat()
        own = not path.name.startswith(".") and path.name not in (manifest.FILE, ".lock")
        if own and stat.st_nlink == 1 or path.is_dir():
          assert (stat.st_ino, stat.st_size if path.is_file() else 0) in synced, path
    replace(source, target)
    has_new_name(target)

  if way == "copy":
    monkeypatch.setattr(os, "link", no_links)
  monkeypatch.setattr(os, "fsync", note)
  monkeypatch.setattr(os, "mkdir", make_folder)
  monkeypatch.setattr(os, "replace", look)
  copy = store.snapshot(tmp_path / "new/copy")
  first = Store.create(tmp_path / "first", HEADER)
  first.append(arrays(2), clips(2), np.eye(4, dtype=np.float32))
  assert looked == [x / manifest.FILE for x in (copy.folder, first.folder, first.folder)]
  assert {(x.stat().st_ino, 0) for x in (tmp_path, tmp_path / "new")} < synced


def test_a_snapshot_stays_as_it_was(store, tmp_path):
  store.remove(["without"])
  before = content(store)
  copy = store.snapshot(tmp_path / "copy")
  store.remove(["clip 1 ä"])
  store.append(arrays(1), [Entry("later")])
  assert content(copy) == content(Store(tmp_path / "copy")) == before
  shutil.rmtree(store.folder)
  assert content(Store(tmp_path / "copy")) == before
  with pytest.raises(UserError, match="holds an index already"):
    Store.create(tmp_path / "copy", HEADER)
  with pytest.raises(UserError, match="holds something else"):
    Store.create(tmp_path, HEADER)


def test_a_snapshot_of_what_is_missing_is_no_index(store, tmp_path):
  (store.shards[1].folder / "mask.npy").unlink()
  with pytest.raises(UserError, match="mask.npy is missing: "):
    store.snapshot(tmp_path / "copy")
  with pytest.raises(UserError, match="holds no index"):
    Store(tmp_path / "copy")


def test_a_second_writer_is_refused(store, tmp_path):
  with store._writing(), pytest.raises(UserError, match="another process writes"):
    Store(store.folder).remove(["without"])


@pytest.fixture
def no_locks(monkeypatch):
  def refuse(*args):
    raise OSError(errno.ENOLCK, "No locks available")

  monkeypatch.setattr(fcntl, "flock", refuse)


def test_without_locks_no_other_writer_loses_anything(store, no_locks, monkeypatch, capsys):
  theirs = store.folder / "shards/000002-0123456789abcdef"  # which they have not yet named
  theirs.mkdir()
  store.append(arrays(1), [Entry("ours")])
  assert "is on a file system without locks" in capsys.readouterr().err and theirs.exists()
  other, written = Store(store.folder), Store._written

  def meanwhile(self, *args):
    monkeypatch.setattr(Store, "_written", written)
    other.append(arrays(1), [Entry("theirs")])
    return written(self, *args)

  monkeypatch.setattr(Store, "_written", meanwhile)
  with pytest.raises(UserError, match="another process has written to .* meanwhile: try again"):
    store.append(arrays(1), [Entry("late")])
  store.append(arrays(1), [Entry("late")])
  assert {"ours", "theirs", "late"} <= set(Store(store.folder).rows)


def test_without_locks_a_loser_leaves_the_winners_basis(tmp_path, no_locks, monkeypatch):
  ours = Store.create(tmp_path / "index", HEADER)
  theirs, written, basis = Store(ours.folder), Store._written, np.eye(4, dtype=np.float32)

  def meanwhile(self, *args):
    monkeypatch.setattr(Store, "_written", written)
    theirs.append(arrays(1), [Entry("theirs")], 2 * basis)
    return written(self, *args)

  monkeypatch.setattr(Store, "_written", meanwhile)
  with pytest.raises(UserError, match="another process has written to"):
    ours.append(arrays(1), [Entry("ours")], basis)
  for made in (basis, 2 * basis):
    with pytest.raises(UserError, match="has added the first clips|has written to"):
      Store(ours.folder).append(arrays(1), [Entry("more")], made)
  found = Store(ours.folder)
  np.testing.assert_array_equal(found.basis(), 2 * basis)
  assert list(found.rows) == ["theirs"] and not [x for _, x in found.verify() if x]


def test_no_link_of_a_strangers_index_is_written_through(store, tmp_path):
  kept = tmp_path / "kept"
  kept.write_text("mine")
  (store.folder / ".lock").unlink()
  (store.folder / ".lock").symlink_to(kept)
  with pytest.raises(UserError, match="cannot be written to"):
    store.append(arrays(1), clips(1, "new"))
  (store.folder / ".lock").unlink()
  (store.folder / "shards").rename(tmp_path / "others")
  (store.folder / "shards").symlink_to(tmp_path / "others")
  before = sorted((tmp_path / "others").iterdir())
  with pytest.raises(UserError, match="shards is a link"):
    store.append(arrays(1), clips(1, "new"))
  assert kept.read_text() == "mine" and sorted((tmp_path / "others").iterdir()) == before


def test_links_in_the_folder_lead_no_writer_elsewhere(tmp_path):
  store = Store.create(tmp_path / "index", HEADER)
  kept = tmp_path / "kept"
  kept.mkdir()
  (kept / "file").write_text("mine")
  note = Store(make(tmp_path / "other").folder).manifest.basis
  for name in ("basis.npy", manifest.basis_of(note)):
    (store.folder / name).symlink_to(kept / "file")
  (store.folder / "shards").mkdir()
  (store.folder / "shards/000000-0123456789abcdef").symlink_to(kept)  # as a shard left by a kill
  (store.folder / ".0123456789abcdef.partial").symlink_to(kept / "file")
  store.append(arrays(1), [Entry("a")], np.eye(4, dtype=np.float32))
  assert (kept / "file").read_text() == "mine" and not list(store.folder.glob("basis.npy"))
  np.testing.assert_array_equal(Store(store.folder).basis(), np.eye(4))


def test_a_snapshot_holds_no_links(store, tmp_path):
  path = store.shards[0].folder / "mask.npy"
  path.rename(tmp_path / "elsewhere.npy")
  path.symlink_to(tmp_path / "elsewhere.npy")
  before = content(Store(store.folder))
  copy = store.snapshot(tmp_path / "copy")
  (tmp_path / "elsewhere.npy").unlink()
  assert content(copy) == before
  assert [x for x, fault in Store(store.folder).verify() if fault] == [path]


@contextlib.contextmanager
def soon():
  """Fails where a call waits."""
  def late(*args):
    raise AssertionError("it waits")

  before = signal.signal(signal.SIGALRM, late)
  signal.alarm(20)
  try:
    yield
  finally:
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", ["features.npy", "clips.json", "basis.npy", "manifest.json"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_not_waited_for(store, name, kind, tmp_path):
  folder = store.folder if name in ("basis.npy", "manifest.json") else store.shards[0].folder
  path = folder / (name if name != "basis.npy" else manifest.basis_of(store.manifest.basis))
  path.unlink()
  if kind == "pipe":
    os.mkfifo(path)
  elif kind == "folder":
    path.mkdir()
  else:
    path.symlink_to("/dev/zero")
  with soon():
    assert [where for where, fault in store.verify() if fault] == [path]
    with pytest.raises(UserError, match=f"{path.name} is|holds no index"):
      again = Store(store.folder)
      again.basis()
      content(again)
    with pytest.raises(UserError, match=f"{path.name} is|cannot be written to|holds no index"):
      store.snapshot(tmp_path / "copy")
      Store(store.folder)


def test_a_pipe_in_the_place_of_the_lock_is_not_waited_for(store):
  (store.folder / ".lock").unlink()
  os.mkfifo(store.folder / ".lock")
  with soon():
    store.append(arrays(1), [Entry("new")])
    with store._writing(), pytest.raises(UserError, match="another process writes"):
      Store(store.folder).remove(["new"])


def test_a_file_system_that_cannot_sync_folders_is_written_to(store, monkeypatch):
  fsync = os.fsync

  def refuse(number):
    if os.path.isdir(f"/proc/self/fd/{number}"):
      raise OSError(errno.EINVAL, "Invalid argument")
    fsync(number)

  monkeypatch.setattr(os, "fsync", refuse)
  store.append(arrays(1), [Entry("new")])
  assert "new" in Store(store.folder).rows
  assert array_files.size_of(store.folder / manifest.FILE)


@pytest.fixture
def few_files():
  """Lets this process open a few more files than it has open."""
  before = resource.getrlimit(resource.RLIMIT_NOFILE)

  def allow(more):
    names = os.listdir("/proc/self/fd")  # and the one that this opens, which is closed then
    taken = {int(x) for x in names if os.path.lexists(f"/proc/self/fd/{x}")}
    free = itertools.filterfalse(taken.__contains__, itertools.count())
    last = next(itertools.islice(free, more, None))
    resource.setrlimit(resource.RLIMIT_NOFILE, (last, before[1]))

  yield allow
  resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_an_index_of_more_shards_than_a_process_may_open_files(tmp_path, few_files):
  store = Store.create(tmp_path / "index", HEADER)
  for number in range(30):
    store.append(arrays(1, number), [Entry(str(number))])
  few_files(48)  # and there are 120 arrays
  again = Store(store.folder)
  for _ in range(2):
    found = again.read(range(30), HEADER.fields)
    for size in (1, 7, 40):
      tiles = [
          {name: array.copy() for name, array in x.items()}
          for _, x in again.tiles(HEADER.fields, size)
      ]
      for name, array in found.items():
        np.testing.assert_array_equal(np.concatenate([x[name] for x in tiles]), array)
  for number in range(30):
    np.testing.assert_array_equal(found["codes"][number], arrays(1, number)["codes"][0])


def test_too_many_open_files_are_not_called_damage(store, few_files):
  again = Store(store.folder)
  few_files(0)
  for look in (lambda x: x.shards[0].array("codes"), lambda x: x.entry(0)):
    with pytest.raises(OSError, match="Too many open files"):
      look(again)
