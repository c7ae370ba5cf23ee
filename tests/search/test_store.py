"""The folder of an index: nothing is lost, damage is named, and what is hostile is refused."""

import json
import os
import shutil

import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.search import manifest
from sign_jax.search.entries import Entry
from sign_jax.search.manifest import Field, Manifest
from sign_jax.search.store import Store

FIELDS = {"features": Field((3, 4), "float32"), "codes": Field((3, 6), "float16"),
          "mask": Field((3,), "bool"), "brief": Field((2,), "bfloat16")}  # fmt: skip
HEADER = Manifest({"system": "cico"}, "exact", FIELDS)


def arrays(count, seed=0):
  rng = np.random.default_rng(seed)
  return {
      name: (rng.random((count, *x.shape)) * 2).astype(x.numpy) for name, x in FIELDS.items()
  }


def clips(count, prefix="clip"):
  return [Entry(f"{prefix} {n} ä", f"videos/{n}.mp4", 0.5, 2.5, "rain", "test", "x")
          for n in range(count)]  # fmt: skip


@pytest.fixture
def store(tmp_path):
  found = Store.create(tmp_path / "an index", HEADER)
  found.append(arrays(5), clips(5), np.eye(4, dtype=np.float32))
  found.append(arrays(3, 1), [Entry("without")] + clips(2, "other"))
  return found


def content(store):
  """All that can be read of an index."""
  rows = np.flatnonzero(store.there())
  found = store.read(rows, FIELDS)
  return [x.tobytes() for x in found.values()], [repr(store.entry(row)) for row in rows]


def test_what_is_added_is_read(store):
  again = Store(store.folder)
  assert content(again) == content(store) and len(again.rows) == 8
  for name, array in arrays(5).items():
    np.testing.assert_array_equal(again.read([4, 0], [name])[name], array[[4, 0]])
  np.testing.assert_array_equal(again.read([6], ["codes"])["codes"], arrays(3, 1)["codes"][1:2])
  assert again.entry(4) == clips(5)[4] and again.entry(5).name == "without"
  np.testing.assert_array_equal(again.basis(), np.eye(4))
  assert not [fault for _, fault in again.verify() if fault]


@pytest.mark.parametrize("size", [1, 3, 4, 8, 100])
def test_tiles_are_of_one_size_over_shards_of_any(store, size):
  store.append(arrays(1, 2), [Entry("last")])
  found = list(store.tiles(["codes"], size))
  assert [first for first, _ in found] == list(range(0, 9, size))
  assert all(len(x["codes"]) == size for _, x in found[:-1])
  joined = np.concatenate([x["codes"] for _, x in found])
  np.testing.assert_array_equal(joined, store.read(range(9), ["codes"])["codes"])


def test_removed_clips_are_gone_and_others_keep_their_rows(store):
  before = store.rows
  assert store.remove(["clip 1 ä", "without"]) == 2
  again = Store(store.folder)
  assert again.there().tolist() == [True, False, True, True, True, False, True, True]
  assert again.rows == {k: n for k, n in before.items() if k not in ("clip 1 ä", "without")}
  again.append(arrays(1), [Entry("without")])  # its name is free again
  assert again.rows["without"] == 8
  with pytest.raises(UserError, match="no clip 'clip 1' .did you mean 'clip . ä'"):
    again.remove(["clip 2 ä", "clip 1"])
  assert "clip 2 ä" in Store(store.folder).rows


def test_names_that_are_there_are_refused(store):
  before = content(store)
  for new in ([Entry("new"), Entry("without")], [Entry("new"), Entry("new")], [Entry("")]):
    with pytest.raises(UserError, match="already|two clips|needs a name"):
      store.append(arrays(len(new)), new)
  assert content(Store(store.folder)) == before


def test_another_process_adds_meanwhile(store):
  other = Store(store.folder)
  other.append(arrays(1), [Entry("theirs")])
  with pytest.raises(UserError, match="'theirs' is in"):
    store.append(arrays(1), [Entry("theirs")])
  store.append(arrays(1), [Entry("ours")])
  assert {"theirs", "ours"} <= set(Store(store.folder).rows)


def test_two_first_ones_do_not_mix_their_codes(tmp_path):
  one = Store.create(tmp_path / "index", HEADER)
  other = Store(one.folder)
  one.append(arrays(1), [Entry("a")], np.eye(4, dtype=np.float32))
  with pytest.raises(UserError, match="has added the first clips to .* meanwhile: add these again"):
    other.append(arrays(1), [Entry("b")], 2 * np.eye(4, dtype=np.float32))
  np.testing.assert_array_equal(other.basis(), np.eye(4))
  assert list(Store(one.folder).rows) == ["a"]


# Where the process may be killed, by the steps that it takes on the disk.
@pytest.mark.parametrize("step", range(12))
@pytest.mark.parametrize("what", ["append", "remove"])
def test_a_kill_leaves_the_index_before_or_behind(store, step, what, monkeypatch):
  before = content(store)
  child = os.fork()
  if not child:
    count = iter(range(100))
    for name in ("fsync", "replace"):
      call = getattr(os, name)
      kill = lambda *x, call=call: os._exit(9) if next(count) == step else call(*x)
      monkeypatch.setattr(os, name, kill)
    if what == "append":
      store.append(arrays(2, 5), clips(2, "new"))
    else:
      store.remove(["without"])
    os._exit(0)
  killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
  again = Store(store.folder)
  now = content(again)
  if killed and now != before:  # it had become the index before the kill: whole, or not at all
    assert step >= (8 if what == "append" else 1)
  assert killed or now != before
  assert len(again.rows) == {"append": 8 + 2 * (now != before), "remove": 8 - (now != before)}[what]
  assert not [fault for _, fault in again.verify() if fault]
  again.append(arrays(1, 6), [Entry("afterwards")])
  assert len(list((store.folder / "shards").iterdir())) == len(again.shards)  # nothing is left over
  assert content(Store(store.folder)) == content(again)


def test_every_flipped_bit_is_named(store):
  rng = np.random.default_rng(0)
  for path, _ in list(store.files()):
    good = bytearray(path.read_bytes())
    bad = bytearray(good)
    bad[rng.integers(len(bad))] ^= 1 << int(rng.integers(8))
    path.write_bytes(bad)
    found = {where: fault for where, fault in Store(store.folder).verify() if fault}
    assert list(found) == [path] and "digest differs" in found[path]
    path.write_bytes(good[:-1])
    assert [x for x, fault in Store(store.folder).verify() if fault] == [path]
    path.unlink()
    assert [x for x, fault in Store(store.folder).verify() if "cannot be read" in fault] == [path]
    path.write_bytes(good)
  assert not [fault for _, fault in Store(store.folder).verify() if fault]


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


def changed(**values):
  return lambda found: found.update(values)


def in_shard(**values):
  return lambda found: found["shards"][0].update(values)


HOSTILE = {
    "other format": (changed(format="zip"), "of something else"),
    "later version": (changed(version=2), "of version 2"),
    "no fields": (changed(fields={}), "no fields"),
    "huge shape": (changed(fields={"features": [[2**24, 2**24, 2**24], "float32"]}), "bytes for"),
    "negative shape": (changed(fields={"features": [[-1, 4], "float32"]}), "has the shape"),
    "odd shape": (changed(fields={"features": [[1.5], "float32"]}), "has the shape"),
    "objects": (changed(fields={"features": [[3], "object"]}), "unknown kind"),
    "field elsewhere": (changed(fields={"../a": [[3], "bool"]}), "is called"),
    "shard elsewhere": (in_shard(name="../../etc"), "is called"),
    "absolute shard": (in_shard(name="/etc"), "is called"),
    "file elsewhere": (in_shard(files={"../x.npy": [1, "0" * 64]}), "other files"),
    "many clips": (in_shard(clips=2**62), "clips"),
    "no clips": (in_shard(clips=0), "clips"),
    "true clips": (in_shard(clips=True), "clips"),
    "rows": (in_shard(removed=[10**9]), "never had"),
    "twice": (lambda found: found["shards"].append(found["shards"][0]), "one name"),
    "no digest": (changed(basis=[1, "x"]), "size and digest"),
    "texts": (changed(run={"a": {}}), "in texts"),
    "long": (changed(run={"a": "x" * 10**6}), "in texts"),
    "no list": (changed(shards={}), "no list"),
    "null": (changed(shards=[None]), "not the manifest"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_manifest_is_refused_in_a_sentence(store, name):
  change, words = HOSTILE[name]
  path = store.folder / manifest.FILE
  found = json.loads(path.read_text())
  change(found)
  path.write_text(json.dumps(found))
  with pytest.raises(UserError, match=words) as told:
    Store(store.folder)
  assert str(path) in str(told.value) and len(str(told.value)) < 400


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 10**5, "\ufeffnull"])
def test_a_damaged_manifest_is_refused_in_a_sentence(store, text):
  (store.folder / manifest.FILE).write_text(text)
  with pytest.raises(UserError, match="get it anew"):
    Store(store.folder)


def as_noted(store, path):
  """Lets the manifest agree with a file that was changed, as who changes it would."""
  manifest_path = store.folder / manifest.FILE
  found = json.loads(manifest_path.read_text())
  for shard in found["shards"]:
    if shard["name"] == path.parent.name:
      shard["files"][path.name][0] = path.stat().st_size
  manifest_path.write_text(json.dumps(found))


def header(text, size=0):
  raw = text.encode().ljust(117) + b"\n"
  return b"\x93NUMPY\x01\x00" + len(raw).to_bytes(2, "little") + raw + bytes(size)


CRAFTED = {
    "huge": header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 3, 4), }", 240),
    "overflow": header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**62}, 3, 4), }}"),
    "negative": header("{'descr': '<f4', 'fortran_order': False, 'shape': (-5, 3, 4), }", 240),
    "other shape": header("{'descr': '<f4', 'fortran_order': False, 'shape': (5, 4, 3), }", 240),
    "other dtype": header("{'descr': '<i4', 'fortran_order': False, 'shape': (5, 3, 4), }", 240),
    "columns": header("{'descr': '<f4', 'fortran_order': True, 'shape': (5, 3, 4), }", 240),
    "objects": header("{'descr': '|O', 'fortran_order': False, 'shape': (5, 3, 4), }", 480),
    "code": header("{'descr': __import__('os').system('touch ran'), 'shape': (5, 3, 4), }", 240),
    "deep": header("(" * 100, 240),
    "pickle": b"\x80\x04cposix\nsystem\n\x8c\x09touch ran\x85R.",
    "zip": b"PK\x03\x04" + bytes(200),
    "short": b"\x93NU",
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_shard_is_refused_in_a_sentence(store, name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  path = store.shards[0].folder / "features.npy"
  path.write_bytes(CRAFTED[name])
  as_noted(store, path)
  with pytest.raises(UserError, match="features.npy is damaged") as told:
    Store(store.folder).read([0], ["features"])
  assert len(str(told.value)) < 600 and not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"name": 3}', "[" * 10**5, '{"name": ["\\u0000"]}'])
def test_crafted_texts_are_refused_in_a_sentence(store, text):
  path = store.shards[1].folder / "clips.json"
  path.write_text(text)
  as_noted(store, path)
  with pytest.raises(UserError, match="clips.json is "):
    Store(store.folder).entry(6)


def test_no_memory_is_taken_for_clips_that_are_not_there(store):
  path = store.folder / manifest.FILE
  found = json.loads(path.read_text())
  found["shards"][0]["clips"] = 2**31
  path.write_text(json.dumps(found))
  for look in (Store.there, lambda x: x.rows, lambda x: x.read([3], ["codes"])):
    with pytest.raises(UserError, match="clips.json is damaged|codes.npy is damaged"):
      look(Store(store.folder))


def test_a_full_disk_is_told_and_leaves_nothing(store, monkeypatch):
  def full(number):
    raise OSError(28, "No space left on device")

  before = content(store)
  with monkeypatch.context() as patch:
    patch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="an index cannot be written to .No space left"):
      store.append(arrays(2), clips(2, "new"))
  assert len(list((store.folder / "shards").iterdir())) == 2
  assert content(Store(store.folder)) == before


def test_a_second_writer_is_refused(store):
  with store._writing(), pytest.raises(UserError, match="another process writes"):
    Store(store.folder).remove(["without"])


def test_a_folder_without_an_index_is_told(tmp_path):
  with pytest.raises(UserError, match="holds no index: make one with"):
    Store(tmp_path)


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


@pytest.mark.parametrize("name", ["Screen Recording 9.41\u202fAM.mov", "a\u00a0b"])
def test_names_may_have_any_spaces(store, name):
  store.append(arrays(1), [Entry(name)])
  assert name in Store(store.folder).rows


@pytest.mark.parametrize("name", ["two\nlines", "bell\x07", "caf\udce9"])
def test_names_that_no_line_shows_are_refused(store, name):
  with pytest.raises(UserError, match="one line of plain text"):
    store.append(arrays(1), [Entry(name)])
