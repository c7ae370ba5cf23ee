"""The folder of an index: nothing is lost, damage is named, and what is hostile is refused."""

import json
import os

import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.search import array_files, compacting, manifest
from sign_jax.search.entries import Entry
from sign_jax.search.store import Store
from tests.search.stores import HEADER, arrays, clips, content, make


@pytest.fixture
def store(tmp_path):
  return make(tmp_path / "an index")


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


def test_all_clips_of_a_video_are_removed(store):
  store.append(arrays(2, 3), [Entry("more", "videos/1.mp4"), Entry("apart")])
  with pytest.raises(UserError, match="no clips of the video 'videos/9.mp4' .did you mean"):
    store.remove(["apart"], ["videos/9.mp4"])
  with pytest.raises(UserError, match="no clips of the video ''"):
    store.remove(sources=[""])
  assert store.remove(["apart", "more"], ["videos/1.mp4"]) == 4
  assert set(Store(store.folder).rows) == {
      "clip 0 ä", "clip 2 ä", "clip 3 ä", "clip 4 ä", "without", "other 0 ä"
  }


def test_parts_are_no_videos_of_their_name(store):
  parts = [Entry(f"long#{n}", "long.mp4", cut_from="long") for n in (1, 2)]
  store.append(arrays(2, 3), parts)
  again = Store(store.folder)
  assert again.has_video("long") and again.has_video("without")
  assert not again.has_video("long#1") and not again.has_video("lon")
  again.remove(["long#1", "long#2"])
  assert not again.has_video("long")


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


def test_no_bit_of_the_manifest_changes_what_it_says(store):
  store.remove(["without"])
  path, before = store.folder / manifest.FILE, manifest.read(store.folder)
  good, rng = path.read_bytes(), np.random.default_rng(0)
  for place in range(0, len(good), 3):
    bad = bytearray(good)
    bad[place] ^= 1 << int(rng.integers(8))
    path.write_bytes(bad)
    if not manifest.fault(store.folder):
      assert manifest.read(store.folder) == before  # how a number or a text is written, for example


def test_a_clip_does_not_come_back_by_a_flipped_bit(store):
  store.remove(["clip 2 ä"])
  path = store.folder / manifest.FILE
  good = path.read_text()
  for old, new in (('"removed": [2]', '"removed": [3]'), ("float32", "float64"),
                   ('"removed": [2]', '"removed": []')):  # fmt: skip
    path.write_text(good.replace(old, new, 1))
    with pytest.raises(UserError, match="manifest.json is not .*its digest differs"):
      Store(store.folder)
    (where, fault), *_ = store.verify()  # opened before
    assert where == path and "digest differs" in fault
  path.unlink()
  assert next(store.verify()) == (path, "is missing")
  path.write_text(good)
  assert not [fault for _, fault in store.verify() if fault]


def test_files_of_earlier_versions_are_read(store):
  before = content(store)
  path = store.folder / manifest.FILE
  found = json.loads(path.read_text())
  (store.folder / manifest.basis_of(store.manifest.basis)).rename(store.folder / "basis.npy")
  del found["digest"]
  for shard in found["shards"]:
    texts = store.folder / "shards" / shard["name"] / "clips.json"
    known = json.loads(texts.read_text())
    del known["cut_from"]
    texts.write_text(json.dumps(known))
    shard["files"]["clips.json"] = list(array_files.note_of(texts))
  path.write_text(json.dumps(found))
  again = Store(store.folder)
  assert content(again) == before and not [fault for _, fault in again.verify() if fault]
  again.remove(["without"])
  np.testing.assert_array_equal(Store(store.folder).basis(), np.eye(4))
  assert "digest" in json.loads(path.read_text())


def rewritten(store, change):
  """Changes the manifest, and its digest with it, as who means harm would."""
  path = store.folder / manifest.FILE
  found = json.loads(path.read_text())
  change(found)
  found.pop("digest", None)
  path.write_text(json.dumps({**found, "digest": manifest.digest_of(found)}))


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
    "more": (changed(digesu="0"), "'digesu', which is not known"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_manifest_is_refused_in_a_sentence(store, name):
  change, words = HOSTILE[name]
  path = store.folder / manifest.FILE
  rewritten(store, change)
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
  def change(found):
    for shard in found["shards"]:
      if shard["name"] == path.parent.name:
        shard["files"][path.name][0] = path.stat().st_size

  rewritten(store, change)


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
  rewritten(store, in_shard(clips=2**31))
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


def test_a_folder_without_an_index_is_told(tmp_path):
  with pytest.raises(UserError, match="holds no index: make one with"):
    Store(tmp_path)


@pytest.mark.parametrize("name", ["Screen Recording 9.41\u202fAM.mov", "a\u00a0b"])
def test_names_may_have_any_spaces(store, name):
  store.append(arrays(1), [Entry(name)])
  assert name in Store(store.folder).rows


@pytest.mark.parametrize("name", ["two\nlines", "bell\x07", "caf\udce9"])
def test_names_that_no_line_shows_are_refused(store, name):
  with pytest.raises(UserError, match="one line of plain text"):
    store.append(arrays(1), [Entry(name)])


@pytest.fixture
def pieces(tmp_path):
  """An index of four shards of a clip, one of which is removed; without codes."""
  fields = {"features": HEADER.fields["features"]}
  found = Store.create(tmp_path / "pieces", HEADER._replace(fields=fields))
  for number in range(4):
    found.append({"features": arrays(1, number)["features"]}, [Entry(str(number))])
  found.remove(["2"])
  return found


def test_a_compact_copy_has_few_shards(pieces, tmp_path):
  copy = compacting.compact(pieces, tmp_path / "copy")
  assert len(copy.shards) == 1 and list(copy.rows) == ["0", "1", "3"]
  found, known = copy.read([0, 1, 2], ["features"]), pieces.read([0, 1, 3], ["features"])
  np.testing.assert_array_equal(found["features"], known["features"])


def test_damage_is_not_copied(pieces, tmp_path):
  path = pieces.shards[1].folder / "features.npy"
  path.write_bytes(path.read_bytes()[:-1] + b"\x01")
  with pytest.raises(UserError, match="features.npy does not hold what was written"):
    compacting.compact(pieces, tmp_path / "copy")
  assert not (tmp_path / "copy").exists()
