import numpy as np
import pytest

from data_builders import build
from data_builders.video_folder import captions
from sign_jax.data import clip_table, feature_files
from sign_jax.data.feature_files import FeatureFile
from sign_jax.data.records import fingerprint
from sign_jax.errors import UserError

DIM = 8
ROWS = (
  "a.mp4,\"One,  two.\",train",
  "sub/b.mp4,Three.,val",
  "c-1.5.mp4,One, test",
  "d.mp4,Three.,validation",
)  # fmt: skip


def feature(name, windows=3, dim=DIM):
  rng = np.random.default_rng(sum(name.encode()))
  return rng.standard_normal((windows, dim)).astype(np.float32)


def write_features(folder, name, **changes):
  content = FeatureFile(feature(name), 18, 25.0, 1, "random:0")._replace(**changes)
  feature_files.write(feature_files.path_of(folder, clip_table.stem_of(name)), content)


def manual_dir(tmp_path, lines, header="video,sentence,split", folders=("features",)):
  (tmp_path / "captions.csv").write_text("\n".join([header, *lines]), encoding="utf-8")
  for line in lines:
    for folder in folders:
      name = line.split(",")[0]
      write_features(tmp_path / folder, name or "none")
  return tmp_path


def prepare(folder, config=None, **options):
  builder, _ = build.prepare("video_folder", config, folder / "tfds", folder, **options)
  return builder


def examples(builder, split):
  return {example["video_id"].decode(): example for example in builder.as_data_source(split)}


def test_builds_what_the_table_says(tmp_path):
  builder = prepare(manual_dir(tmp_path, ROWS))
  counts = {name: split.num_examples for name, split in builder.info.splits.items()}
  assert counts == {"train": 1, "validation": 2, "test": 1}
  (example,) = examples(builder, "train").values()
  assert example["text"].decode() == "One, two."
  assert (example["num_frames"], example["fps"]) == (18, 25.0)
  assert example["agnostic"].dtype == np.float16
  np.testing.assert_array_equal(example["agnostic"], feature("a.mp4").astype(np.float16))
  assert "aware" not in example
  validation = examples(builder, "validation")
  assert set(validation) == {"sub/b", "d"}
  assert len({example["sentence_id"] for example in validation.values()}) == 1
  assert list(examples(builder, "test")) == ["c-1.5"]
  assert "no result" not in builder.info.description


def test_a_second_folder_is_the_aware_stream(tmp_path):
  folder = manual_dir(tmp_path, ROWS, folders=("features", "features_aware"))
  for line in ROWS:
    name = line.split(",")[0]
    write_features(folder / "features_aware", name, feature=-feature(name), weights="other")
  builder = prepare(folder)
  for example in builder.as_data_source("validation"):
    np.testing.assert_array_equal(example["aware"], -example["agnostic"])
  noted = {"weights": "other", "stride": 1, "preparation": "exact"}
  assert builder.info.metadata["aware"] == noted


def test_without_a_column_split_all_rows_are_everywhere_and_it_says_so(tmp_path, capsys):
  lines = ["a.mp4,Same", "b.mp4, Same ", "c.mp4,Other"]
  builder = prepare(manual_dir(tmp_path, lines, header="video,sentence"))
  assert "no result" in capsys.readouterr().err
  assert "no result" in builder.info.description
  for split in ("train", "validation", "test"):
    found = examples(builder, split)
    assert set(found) == {"a", "b", "c"}
    ids = {name: example["sentence_id"] for name, example in found.items()}
    assert ids["a"] == ids["b"] != ids["c"]


def test_hash_split_keeps_a_sentence_in_one_split(tmp_path):
  lines = [f"{i}.mp4,Sentence {i % 50}" for i in range(100)]
  builder = prepare(manual_dir(tmp_path, lines, header="video,sentence"), "hash_split")
  texts = {
    split: {example["text"] for example in builder.as_data_source(split)}
    for split in ("train", "validation", "test")
  }
  assert sum(map(len, texts.values())) == 50 == len(set.union(*texts.values()))
  assert len(texts["train"]) > 30
  fewer = captions.by_hash(captions.read(tmp_path / "captions.csv")[0][:80])
  assert {clip.sentence.encode() for clip in fewer["test"]} == texts["test"]


def test_hash_split_of_too_few_rows(tmp_path):
  with pytest.raises(UserError, match="too few for hash_split"):
    prepare(manual_dir(tmp_path, ["a.mp4,One"], header="video,sentence"), "hash_split")


@pytest.mark.parametrize(
  ("lines", "words"),
  [
    (["a.mp4, ,train"], "line 2: 'a.mp4' has no sentence"),
    (["a.mp4,One,train", "b.mp4,&nbsp; ,train"], "line 3: 'b.mp4' has no sentence"),
    ([".,One,train"], "line 2: '.' is no path inside"),
    (["a.mp4,One,train", f"{'b' * 260}.mp4,Two,test"],
     r"line 3: 'bbb.*'\.\.\. \(264 characters\) is longer than 251 bytes"),
    (["a.mp4,One,train", "b.mp4,Two,tset"], "line 3: unknown split 'tset' .did you mean 'test'"),
    (["a.mp4,One,train", "a.mp4,Two,test"], "line 3: .* a.mp4 .* 'a' .* a.mp4 in line 2"),
    (["a.mp4,One,train", "a.mkv,Two,test"], "line 3: .* a.mkv .* 'a' .* a.mp4 in line 2"),
    (["../a.mp4,One,train"], "line 2: '../a.mp4' is no path inside"),
    (["/a.mp4,One,train"], "line 2: '/a.mp4' is no path inside"),
    ([",One,train"], "line 2: '' is no path inside"),
    ([], "has no rows"),
  ],
)
def test_mistakes_in_the_table_name_the_line(tmp_path, lines, words):
  (tmp_path / "captions.csv").write_text("\n".join(["video,sentence,split", *lines]))
  with pytest.raises(UserError, match=words) as error:
    prepare(tmp_path)
  assert "captions.csv" in str(error.value) and "\n" not in str(error.value)


def test_missing_table_and_columns(tmp_path):
  with pytest.raises(UserError, match="--manual_dir"):
    build.prepare("video_folder", None, tmp_path / "tfds", None)
  with pytest.raises(UserError, match="there is no file .*captions.csv"):
    prepare(tmp_path)
  (tmp_path / "captions.csv").write_text("video,text\na.mp4,One\n")
  with pytest.raises(UserError, match="no column sentence among 'video', 'text'"):
    prepare(tmp_path)


def test_clips_without_features_are_named(tmp_path):
  folder = manual_dir(tmp_path, ROWS)
  (folder / "features/c-1.5.npz").unlink()
  (folder / "features/d.npz").unlink()
  with pytest.raises(UserError, match=r"c-1\.5 \(line 4\), d \(line 5\)"):
    prepare(folder)


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    ({"feature": feature("x", dim=DIM + 1)}, "another width, stride or weights"),
    ({"stride": 2}, "another width, stride or weights"),
    ({"weights": "other"}, "another width, stride or weights"),
    ({"preparation": "released"}, "another width, stride or weights, or prepared otherwise"),
  ],
)
def test_features_of_another_encoder_are_named(tmp_path, changes, words):
  folder = manual_dir(tmp_path, ROWS)
  write_features(folder / "features", "d.mp4", **changes)
  with pytest.raises(UserError, match=words) as error:
    prepare(folder)
  assert "d.npz" in str(error.value)


def test_features_of_others_stand_beside_ours_that_are_prepared_as_released(tmp_path):
  folder = manual_dir(tmp_path, ROWS)
  ours = {"preparation": "released"}

  def put(**changes):
    for name in ("a.mp4", "sub/b.avi", "c-1.5.mkv", "d.mp4"):
      write_features(folder / "features", name, **{**ours, **changes.get(name[0], {})})
    for name in ("c-1.5", "a"):  # downloaded
      path = folder / f"features/{name}.npz"
      np.save(path.with_suffix(".npy"), feature_files.read(path).feature)
      path.unlink()

  put()
  builder = prepare(folder)
  assert sum(split.num_examples for split in builder.info.splits.values()) == 4
  for changes in ({"stride": 2}, {"preparation": "exact"}, {"weights": "other"}):
    put(d=changes)
    with pytest.raises(UserError, match=r"d\.npz.* or prepared otherwise.* --preparation released"):
      prepare(folder)


def test_streams_of_different_length_are_named(tmp_path):
  folder = manual_dir(tmp_path, ROWS, folders=("features", "features_aware"))
  write_features(folder / "features_aware", "d.mp4", feature=feature("x", windows=4))
  with pytest.raises(UserError, match=r"d \(line 5\) have different numbers of windows"):
    prepare(folder)


def test_damaged_features_are_named_and_a_corrected_folder_builds(tmp_path):
  folder = manual_dir(tmp_path, ROWS)
  path = folder / "features/d.npz"
  whole = path.read_bytes()
  bad = FeatureFile(np.full((3, DIM), np.nan, np.float32), 18, 25.0, 1, "random:0")
  np.savez(path, **bad._asdict())
  with pytest.raises(UserError, match=r"d\.npz holds features that are not finite"):
    prepare(folder)
  path.write_bytes(whole[:300])
  with pytest.raises(UserError, match=r"d\.npz is no complete feature file"):
    prepare(folder)
  path.write_bytes(whole)
  assert prepare(folder).info.splits["validation"].num_examples == 2


def test_a_changed_table_or_feature_file_is_built_again(tmp_path):
  others = ["b.mp4,good bye,test", "c.mp4,good day,val"]
  folder = manual_dir(tmp_path, ["a.mp4,hello there,train", *others])

  def prepared():
    return build.prepare("video_folder", None, tmp_path / "data", folder)

  assert prepared()[1] and not prepared()[1]
  (folder / "captions.csv").write_text(
    "\n".join(["video,sentence,split", "a.mp4,hello theme,train", *others])
  )
  builder, built_now = prepared()
  assert built_now
  assert examples(builder, "train")["a"]["text"].decode() == "hello theme"
  write_features(folder / "features", "a.mp4", num_frames=17)
  assert prepared()[1] and not prepared()[1]


def test_runs_do_not_resume_on_other_captions_or_features(tmp_path):
  others = ["b.mp4,good bye,test", "c.mp4,good day,val"]
  folder = manual_dir(tmp_path, ["a.mp4,hello there,train", *others])
  fingerprints = []

  def rebuild():
    prepare(folder)
    fingerprints.append(fingerprint("video_folder/default", folder / "tfds"))

  rebuild()
  manual_dir(tmp_path, ["a.mp4,hello theme,train", *others])
  rebuild()
  write_features(folder / "features", "a.mp4", feature=feature("other"))
  rebuild()
  write_features(folder / "features", "a.mp4", feature=feature("a.mp4"))
  rebuild()
  assert len(set(fingerprints)) == 3 and fingerprints[1] == fingerprints[3]


def test_sentences_of_train_in_the_other_splits_are_counted(tmp_path, capsys):
  lines = ["a.mp4,One &amp; two.,train", "b.mp4,Three.,train", "c.mp4,ONE & two.,val"]
  lines += ["d.mp4,three.,test", "e.mp4,three.,test", "f.mp4,Four,test"]
  builder = prepare(manual_dir(tmp_path, lines))
  assert "holds 2 of the sentences" in capsys.readouterr().err
  assert "holds 2 of the sentences" in builder.info.description
  (train,), (test,) = (
    {example["sentence_id"] for name, example in examples(builder, split).items() if name in "bde"}
    for split in ("train", "test")
  )
  assert train == test


def test_without_shared_sentences_there_is_no_warning(tmp_path, capsys):
  prepare(manual_dir(tmp_path, ROWS))
  assert "sentences" not in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["train", "validation", "test"])
def test_a_split_without_rows_is_named(tmp_path, missing):
  splits = [split for split in ("train", "validation", "test") if split != missing]
  lines = [f"{split}.mp4,{split},{split}" for split in splits]
  folder = manual_dir(tmp_path, lines)
  with pytest.raises(UserError, match=f"no rows for {missing}, .*video_folder/hash_split, or name"):
    prepare(folder)
  assert [*prepare(folder, splits=tuple(splits)).info.splits] == splits
  (folder / f"features/{splits[0]}.npz").unlink()  # the other one's features are enough for it
  builder = prepare(folder, splits=(splits[1],), feature_dtype="float32")
  (example,) = examples(builder, splits[1]).values()
  np.testing.assert_array_equal(example["agnostic"], feature(f"{splits[1]}.mp4"))


def test_hash_split_does_not_tell_spellings_apart(tmp_path):
  lines = [f"{i}.mp4,{'SENTENCE' if i < 50 else 'sentence'}  {i % 50}" for i in range(100)]
  path = manual_dir(tmp_path, lines, header="video,sentence") / "captions.csv"
  splits = captions.by_hash(captions.read(path)[0])
  assert captions.count_leaks(splits) == 0 and len(splits["test"]) % 2 == 0


def test_clips_of_one_video_are_called_as_the_table_says(tmp_path):
  lines = ["a.mp4,x.0,0,3,One,train", "a.mp4,,3,7.5,Two,val", "b.1,,,,Three,test"]
  header = "video,name,start,end,sentence,split"
  (tmp_path / "captions.csv").write_text("\n".join([header, *lines]))
  parts = {"x.0": "a.mp4 0.0 3.0", "a_3-7.5": "a.mp4 3.0 7.5", "b.1": "b.1 0.0 inf"}
  for name, part in parts.items():
    content = FeatureFile(feature(name), 18, 25.0, 1, "random:0", part)
    feature_files.write(feature_files.path_of(tmp_path / "features", name), content)
  builder = prepare(tmp_path)
  splits = ("train", "validation", "test")
  assert [name for split in splits for name in examples(builder, split)] == list(parts)
  # Other times than the features are of.
  (tmp_path / "captions.csv").write_text("\n".join([header, *lines]).replace(",0,3,", ",0,2.5,"))
  words = r"x.0.npz .line 2. was made of another part .*'a.mp4 0.0 3.0'. than .*'a.mp4 0.0 2.5'"
  with pytest.raises(UserError, match=words):
    prepare(tmp_path)


def test_the_list_of_a_corpus_is_a_table_of_videos(tmp_path):
  """What `list_clips` writes is what `video_folder` reads, ids and sentences included."""
  rows = [clip_table.Row(0, "raw/v.mp4", f"{split}/{i}", i, i + 1.5, f"No. {i}", split, "5")
          for i, split in enumerate(("train", "validation", "test"), 1)]  # fmt: skip
  clip_table.write(tmp_path / "captions.csv", rows)
  for row in rows:
    write_features(tmp_path / "features", row.name)
  (example,) = prepare(tmp_path).as_data_source("train")
  assert [example[key] for key in ("video_id", "text", "signer")] == [b"train/1", b"No. 1", b"5"]


def test_plain_arrays_are_features_too(tmp_path):
  folder = manual_dir(tmp_path, ROWS)
  for name in ("a", "sub/b", "c-1.5", "d"):
    (folder / f"features/{name}.npz").unlink()
    np.save(folder / f"features/{name}.npy", feature(name))
  builder = prepare(folder)
  (example,) = examples(builder, "train").values()
  np.testing.assert_array_equal(example["agnostic"], feature("a").astype(np.float16))
  assert (example["num_frames"], example["fps"]) == (3 + 15, 0)
  write_features(folder / "features", "a.mp4")
  with pytest.raises(UserError, match="features holds a.npz and a.npy for one clip"):
    prepare(folder)


def test_files_that_no_row_names_are_counted(tmp_path, capsys):
  folder = manual_dir(tmp_path, ROWS)
  write_features(folder / "features", "unknown.mp4")
  for name in ("d.txt", ".hidden", "old/a.npz"):
    (folder / "features" / name).parent.mkdir(exist_ok=True)
    (folder / "features" / name).write_text("x")
  prepare(folder)
  words = f"note: left out: 2 .npz, 1 .txt, 1 hidden file in {folder}/features, which no clip names"
  assert words in capsys.readouterr().err
