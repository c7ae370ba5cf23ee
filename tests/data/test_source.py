"""Opening built data sets: values, grouping, refusals."""

import json
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest

from sign_jax.data import records, source
from sign_jax.data.cache import FeatureCache, new_key
from sign_jax.data.sampling import sample_indices
from sign_jax.errors import UserError
from tests.data import tiny


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
  folder = tmp_path_factory.mktemp("tfds")
  tiny.build(folder, {"train": tiny.clips(), "test": tiny.clips(6, 5, seed=1)})
  return folder


def built(tmp_path, examples):
  tiny.build(tmp_path, {"train": examples})
  return tmp_path


def test_every_video_comes_back_with_its_features_text_and_sentence(data_dir):
  split = source.RetrievalSplit("tiny", "train", data_dir)
  written = {example["video_id"]: example for example in tiny.clips()}
  assert sorted(split.video_ids) == sorted(written)
  assert (split.num_videos, split.num_sentences) == (17, 10)
  for index, video_id in enumerate(split.video_ids):
    sentence = split.sentence_of_video[index]
    assert split.sentence_ids[sentence] == written[video_id]["sentence_id"]
    assert split.sentence_texts[sentence] == written[video_id]["text"]
    assert index in split.videos_of_sentence[sentence]
    features = split.features(index)
    assert set(features) == {"agnostic", "aware"}
    for stream, array in features.items():
      assert array.dtype == np.float32
      np.testing.assert_array_equal(array, written[video_id][stream].astype(np.float32))
  assert sorted(np.concatenate(split.videos_of_sentence)) == list(range(17))


@pytest.mark.parametrize("cache_bytes", [0, 500, 1 << 30])
def test_the_cache_changes_nothing(data_dir, cache_bytes):
  cached = source.RetrievalSplit("tiny", "train", data_dir, cache=FeatureCache(cache_bytes))
  for _ in range(2):
    for split in [cached, pickle.loads(pickle.dumps(cached))]:
      for index, streams in enumerate(split.stored_features(range(17), 4)):
        whole = split.features(index)
        for stream in split.streams:
          kept = whole[stream][sample_indices(len(whole[stream]), 4)]
          np.testing.assert_array_equal(streams[stream], kept)
          assert streams[stream].dtype == np.float16


def test_the_cache_holds_what_was_read_and_keeps_to_its_limit(data_dir):
  row = 2 * 2 * tiny.DIM  # bytes of two streams
  for limit, rows in [(0, 0), (row, 1), (10 * row + 1, 10), (1 << 20, 56)]:
    cache = FeatureCache(limit)
    split = source.RetrievalSplit("tiny", "train", data_dir, cache=cache)
    assert cache.nbytes == 0
    features = list(split.stored_features(range(17), 4))
    assert sum(len(streams["aware"]) for streams in features) == 56  # at most 4 of each video
    assert (cache.nbytes == rows * row) if limit != 10 * row + 1 else 0 < cache.nbytes <= limit
    assert pickle.loads(pickle.dumps(cache)).nbytes == 0


def test_one_cache_serves_two_splits(data_dir):
  cache = FeatureCache(1 << 20)
  names = ("train", "test")
  splits = [source.RetrievalSplit("tiny", name, data_dir, cache=cache) for name in names]
  for _ in range(2):
    for split in splits:
      (streams,) = split.stored_features([2], 9)
      np.testing.assert_array_equal(streams["aware"], split.features(2)["aware"])


def test_a_cache_that_outlives_its_splits_mixes_none_up(data_dir):
  """The next split may lie where a freed one did, and then has the same `id`."""
  cache = FeatureCache(1 << 20)
  for turn in range(40):
    split = source.RetrievalSplit("tiny", ("train", "test")[turn % 2], data_dir, cache=cache)
    (streams,) = split.stored_features([2], 9)
    np.testing.assert_array_equal(streams["aware"], split.features(2)["aware"])
    del split


def test_keys_of_caches_are_never_used_again():
  keys = [new_key() for _ in range(3)]
  assert len({*keys, *pickle.loads(pickle.dumps(keys))}) == 6
  cache = FeatureCache(1 << 10)
  cache.put((new_key(), 1), {"x": np.zeros(3)})  # nobody but the cache holds this key
  assert all(cache.get((new_key(), 1)) is None for _ in range(1000))


def test_what_is_cached_is_not_read_again(data_dir):
  split = source.RetrievalSplit("tiny", "train", data_dir, cache=FeatureCache(1 << 20))
  list(split.stored_features(range(17), 4))
  split._source = None
  assert len(list(split.stored_features(range(17), 4))) == 17
  with pytest.raises(AttributeError):
    list(split.stored_features([0], 5))


def test_one_stream_can_be_chosen(data_dir):
  split = source.RetrievalSplit("tiny", "train", data_dir, streams=["aware"])
  assert split.streams == ("aware",) and split.dims == {"aware": tiny.DIM}
  assert list(split.features(3)) == ["aware"]


def test_a_data_set_with_one_stream(tmp_path):
  folder = built(tmp_path, tiny.clips(streams=["agnostic"]))
  assert source.RetrievalSplit("tiny", "train", folder).streams == ("agnostic",)
  with pytest.raises(UserError, match="'aware'.*it has agnostic"):
    source.RetrievalSplit("tiny", "train", folder, streams=["agnostic", "aware"])


def test_only_the_wanted_fields_are_decoded(data_dir):
  (example,) = source.open_split("tiny", "train", data_dir).read([2], ["video_id"])
  assert list(example) == ["video_id"] and isinstance(example["video_id"], str)


def test_own_decoder_and_tfds_agree(data_dir):
  opened = source.open_split("tiny", "train", data_dir)
  texts_and_rows = [*opened.text_fields, "agnostic", "aware"]
  assert len(texts_and_rows) == 6
  own, tfds = (
    list(opened.read(range(17), fields))
    for fields in (texts_and_rows, [*texts_and_rows, "num_frames"])  # a number is left to TFDS
  )
  for one, other in zip(own, tfds, strict=True):
    assert other.pop("num_frames") >= 16 and one.keys() == other.keys()
    for field, value in one.items():
      np.testing.assert_array_equal(value, other[field], strict=field in ("agnostic", "aware"))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_values_that_are_not_finite_are_found_in_every_dtype(dtype):
  good = np.array([[0, -1, np.finfo(dtype).max, np.finfo(dtype).tiny]], dtype)
  assert source._all_finite(good) and source._all_finite(good[:0])
  for bad in (np.nan, np.inf, -np.inf):
    assert not source._all_finite(np.append(good, np.array([[1, 2, 3, bad]], dtype), axis=0))


def test_a_part_of_a_split(data_dir):
  assert len(source.open_split("tiny", "train[:5]", data_dir)) == 5


def test_the_newest_version_and_the_only_configuration_are_found(tmp_path):
  for version, videos in [("1.9.0", 11), ("1.10.0", 12)]:
    tiny.build(tmp_path, {"train": tiny.clips(videos)}, version=version, config="small")
  for name, videos in [("tiny", 12), ("tiny/small", 12), ("tiny/small:1.9.0", 11)]:
    assert len(source.open_split(name, "train", tmp_path)) == videos
  tiny.build(tmp_path, {"train": tiny.clips(13)}, config="large")
  assert len(source.open_split("tiny/large", "train", tmp_path)) == 13


def test_the_environment_names_the_default_folder(data_dir, monkeypatch):
  monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
  assert len(source.open_split("tiny", "train")) == 17


@pytest.mark.parametrize(
  "name, command",
  [
    ("absent", "python -m data_builders.build absent --data_dir {0}"),
    ("tiny/huge", "python -m data_builders.build tiny --config huge --data_dir {0}"),
    ("tiny:2.0.0", "python -m data_builders.build tiny --data_dir {0}"),
  ],
)
def test_a_missing_data_set_gives_the_command_that_builds_it(data_dir, name, command):
  with pytest.raises(UserError, match="is not built") as caught:
    source.open_split(name, "train", data_dir)
  assert f"`{command.format(data_dir)}`" in str(caught.value)


def test_a_half_built_data_set_is_refused(tmp_path):
  folder = built(tmp_path, tiny.clips())
  (shard,) = (folder / "tiny" / "1.0.0").glob("*record-*")
  shard.unlink()
  with pytest.raises(UserError, match="lacks its file"):
    source.open_split("tiny", "train", folder)
  (folder / "tiny" / "1.0.0" / "dataset_info.json").unlink()
  with pytest.raises(UserError, match="half built.*data_builders.build tiny"):
    source.open_split("tiny", "train", folder)


def test_an_unknown_split_lists_the_splits(data_dir):
  with pytest.raises(UserError, match="did you mean 'train'.*test, train"):
    source.open_split("tiny", "trian", data_dir)


@pytest.mark.parametrize("name", ["", "a b", "../x", "tiny/", "tiny:1"])
def test_what_is_no_name_is_refused(name, data_dir):
  with pytest.raises(UserError, match="is not a name"):
    source.open_split(name, "train", data_dir)


def spoilt(field, value):
  examples = tiny.clips()
  examples[4][field] = value
  return examples


NOT_FINITE = np.full((5, tiny.DIM), np.nan, np.float16)


@pytest.mark.parametrize(
  "field, value, sentence",
  [
    ("text", " &nbsp; ", "^sentence 'sentence_4'.*no text"),
    ("aware", np.zeros((3, tiny.DIM), np.float16), "'video_4'.*agnostic 5, aware 3"),
    ("agnostic", NOT_FINITE, "'video_4'.*not all finite"),
    ("agnostic", np.zeros((0, tiny.DIM), np.float16), "'video_4'.*no features"),
  ],
)
@pytest.mark.parametrize("cache_bytes", [0, 1 << 30])
def test_spoilt_examples_are_named(tmp_path, field, value, sentence, cache_bytes):
  examples = spoilt(field, value)
  if field == "text":
    examples[14]["text"] = value  # the sentence's other video
  folder = built(tmp_path, examples)
  with pytest.raises(UserError, match=sentence):
    cache = FeatureCache(cache_bytes)
    split = source.RetrievalSplit("tiny", "train", folder, cache=cache)
    list(split.stored_features([split.video_ids.index("video_4")], 64))


def test_a_spoilt_video_is_refused_each_time(tmp_path):
  split = source.RetrievalSplit("tiny", "train", built(tmp_path, spoilt("aware", NOT_FINITE)))
  for _ in range(2):
    with pytest.raises(UserError, match="'video_4'.*not all finite"):
      split.features(split.video_ids.index("video_4"))


def test_the_fingerprint_follows_the_data_not_the_place(tmp_path, data_dir):
  first = source.fingerprint("tiny", data_dir)
  assert first == source.fingerprint("tiny", shutil.copytree(data_dir, tmp_path / "copy"))
  info = tmp_path / "copy" / "tiny" / "1.0.0" / "dataset_info.json"
  facts = json.loads(info.read_text())
  info.write_text(json.dumps({**facts, "moduleName": "elsewhere"}))
  assert first == source.fingerprint("tiny", tmp_path / "copy")
  tiny.build(tmp_path, {"train": tiny.clips(16), "test": tiny.clips(6, 5, seed=1)})
  assert first != source.fingerprint("tiny", tmp_path)


@pytest.mark.parametrize("field", ["text", "aware"])
def test_the_fingerprint_follows_captions_and_features(tmp_path, field):
  value = {"text": "caption number 4 has wards", "aware": np.ones((5, tiny.DIM), np.float16)}[field]
  sizes = set()
  for name, examples in [("a", tiny.clips()), ("b", spoilt(field, value))]:
    folder = built(tmp_path / name, examples)
    sizes.add(next((folder / "tiny/1.0.0").glob("*record-*")).stat().st_size)
  assert len(sizes) == 1  # ArrayRecord pads its files
  assert source.fingerprint("tiny", tmp_path / "a") != source.fingerprint("tiny", tmp_path / "b")


def read_all(folder):
  split = source.RetrievalSplit("tiny", "train", folder)
  for index in range(split.num_videos):
    split.features(index)


def flip(content, at):
  return content[:at] + bytes(byte ^ 255 for byte in content[at : at + 40]) + content[at + 40 :]


@pytest.mark.parametrize(
  "name, damage",
  [
    ("*train*record-*", lambda content: b""),
    ("*train*record-*", lambda content: content[:3000]),
    ("*train*record-*", lambda content: bytes(70_000)),
    ("*train*record-*", lambda content: flip(content, 70)),
    ("*train*record-*", lambda content: flip(content, 200)),
    ("*train*record-*", lambda content: flip(content, 1500)),
    ("*train*record-*", lambda content: flip(content, len(content) // 2)),
    ("dataset_info.json", lambda content: b""),
    ("dataset_info.json", lambda content: b"[]"),
    ("dataset_info.json", lambda content: content[:100]),
    ("dataset_info.json", lambda content: b"\xff" + content),
    ("features.json", lambda content: b"{}"),
    ("features.json", lambda content: content[:100]),
  ],
)
def test_damage_ends_with_one_sentence(tmp_path, data_dir, name, damage):
  folder = shutil.copytree(data_dir, tmp_path / "copy")
  (path,) = (folder / "tiny/1.0.0").glob(name)
  path.write_bytes(damage(path.read_bytes()))
  with pytest.raises(UserError, match="is damaged .*: delete this folder and build") as caught:
    read_all(folder)
  assert str(path.parent) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json"])
def test_the_fingerprint_of_a_damaged_description(tmp_path, data_dir, name):
  folder = shutil.copytree(data_dir, tmp_path / "copy")
  (folder / "tiny/1.0.0" / name).write_text("{")
  with pytest.raises(UserError, match="is damaged"):
    source.fingerprint("tiny", folder)


@pytest.mark.parametrize("key", ["default_config_name", "defaultConfigName"])
def test_the_recorded_default_is_taken(tmp_path, key):
  for config, videos in [("large", 12), ("small", 11)]:
    tiny.build(tmp_path, {"train": tiny.clips(videos)}, config=config)
  (tmp_path / "tiny" / ".config" / "metadata.json").write_text(json.dumps({key: "small"}))
  assert len(source.open_split("tiny", "train", tmp_path)) == 11


@pytest.mark.parametrize("content", ["{", "[]", "3", '{"defaultConfigName": [1]}', "[" * 9999, ""])
def test_a_damaged_default_counts_as_none(tmp_path, content):
  for config in ("large", "small"):
    tiny.build(tmp_path, {"train": tiny.clips()}, config=config)
  (tmp_path / "tiny" / ".config" / "metadata.json").write_text(content)
  with pytest.raises(UserError, match="several configurations: write one of tiny/large, tiny/smal"):
    source.open_split("tiny", "train", tmp_path)


@pytest.mark.parametrize("part", ["train[", "train[:x]", "train[5:2", "train[]"])
def test_what_is_no_part_of_a_split_is_refused(data_dir, part):
  with pytest.raises(UserError, match="is no part of a split"):
    source.open_split("tiny", part, data_dir)


def test_videos_of_one_sentence_have_one_text(tmp_path):
  folder = built(tmp_path / "same", spoilt("text", " Caption number 4  has WORDS"))
  assert source.RetrievalSplit("tiny", "train", folder).num_sentences == 10
  folder = built(tmp_path / "other", spoilt("text", "something else"))
  with pytest.raises(UserError, match="^sentence 'sentence_4' of 'tiny:1.0.0' has different texts"):
    source.RetrievalSplit("tiny", "train", folder)


def test_captions_in_several_languages(tmp_path):
  german = ["Regen im Norden", "Schnee", "Regen im  Norden", "Wind"]
  examples = [
    {**tiny.clip(i, sentence, 3), "sentence": text}
    for i, (sentence, text) in enumerate(zip([0, 1, 0, 1], german, strict=True))
  ]
  tiny.build(tmp_path, {"train": examples})
  split = source.RetrievalSplit("tiny", "train", tmp_path)
  assert split.sentence_texts[split.sentence_of_video[0]].startswith("caption number")
  assert split.num_sentences == 2
  split = source.RetrievalSplit("tiny", "train", tmp_path, caption="sentence")
  said = dict(zip(split.video_ids, split.sentence_of_video, strict=True))
  assert {split.sentence_texts[s] for s in said.values()} <= set(german)
  # One sentence id, two German sentences: they are told apart; white space does not count.
  assert split.num_sentences == 3 and said["video_0"] == said["video_2"]
  assert sorted(map(len, split.videos_of_sentence)) == [1, 1, 2]


@pytest.mark.parametrize("caption", ["translation", "txt", "video_id", "agnostic", ""])
def test_a_caption_that_is_not_there(data_dir, caption):
  with pytest.raises(UserError, match=f"'tiny:1.0.0' has no caption '{caption}'.*caption to text$"):
    source.RetrievalSplit("tiny", "train", data_dir, caption=caption)


@pytest.mark.parametrize("lacking", [["video_id"], ["sentence_id"], ["video_id", "sentence_id"]])
def test_a_data_set_without_names_is_refused(tmp_path, data_dir, lacking):
  folder = shutil.copytree(data_dir, tmp_path / "copy")
  path = folder / "tiny/1.0.0/features.json"
  content = json.loads(path.read_text())
  for name in lacking:
    del content["featuresDict"]["features"][name]
  path.write_text(json.dumps(content))
  with pytest.raises(UserError, match=f"'tiny:1.0.0' has no text {' and no '.join(lacking)} for"):
    source.RetrievalSplit("tiny", "train", folder)


def test_opening_is_silent_and_needs_neither_tensorflow_nor_jax(data_dir):
  code = (
    "import sys; from sign_jax.data.source import RetrievalSplit;"
    f"RetrievalSplit('tiny', 'train', {str(data_dir)!r}).features(0);"
    "assert not {'tensorflow', 'jax', 'flax', 'torch'} & set(sys.modules)"
  )
  done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
  assert done.stdout + done.stderr == ""


def test_records_survive_pickling(data_dir):
  opened = records.open_split("tiny", "test", data_dir)
  copy = pickle.loads(pickle.dumps(opened))
  names = [list(source.read(range(6), ["video_id"])) for source in (copy, opened)]
  assert names[0] == names[1] and len(names[0]) == 6
