"""`phoenix14`: the release's tables, pictures, keypoints and flow; what is damaged in them."""

import json
import re
import shutil

import numpy as np
import pytest

from data_builders import build, check, flow
from data_builders.attachments import flow_pictures
from data_builders.phoenix14 import annotations
from sign_jax.errors import UserError
from sign_jax.video import frames
from tests.data_builders import checked, damage, trees
from tests.data_builders.checked import items

FIRST = trees.phoenix14_names("test")[0]
TABLE = "annotations/manual/test.corpus.csv"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
  root = tmp_path_factory.mktemp("pristine")
  trees.phoenix14(root / "phoenix14")
  return root


@pytest.fixture
def tree(pristine, tmp_path):
  return shutil.copytree(pristine / "phoenix14", tmp_path / "tree")


def examples(root, config=None, split="test"):
  builder, _ = build.prepare("phoenix14", config, root.parent / "tfds", root)
  found = {example["video_id"].decode(): example for example in builder.as_data_source(split)}
  return found, builder.info.metadata


@pytest.mark.parametrize("split", trees.SPLITS)
def test_examples_are_what_the_release_says(pristine, split):
  found, metadata = examples(pristine / "phoenix14", split=split)
  names = trees.phoenix14_names(split)
  assert list(found) == names  # in their order
  for index, name in enumerate(names):
    glosses = " ".join(trees.PHOENIX14_GLOSSES[index].split())
    expected = {
        "video_id": name, "sentence_id": name, "text": glosses, "sentence": glosses,
        "translation": "", "language": "de", "signer": f"Signer0{1 + index}", "glosses": glosses,
        "video": f"features/fullFrame-210x260px/{trees.SPLITS[split]}/{name}/1",
        "flow": "", "start_frame": 0, "end_frame": 24, "num_frames": 24, "fps": 25,
    }  # fmt: skip
    decoded = {key: x.decode() if isinstance(x, bytes) else x for key, x in found[name].items()}
    assert decoded == expected
  assert metadata["protocol"] == "multisigner" and metadata["flow"] == {}


def test_the_pictures_are_read_by_number(pristine):
  found, _ = examples(pristine / "phoenix14")
  video = pristine / "phoenix14" / found[FIRST]["video"].decode()
  assert [frame[0, 0, 0] for frame in frames.read_frames(video)] == list(range(24))


def test_keypoints_and_flow_where_they_are(tree):
  for split, names in {x: trees.phoenix14_names(x) for x in trees.SPLITS}.items():
    for name in names:
      content = {"keypoints": trees.pose(name, 24, (210, 260)), "img_list": ["x"] * 24}
      trees.dump(tree / "pose" / trees.SPLITS[split] / f"{name}.pkl", content)
  folder = trees.phoenix14_flow(tree, "test", FIRST)
  settings = flow_pictures.Settings("uvm", 20.0, None, "5.0.0")
  (tree / "flow/flow.json").write_text(json.dumps(settings._asdict()))
  found, metadata = examples(tree)
  fields = {name: example["flow"].decode() for name, example in found.items()}
  assert tree / fields.pop(FIRST) == folder and set(fields.values()) == {""}
  np.testing.assert_array_equal(found[FIRST]["pose"], trees.pose(FIRST, 24, (210, 260)))
  assert metadata["pose"]["image_size"] == [210, 260]
  assert metadata["flow"] == {**settings._asdict(), "counts": {"clips": 1}}


def test_videos_without_flow_are_counted(tree, capsys):
  trees.phoenix14_flow(tree, "test", FIRST)
  examples(tree)
  assert "note: 11 of 12 videos have no optical flow" in capsys.readouterr().err
  build.prepare("phoenix14", "video", tree.parent / "tfds", tree)
  assert "optical flow" not in capsys.readouterr().err


def test_flow_of_the_command_is_found(tree):
  pytest.importorskip("cv2")
  flow.main([f"--videos={tree}", f"--out={tree / 'flow'}", "--range=2"])
  found, metadata = examples(tree)
  for example in found.values():
    assert flow_pictures.count(tree / example["flow"].decode()) == 24
  assert metadata["flow"]["range"] == 2 and metadata["flow"]["counts"] == {"clips": 12}


def test_a_set_is_built_again_when_flow_comes(tree):
  examples(tree)
  trees.phoenix14_flow(tree, "test", FIRST)
  assert examples(tree)[0][FIRST]["flow"]


def test_without_glosses_in_its_table_a_corpus_of_sentences_is_not_continuous(tmp_path):
  root = tmp_path / "tree"
  trees.phoenix14t(root, with_videos=True)
  for path in (root / "annotations/manual").iterdir():
    path.unlink()
  with pytest.raises(UserError, match="tagesschau-1 has no glosses, write them"):
    build.prepare("phoenix14t", "continuous", tmp_path / "tfds", root)


@pytest.mark.parametrize(("corpus", "glosses"), [
    ("phoenix14t", "HEUTE REGEN NORD0"), ("csl_daily", "他 今年 210"),
])
def test_corpora_of_sentences_have_the_config_too(tmp_path, corpus, glosses):
  names = getattr(trees, corpus)(tmp_path / "tree", with_videos=True)
  builder, _ = build.prepare(corpus, "continuous", tmp_path / "tfds", tmp_path / "tree")
  found = {x["video_id"].decode(): x for x in builder.as_data_source("test")}
  first = found[names["test"][0]]
  assert first["glosses"].decode() == glosses and first["flow"] == b"" and "pose" not in first
  assert first["num_frames"] == first["end_frame"] == 3  # of the pictures, not of the pickle
  assert (tmp_path / "tree" / first["video"].decode()).is_dir()


def line(number, **changes):
  """A damage: one line of the table of test with other values."""

  def change(root):
    lines = (root / TABLE).read_text().splitlines()
    columns = trees.PHOENIX14_HEADER.split("|")
    row = dict(zip(columns, lines[number].split("|"), strict=True)) | changes
    lines[number] = "|".join(row.values())
    (root / TABLE).write_text("\n".join(lines))

  return change


def lose_pictures(root):
  shutil.rmtree(root / "features/fullFrame-210x260px/test" / FIRST)


def short_flow(root):
  trees.phoenix14_flow(root, "test", FIRST, 23)


def short_pose(root):
  for split in trees.SPLITS:
    for name in trees.phoenix14_names(split):
      content = {"keypoints": trees.pose(name, 24 - (name == FIRST), (210, 260))}
      trees.dump(root / "pose" / trees.SPLITS[split] / f"{name}.pkl", content)


DAMAGES = [
    (line(1, annotation=" "), "test.corpus.csv, line 2 has no glosses"),
    (line(1, annotation="REGEN|WIND"), "line 2 has too many or too few values"),
    (line(1, folder="../secret/*.png"), "'..' is no name of a video"),
    (line(1, folder="/etc/*.png"), "'' is no name of a video"),
    (line(1, folder=3000 * "a/" + "*.png"), "is no folder of a video"),
    (lose_pictures, "lack a file in .*default-1 .video"),
    (short_flow, "default-1 has 23 pictures of flow, and 24 frames"),
    (short_pose, "default-1 has 23 frames of pose, and 24 frames"),
]


@pytest.mark.parametrize(("change", "words"), DAMAGES)
def test_damaged_videos_are_named_or_left_out(pristine, tmp_path, change, words):
  damage.check(pristine, tmp_path, "phoenix14", None, change, words)


def test_a_video_listed_twice(pristine, tmp_path):
  again = line(2, id=FIRST)
  damage.check(pristine, tmp_path, "phoenix14", None, again, "listed a second time")


def test_another_header(tree):
  trees.write_lines(tree / TABLE, ["id|folder|signer", "a|b|c"])
  with pytest.raises(UserError, match="annotation"):
    annotations.read(tree)


def test_the_other_release_is_refused(tmp_path):
  root = tmp_path / "phoenix-2014-signerindependent-SI5"
  trees.phoenix14(root, 1)
  with pytest.raises(UserError, match="SI5.*pass the folder phoenix-2014-multisigner"):
    annotations.read(root)
  root = root.rename(tmp_path / "renamed")
  for split in trees.SPLITS.values():
    path = root / f"annotations/manual/{split}.corpus.csv"
    path.rename(path.with_name(f"{split}.SI5.corpus.csv"))
  with pytest.raises(UserError, match="is the signer-independent release"):
    annotations.read(root)


def test_the_folder_around_both_releases(tmp_path):
  trees.phoenix14(tmp_path / annotations.RELEASE, 1)
  with pytest.raises(UserError, match="pass its folder phoenix-2014-multisigner"):
    annotations.read(tmp_path)


def found(root):
  return checked.found("phoenix14", root, None)


def test_nothing_is_damaged_in_a_good_tree(pristine):
  findings = found(pristine / "phoenix14")
  assert not [text for level, text in findings if level == "error"]
  levels = [text for level, text in findings if level == "warning"]
  assert len(levels) == 3 and all("the published one" in text for text in levels)


def test_check_names_what_is_wrong(tree):
  lose_pictures(tree)
  second, third, fourth = trees.phoenix14_names("test")[1:]
  line(4, annotation="  ")(tree)
  frames_of = tree / "features/fullFrame-210x260px/test"
  (frames_of / second / "1" / f"{second.rpartition('_')[0]}.avi_pid0_fn000007-0.png").unlink()
  line(3, annotation="SCHNEE SCHNEE NEU NEU NEU")(tree)  # 5 and 3 between equal ones
  trees.phoenix14_flow(tree, "test", second, 22)
  findings = found(tree)
  (item,) = items(findings, "error", "test: 1 of 4 entries of the annotations cannot be used")
  assert "line 5 has no glosses" in item.reason and item.name == fourth
  (item,) = items(findings, "warning", "test: there is no file of video for 1 video")
  assert item.name == FIRST
  (item,) = items(findings, "warning", "pictures are missing")
  assert item == (second, "of the numbers 0 to 23, 1 is missing: 7")
  (item,) = items(findings, "warning", "fewer steps of 4 frames than glosses need")
  assert item == (third, "24 frames make 6 steps, and 5 glosses need 8")
  (item,) = items(findings, "note", "test: 1 of 8 glosses do not occur in train, and are signed 3")
  assert item == ("NEU", "3 times")
  (item,) = items(findings, "error", "flow has not a picture for each frame")
  assert item == (second, "22 pictures of flow, and 23 frames")


def test_the_command_prints_glosses(pristine, capsys):
  check.main(["phoenix14", "--manual_dir", str(pristine / "phoenix14")])
  out = capsys.readouterr().out
  row = next(x for x in out.splitlines() if re.match("glosses +signed", x))
  assert "not in train" in row
  assert "0 errors, 3 warnings" in out
