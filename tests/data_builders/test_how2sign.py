"""`how2sign`: names, times and protocols of a tree in the layout of the release."""

import numpy as np
import pytest

from data_builders import build
from data_builders.corpus.findings import Findings
from data_builders.how2sign import annotations, realigned
from sign_jax.errors import UserError
from tests.data_builders import trees

NAMES = {"train": 8, "validation": 8, "test": 8}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
  root = tmp_path_factory.mktemp("how2sign")
  names = trees.how2sign(root, with_videos=True)
  trees.write_features(root, names, "aware", sign=-1)
  trees.write_poses(root, names)
  return root


def prepare(root, config=None, **options):
  builder, _ = build.prepare("how2sign", config, root / "tfds", root, **options)
  return builder


def examples(builder, split):
  return {example["video_id"].decode(): example for example in builder.as_data_source(split)}


@pytest.mark.parametrize(
  ("config", "name_of"),
  [
    ("features", trees.cico_name),
    ("features_seds", lambda row: row["SENTENCE_NAME"]),
    ("features_csv", lambda row: row["SENTENCE_NAME"]),
  ],
)
def test_examples_are_what_the_release_says(tree, config, name_of):
  builder = prepare(tree, config)
  assert {split: info.num_examples for split, info in builder.info.splits.items()} == NAMES
  for split in trees.SPLITS:
    found = examples(builder, split)
    rows = {name_of(row): row for row in trees.how2sign_rows(split)}
    assert set(found) == set(rows)
    for name, row in rows.items():
      feature = trees.feature(trees.cico_name(row)).astype(np.float16)
      expected = {
        "video_id": name, "sentence_id": row["SENTENCE_ID"], "text": row["SENTENCE"],
        "sentence": row["SENTENCE"], "translation": "", "language": "en", "glosses": "",
        "signer": row["VIDEO_NAME"].split("-")[2], "num_frames": len(feature) + 15, "fps": 0,
        "agnostic": feature, "aware": -feature,
      }  # fmt: skip
      example = found[name]
      assert set(example) == set(expected)
      for field, value in expected.items():
        value = value.encode() if isinstance(value, str) else value
        np.testing.assert_array_equal(example[field], value, err_msg=field)
      assert example["agnostic"].dtype == np.float16


def test_captions_keep_their_quotation_marks(tree):
  texts = {clip.text for clip in annotations.read(tree, "csv")["train"]}
  assert '"Oh no, rain falls in the' in texts and 'falls in the north, 6" deep' in texts
  assert len(texts) == 4


def test_names_and_times_come_from_the_tables(tree):
  for protocol in annotations.PROTOCOLS:
    for split, members in annotations.read(tree, protocol).items():
      rows = trees.how2sign_rows(split)
      assert len(members) == len(rows)
      for clip, row in zip(
        sorted(members, key=lambda clip: (clip.signer, clip.sentence_id)), rows, strict=True
      ):
        assert set(clip.names) == {trees.cico_name(row), row["SENTENCE_NAME"]}
        is_cico = protocol == "cico"
        assert clip.video_id == (trees.cico_name(row) if is_cico else row["SENTENCE_NAME"])
        times = float(row["START_REALIGNED"]), float(row["END_REALIGNED"])
        assert (clip.start, clip.end) == times
        assert clip.video == f"raw_videos/{row['VIDEO_NAME']}.mp4"


def test_without_tables_the_pickles_alone_are_read(tmp_path):
  trees.how2sign(tmp_path)
  for path in tmp_path.glob("*.csv"):
    path.unlink()
  (clip, *_), _, _ = annotations.read(tmp_path).values()
  assert clip.names == ("-traId_x-5-rgb_front_clip1",)
  assert (clip.video, clip.start, clip.end, clip.signer) == ("", 0, 0, "5")
  assert prepare(tmp_path).info.splits["test"].num_examples == 8
  with pytest.raises(UserError, match="24 of 24 videos lack a file .*_clip1 .video."):
    prepare(tmp_path, "video")


def test_tables_are_found_where_the_sites_script_puts_them(tmp_path):
  trees.how2sign(tmp_path)
  for name in ("train", "val", "test"):
    path = tmp_path / f"sentence_level/{name}/text/en/raw_text/re_aligned"
    path.mkdir(parents=True)
    (tmp_path / f"how2sign_realigned_{name}.csv").rename(
      path / f"how2sign_realigned_{name}.csv"
    )
    video = tmp_path / f"video_level/{name}/rgb_front/raw_videos/-{name}Id_x-5-rgb_front.mp4"
    video.parent.mkdir(parents=True)
    video.write_bytes(b"")
  clips = annotations.read(tmp_path, "csv")["validation"]
  assert len(clips) == 8
  first = "video_level/val/rgb_front/raw_videos/-valId_x-5-rgb_front.mp4"
  assert {clip.video for clip in clips} == {first, "raw_videos/-valId_x-8-rgb_front.mp4"}


@pytest.mark.parametrize("protocol", annotations.PROTOCOLS)
def test_the_original_times_are_refused(tmp_path, protocol):
  trees.how2sign(tmp_path)
  header = trees.HOW2SIGN_HEADER.replace("_REALIGNED", "")
  trees.how2sign_table(tmp_path, "test", trees.how2sign_rows("test"), header)
  with pytest.raises(UserError, match="follow the speech .*19 points of R@1: get the re-aligned"):
    annotations.read(tmp_path, protocol)


def test_a_table_of_other_clips_is_refused(tmp_path):
  trees.how2sign(tmp_path)
  trees.how2sign_table(tmp_path, "test", trees.how2sign_rows("test")[1:])  # shifts the ranks
  with pytest.raises(UserError, match="line 4 of the re-aligned table .*get the released table"):
    annotations.read(tmp_path, "cico")
  findings = Findings("skip")
  clips = annotations.read(tmp_path, "cico", findings)["test"]
  # Sentence 0 was second of four: the ranks after it fall by one, and the last is unknown.
  assert len(findings.skips) == 2 and len(clips) == 6 and findings.entries["test"] == 8
  assert "does not list 1 videos" in findings.notes[0]


def test_a_damaged_start_takes_the_ranks_of_its_video_only(tmp_path):
  trees.how2sign(tmp_path)
  rows = trees.how2sign_rows("test")
  rows[2]["START_REALIGNED"] = "soon"
  trees.how2sign_table(tmp_path, "test", rows)
  findings = Findings("skip")
  clips = annotations.read(tmp_path, "csv", findings)["test"]
  assert [skip.name for skip in findings.skips] == [rows[2]["SENTENCE_NAME"]]
  assert {clip.signer: clip.other_names for clip in clips}["5"] == ()
  assert {clip.other_names for clip in clips if clip.signer == "8"} == {
    (trees.cico_name(row),) for row in rows[4:]
  }


@pytest.mark.parametrize("protocol", ["", "_seds", "_csv"])
def test_videos_are_named_with_their_frames(tree, protocol):
  found = examples(prepare(tree, f"video{protocol}"), "test")
  name_of = (lambda row: row["SENTENCE_NAME"]) if protocol else trees.cico_name
  for row in trees.how2sign_rows("test"):
    example = found[name_of(row)]
    assert example["video"].decode() == f"raw_videos/{row['VIDEO_NAME']}.mp4"
    start = 5 * (int(row["SENTENCE_ID"][-1]) ^ 1)  # 0.2 s at 25 frames per second
    assert (example["start_frame"], example["end_frame"]) == (start, start + 5)
    assert example["fps"] == 25 and "agnostic" not in example


def test_poses_keep_their_subpixels(tree):
  builder = prepare(tree, "features_pose")
  assert builder.info.features["pose"].np_dtype == np.float32
  for name, example in examples(builder, "validation").items():
    expected = trees.pose(name, trees.num_frames(name))
    np.testing.assert_array_equal(example["pose"], expected)
    np.testing.assert_array_equal(example["agnostic"], trees.feature(name).astype(np.float16))
  only = examples(prepare(tree, "pose"), "validation")
  assert "agnostic" not in next(iter(only.values()))


def test_a_changed_annotation_or_feature_builds_anew(tmp_path):
  names = trees.how2sign(tmp_path)

  def is_built_now():
    return build.prepare("how2sign", None, tmp_path / "tfds", tmp_path)[1]

  assert is_built_now() and not is_built_now()
  trees.dump(
    tmp_path / "features/agnostic/test" / f"{names['test'][0]}.pkl",
    {"feature": trees.feature("other", 7)},
  )
  assert is_built_now() and not is_built_now()
  rows = trees.how2sign_rows("test")
  for row in (rows[0], rows[4]):
    row["SENTENCE"] = "Something else."
  trees.how2sign_pickle(tmp_path, "test", rows)
  assert is_built_now() and not is_built_now()
  (tmp_path / "raw_videos").mkdir()  # not read for features
  assert not is_built_now()


@pytest.mark.parametrize("damage", ["malformed", "twice"])
def test_no_cico_names_where_ranks_are_uncertain(tmp_path, damage):
  trees.how2sign(tmp_path)
  path = realigned.find(tmp_path, "train")
  lines = path.read_text().splitlines()
  lines[1] = lines[1].replace("\t", " ", 1) if damage == "malformed" else lines[2]
  path.write_text("\n".join(lines) + "\n")
  rows = [row for _, row in realigned.read(tmp_path, "train")[1] if row]
  video = lines[2].split("\t")[1]
  assert any(row.video_name == video for row in rows)
  assert not any(row.cico_name for row in rows if row.video_name == video)
