"""Features of encoders of any name become streams of the data set."""

import json

import numpy as np
import pytest

from data_builders import build, check
from sign_jax.data import description, digest, feature_files, source
from sign_jax.errors import UserError
from tests.data_builders import test_video_folder as own
from tests.data_builders import trees
from tests.data_builders.checked import errors, found, items

NAMES = ("a.mp4", "sub/b.mp4", "c-1.5.mp4", "d.mp4")


def own_videos(root, *folders, **widths):
  """A folder of one's own videos with features in these folders."""
  own.manual_dir(root, own.ROWS, folders=())
  for number, folder in enumerate(folders, 1):
    for name in NAMES:
      feature = number * own.feature(name, dim=widths.get(folder, own.DIM))
      own.write_features(root / folder, name, feature=feature, weights=folder)
  return root


def corpus(root, *names):
  """How2Sign with features of encoders of these names, and no others; {split: names of clips}."""
  clips = trees.how2sign(root)
  (root / "features/agnostic").rename(root / "unused")
  for number, name in enumerate(names, 1):
    trees.write_features(root, clips, name, sign=number)
  return clips


def test_own_videos_of_other_encoders_alone(tmp_path):
  folder = own_videos(tmp_path, "features_kinetics", "features_bobsl", features_bobsl=5)
  builder = own.prepare(folder)
  assert source.stream_names("video_folder", folder / "tfds") == ("bobsl", "kinetics")
  (example,) = own.examples(builder, "train").values()
  kinetics, bobsl = own.feature("a.mp4"), 2 * own.feature("a.mp4", dim=5)
  np.testing.assert_array_equal(example["kinetics"], kinetics.astype(np.float16), strict=True)
  np.testing.assert_array_equal(example["bobsl"], bobsl.astype(np.float16), strict=True)
  assert (example["num_frames"], example["fps"]) == (18, 25.0)
  noted = {"weights": "features_bobsl", "stride": 1, "preparation": "exact"}
  assert builder.info.metadata["bobsl"] == noted


def test_own_videos_of_a_third_encoder_beside_the_two(tmp_path):
  folder = own_videos(tmp_path, "features", "features_aware", "features_x3d")
  own.prepare(folder)
  assert source.stream_names("video_folder", folder / "tfds") == ("agnostic", "aware", "x3d")


def test_a_further_encoder_is_built_in_when_it_comes(tmp_path):
  folder = own_videos(tmp_path, "features")
  assert build.prepare("video_folder", None, folder / "tfds", folder)[1]
  own_videos(tmp_path, "features", "features_x3d")
  assert build.prepare("video_folder", None, folder / "tfds", folder)[1]
  assert source.stream_names("video_folder", folder / "tfds") == ("agnostic", "x3d")
  assert not build.prepare("video_folder", None, folder / "tfds", folder)[1]


@pytest.mark.parametrize(("folder", "words"), [
  ("features_Kinetics", "features_Kinetics: 'Kinetics' cannot be the name of a feature stream"),
  ("features_x-3d", "'x-3d' cannot be the name"), ("features_", "'' cannot be the name"),
  ("features_é\x1b[2J", r"cannot be the name"),
  ("features_text", "features_text: 'text' has another meaning"),
  ("features_sum", "'sum' has another meaning"), ("features_frames", "'frames' has another"),
  ("features_agnostic", "features_agnostic: the features of the stream agnostic lie in "),
])  # fmt: skip
def test_wrong_names_of_folders_are_one_sentence(tmp_path, folder, words):
  with pytest.raises(UserError, match=words):
    own.prepare(own_videos(tmp_path, "features", folder))


def test_other_folders_are_no_streams(tmp_path):
  folder = own_videos(tmp_path, "features", ".features_hidden")
  (folder / "features_Old/sub").mkdir(parents=True)
  (folder / "features_Old/sub/notes.txt").write_text("")
  (folder / "features_file").write_text("")
  (folder / "features_gone").symlink_to(folder / "nowhere")
  own.prepare(folder)
  assert source.stream_names("video_folder", folder / "tfds") == ("agnostic",)


def test_own_videos_without_features_are_one_sentence(tmp_path):
  with pytest.raises(UserError, match="features has no features for a .line 2., sub/b .line 3."):
    own.prepare(own_videos(tmp_path))
  with pytest.raises(UserError, match="features_x3d has no features for a .*move its folder"):
    (tmp_path / "features_x3d").mkdir()
    own.prepare(tmp_path)


def test_a_stream_that_lacks_a_clip_is_named(tmp_path):
  folder = own_videos(tmp_path, "features_kinetics", "features_bobsl")
  feature_files.path_of(folder / "features_bobsl", "d").unlink()
  with pytest.raises(UserError, match=r"features_bobsl has no features for d \(line 5\)"):
    own.prepare(folder)


def test_streams_of_different_lengths_are_named(tmp_path):
  folder = own_videos(tmp_path, "features_kinetics", "features_bobsl")
  feature = own.feature("x", windows=4)
  own.write_features(folder / "features_bobsl", "d.mp4", feature=feature, weights="features_bobsl")
  words = r"d \(line 5\) have different numbers of windows \({'bobsl': 4, 'kinetics': 3}\), "
  with pytest.raises(UserError, match=words):
    own.prepare(folder)


@pytest.mark.parametrize("names", [("kinetics", "bobsl"), ("zebra", "aware", "agnostic")])
def test_a_corpus_of_any_encoders(tmp_path, capsys, names):
  clips = corpus(tmp_path, *names)
  build.main(["how2sign", "--manual_dir", str(tmp_path), "--data_dir", str(tmp_path / "tfds")])
  ordered = {2: ("bobsl", "kinetics"), 3: ("agnostic", "aware", "zebra")}[len(names)]
  assert f"feature streams: {', '.join(ordered)}" in capsys.readouterr().out
  assert source.stream_names("how2sign", tmp_path / "tfds") == ordered
  split = source.RetrievalSplit("how2sign", "test", tmp_path / "tfds")
  for video, name in enumerate(split.video_ids):
    for number, stream in enumerate(names, 1):
      expected = (number * trees.feature(name)).astype(np.float16)
      np.testing.assert_array_equal(split.features(video)[stream], expected.astype(np.float32))
  noted = json.loads((tmp_path / "tfds/how2sign/features/1.0.0/metadata.json").read_text())
  assert [key for key in noted if key in names] == list(ordered)
  report = check.check("how2sign", tmp_path)
  assert not report.counts()["error"] and tuple(report.files) == ordered
  everywhere = {"found": len(clips["test"]), "missing": 0, "unreadable": 0}
  assert report.files[names[0]]["test"] == everywhere
  check.main(["--records", "how2sign/features", "--data_dir", str(tmp_path / "tfds")])
  assert "0 errors" in capsys.readouterr().out.splitlines()[-1]


def test_features_beside_a_release_and_further_ones(tmp_path):
  clips = trees.how2sign(tmp_path)
  (tmp_path / "sign_features").mkdir()
  (tmp_path / "features/agnostic").rename(tmp_path / "sign_features/h2s_domain_agnostic")
  trees.write_features(tmp_path, clips, "bobsl", sign=2)
  trees.write_poses(tmp_path, clips)
  build.prepare("how2sign", "features_pose", tmp_path / "tfds", tmp_path)
  assert source.stream_names("how2sign", tmp_path / "tfds") == ("agnostic", "bobsl")


def test_pictures_beside_the_features_are_no_stream(tmp_path):
  clips = trees.phoenix14t(tmp_path, with_videos=True)
  trees.write_features(tmp_path, clips, "bobsl")
  build.prepare("phoenix14t", None, tmp_path / "tfds", tmp_path)
  assert source.stream_names("phoenix14t", tmp_path / "tfds") == ("agnostic", "bobsl")
  assert tuple(check.check("phoenix14t", tmp_path).files) == ("agnostic", "bobsl", "video")


@pytest.mark.parametrize(("name", "words"), [
  ("BOBSL", "features/BOBSL: 'BOBSL' cannot be the name of a feature stream"),
  ("order", "features/order: 'order' has another meaning"),
  ("left", "'left' has another meaning"), ("dev", "'dev' has another meaning"),
])  # fmt: skip
def test_wrong_names_in_a_corpus_are_one_sentence(tmp_path, name, words):
  clips = corpus(tmp_path, "kinetics", name)
  trees.write_poses(tmp_path, clips)
  with pytest.raises(UserError, match=words):
    build.prepare("how2sign", None, tmp_path / "tfds", tmp_path)
  assert build.prepare("how2sign", "pose", tmp_path / "tfds", tmp_path)[1]  # reads no features
  assert any(f"'{name}'" in text for text in errors(found("how2sign", tmp_path)))
  assert tuple(check.check("how2sign", tmp_path).files) == ("kinetics", "pose")


def test_a_clip_that_lacks_a_stream_can_be_left_out(tmp_path):
  clips = corpus(tmp_path, "kinetics", "bobsl")
  name = clips["train"][1]
  (tmp_path / f"features/bobsl/train/{name}.pkl").unlink()
  with pytest.raises(UserError, match=rf"1 of 24 videos lack a file .*{name} \(bobsl\)"):
    build.prepare("how2sign", None, tmp_path / "tfds", tmp_path)
  build.prepare("how2sign", None, tmp_path / "tfds", tmp_path, on_error="skip")
  split = source.RetrievalSplit("how2sign", "train", tmp_path / "tfds", streams=["kinetics"])
  assert name not in split.video_ids and split.num_videos == 7
  (item,) = items(found("how2sign", tmp_path), "error", "no file of bobsl for 1 video")
  assert item.name == name


def test_a_clip_with_streams_of_different_lengths_is_an_error_of_the_check(tmp_path):
  clips = corpus(tmp_path, "kinetics", "bobsl")
  name = clips["validation"][0]
  windows = len(trees.feature(name))
  content = {"name": name, "feature": trees.feature(name, windows + 1)}
  trees.dump(tmp_path / f"features/kinetics/dev/{name}.pkl", content)
  words = "the streams have different numbers of windows"
  (item,) = items(found("how2sign", tmp_path), "error", words)
  assert item.reason == f"bobsl {windows}, kinetics {windows + 1}"
  with pytest.raises(UserError, match=f"{name} have different numbers of windows"):
    build.prepare("how2sign", None, tmp_path / "tfds", tmp_path)


@pytest.mark.parametrize(("folders", "content"), [
  (("features",), "c8c22fa071b4e5b3478d9d4cf038cf8bf3e6e3e468783b61b173eb873e5ceae9"),
  (("features", "features_aware"),
   "6cbf23f87624bd01d3e7758e56b3140f3fadbfc6631726fe7e4d8415597627a0"),
])  # fmt: skip
def test_records_of_the_two_streams_are_what_they_were(tmp_path, folders, content):
  """The digests are those of data sets that were built when there were no other streams."""
  builder = own.prepare(own.manual_dir(tmp_path, own.ROWS, folders=folders))
  assert digest.compute(description.read(builder.data_dir)) == content
  streams = ["agnostic", "aware"][: len(folders)]
  noted = {"weights": "random:0", "stride": 1, "preparation": "exact"}
  path = tmp_path / "tfds/video_folder/default/1.0.0/metadata.json"
  assert path.read_text() == json.dumps(dict.fromkeys(streams, noted))
