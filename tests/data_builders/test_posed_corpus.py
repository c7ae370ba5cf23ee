"""From files of poses to a data set that says of what pictures they are, and to training."""

import json
import pickle
import shutil

import numpy as np
import pytest

from data_builders import build, check
from data_builders.attachments import scaling
from sign_jax.data import pose
from sign_jax.data.source import RetrievalSplit
from sign_jax.errors import UserError
from tests.data_builders import trees

SIZE = (1280, 720)
STATED = scaling.Stated(SIZE)
NAME = "how2sign/features_pose"


def in_units(name):
  """Somebody's keypoints in parts of the picture, all of them sure."""
  rng, frames = np.random.default_rng(trees.number(name)), trees.num_frames(name)
  places = rng.uniform(0.1, 0.9, (133, 2)) + rng.uniform(-0.02, 0.02, (frames, 133, 2))
  return np.concatenate([places, np.full((*places.shape[:2], 1), 0.9)], axis=-1)


def two_people(name):
  """The same beside somebody less sure, as rtmlib has them; the frames' order of them changes."""
  first = in_units(name)
  second = first - [[[0, 0, 0.5]]]
  second[..., :2] = second[..., :2] * 0.1 + 0.85
  order = np.arange(len(first)) % 2
  both = np.where(order[:, None, None, None], np.stack([first, second], 1),
                  np.stack([second, first], 1))  # fmt: skip
  return {"keypoints": list(both[..., :2]), "scores": list(both[..., 2])}


@pytest.fixture(scope="module")
def units(tmp_path_factory):
  """A corpus with poses in parts of the picture; one clip of test shows two people."""
  root = tmp_path_factory.mktemp("units")
  names = trees.how2sign(root)
  for split, members in names.items():
    for i, name in enumerate(members):
      content = two_people(name) if (split, i) == ("test", 3) else {"keypoints": in_units(name)}
      trees.dump(root / "pose" / trees.SPLITS[split] / f"{name}.pkl", content)
  return root


def run(*arguments):
  build.main([NAME, *map(str, arguments)])


def test_the_builder_asks_for_the_size_and_scales_by_it(units, tmp_path, capsys):
  where = ("--data_dir", tmp_path, "--manual_dir", units)
  with pytest.raises(SystemExit) as ended:
    run(*where)
  assert ended.value.code == 1
  said = capsys.readouterr().err
  assert "no pixels: state the size" in said and "--pose_size WIDTHxHEIGHT" in said
  run(*where, "--pose_size", "1280x720")
  said = capsys.readouterr().out
  several = "in 1 of 24 clips: one was followed through each clip"
  assert "how2sign/features_pose" in said and several in said
  run(*where, "--pose_size", "1280x720")
  said = capsys.readouterr().out
  assert "already built" in said and several in said
  (folder,) = (tmp_path / NAME).glob("[0-9]*")
  noted = json.loads((folder / "metadata.json").read_text())["pose"]
  assert noted["image_size"] == [1280, 720]
  assert noted["counts"]["clips"] == 24 and noted["counts"]["several_clips"] == 1

  split = RetrievalSplit(NAME, "test", tmp_path, poses=pose.Settings((0, 0), 8, 64))
  assert split.poses.image_size == SIZE
  for video, name in enumerate(split.video_ids):
    expected = (in_units(name) * [*SIZE, 1]).astype(np.float32)
    np.testing.assert_allclose(split._read(video)["pose"], expected, rtol=1e-5)
  with pytest.raises(UserError, match="states that its poses come from pictures of 1280 x 720, and "
                     "data.image_size is 256 x 256: set --config.data.image_size"):  # fmt: skip
    RetrievalSplit(NAME, "test", tmp_path, poses=pose.Settings((256, 256), 8, 64))


def test_a_refused_build_leaves_the_data_set_that_is_there(units, tmp_path, capsys):
  build.prepare(NAME, None, tmp_path, units, poses=STATED)
  (folder,) = (tmp_path / NAME).glob("[0-9]*")
  before = {path.name: path.read_bytes() for path in folder.iterdir()}
  with pytest.raises(UserError, match="state the size"):
    build.prepare(NAME, None, tmp_path, units)
  assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
  assert build.prepare(NAME, None, tmp_path, units, poses=STATED)[1] is False
  # Another statement, other pixels.
  assert build.prepare(NAME, None, tmp_path, units, poses=scaling.Stated((640, 360)))[1]


def test_all_clips_are_counted(units, tmp_path):
  builder, _ = build.prepare(NAME, None, tmp_path, units, poses=STATED)
  notes = json.loads((builder.data_path / "metadata.json").read_text())
  assert notes["pose"]["counts"]["clips"] == 24


def test_pixels_of_no_stated_size_are_of_the_released_pictures(tmp_path, capsys):
  names = trees.how2sign(tmp_path)
  trees.write_poses(tmp_path, names)
  for _ in range(2):  # built, and already built
    run("--data_dir", tmp_path / "tfds", "--manual_dir", tmp_path)
    said = capsys.readouterr().out
    assert "taken as 256 x 256, those of the corpus's released poses; state another" in said
    assert "people" not in said
  for size in ((0, 0), (256, 256)):
    settings = pose.Settings(size, 8, 64)
    split = RetrievalSplit(NAME, "test", tmp_path / "tfds", poses=settings)
    assert split.poses == settings._replace(image_size=(256, 256))
  with pytest.raises(UserError, match="pictures of 256 x 256, and data.image_size is 1280 x 720"):
    RetrievalSplit(NAME, "test", tmp_path / "tfds", poses=pose.Settings(SIZE, 8, 64))


@pytest.fixture
def whole_pictures(tmp_path):
  """A corpus with poses in pixels of one's own whole pictures, which the files do not tell."""
  for members in trees.how2sign(tmp_path).values():
    for name in members:
      content = {"keypoints": in_units(name) * [*SIZE, 1]}
      trees.dump(tmp_path / "pose" / f"{name}.pkl", content)
  return tmp_path


def test_poses_of_whole_pictures_are_not_taken_for_released_ones(whole_pictures, capsys):
  where = ("--data_dir", whole_pictures / "tfds", "--manual_dir", whole_pictures)
  with pytest.raises(SystemExit):
    run(*where)
  said = capsys.readouterr().err
  assert "not of pictures of 256 x 256" in said and "--pose_size WIDTHxHEIGHT" in said
  assert f"{whole_pictures}/pose/" in said
  found = check.check("how2sign", whole_pictures)
  errors = [finding.text for finding in found.findings if finding.level == "error"]
  assert any("not of pictures of 256 x 256" in text for text in errors)
  run(*where, "--pose_size", "1280x720")
  assert "released" not in capsys.readouterr().out
  assert RetrievalSplit(NAME, "test", whole_pictures / "tfds", poses=pose.Settings((0, 0), 8, 64))
  with pytest.raises(UserError, match="pictures of 1280 x 720, and data.image_size is 256 x 256"):
    RetrievalSplit(NAME, "test", whole_pictures / "tfds", poses=pose.Settings((256, 256), 8, 64))


def test_poses_of_small_pictures_are_not_taken_for_large_ones(tmp_path):
  """CSL-Daily's pictures are 512 x 512, and somebody's poses of 240 x 240."""
  for members in trees.csl_daily(tmp_path).values():
    for name in members:
      content = {"keypoints": in_units(name) * [240, 240, 1]}
      trees.dump(tmp_path / "pose" / f"{name}.pkl", content)
  name = "csl_daily/features_pose"
  with pytest.raises(UserError, match="hardly of pictures of 512 x 512.*upper left quarter"):
    build.prepare(name, None, tmp_path / "tfds", tmp_path)
  stated = scaling.Stated((240, 240))
  assert build.prepare(name, None, tmp_path / "tfds", tmp_path, poses=stated)[1]


def test_nothing_is_stated_of_poses_where_there_are_none(units, tmp_path):
  for name in ("how2sign", "how2sign/video"):
    with pytest.raises(UserError, match="holds no poses, leave --pose_size and --pose_range out"):
      build.prepare(name, None, tmp_path, units, poses=STATED)
  with pytest.raises(UserError, match="signing_sim reads no poses"):
    build.prepare("signing_sim/tiny", None, tmp_path, poses=STATED)
  with pytest.raises(SystemExit):
    run("--data_dir", tmp_path, "--manual_dir", units, "--pose_size", "large")


def test_the_check_takes_what_the_builder_takes(units, tmp_path, capsys):
  found = check.check("how2sign", units)
  errors = [finding.text for finding in found.findings if finding.level == "error"]
  assert any("state the size" in text for text in errors)
  found = check.check("how2sign", units, None, STATED)
  texts = [finding.text for finding in found.findings]
  assert any("in 1 of 24 clips: one was followed" in text for text in texts)
  assert not any("pose" in text for text in texts if text in errors)


def test_a_set_of_both_kinds_names_a_file_of_each(units, tmp_path):
  root = tmp_path / "mixed"
  shutil.copytree(units, root)
  path = next((root / "pose/test").glob("*.pkl"))
  name = path.stem
  path.write_bytes(pickle.dumps({"keypoints": in_units(name) * [*SIZE, 1]}))
  with pytest.raises(UserError, match="write all files in pixels") as caught:
    build.prepare(NAME, None, tmp_path, root, poses=STATED)
  assert str(path) in str(caught.value)
