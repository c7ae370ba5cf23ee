"""`data_builders.check` on small corpora in the layouts of their releases, whole and damaged."""

import errno
import json

import numpy as np
import pytest

from data_builders import check
from data_builders.checks.report import Item
from sign_jax.data import feature_files, released_poses
from tests.data_builders import trees
from tests.data_builders.checked import CORPORA, errors, found, items
from tests.videos import truncate


def feature_path(root, name, split="train"):
  return root / "features/agnostic" / trees.SPLITS[split] / f"{name}.pkl"


@pytest.mark.parametrize("name", CORPORA)
def test_a_whole_corpus_has_no_errors(tmp_path, capsys, name):
  names = CORPORA[name](tmp_path, with_videos=True)
  trees.write_poses(tmp_path, names, released_poses.CORPORA[name].image_size)
  trees.write_features(tmp_path, names, "aware")
  for protocol in ("cico", None):
    options = ["--protocol", protocol] if protocol else []
    if name != "how2sign":  # its trees have fewer pictures than frames
      for split, members in names.items():
        for member in members:
          _as_many_pictures(tmp_path, name, split, member)
    check.main([name, "--manual_dir", str(tmp_path), *options, "--json", str(tmp_path / "r.json")])
    content = json.loads((tmp_path / "r.json").read_text())
    assert content["counts"]["error"] == 0 and content["name"] == name
    expected = {split: {"found": len(members), "missing": 0, "unreadable": 0}
                for split, members in names.items()}  # fmt: skip
    assert content["files"] == dict.fromkeys(["agnostic", "aware", "pose", "video"], expected)
    out = capsys.readouterr().out
    for split, members in names.items():
      assert content["splits"][split]["videos"] == len(members)
      assert f"{split} " in out
    assert "0 errors" in out.splitlines()[-1]


def _as_many_pictures(root, name, split, member):
  if name == "phoenix14t":
    trees.phoenix_pictures(root, split, member, trees.num_frames(member))
  else:
    trees.csl_frames(root, member, trees.num_frames(member))


def test_missing_and_unreadable_files_are_named(tmp_path, capsys):
  names = trees.how2sign(tmp_path, sentences=30)
  missing, damaged = names["train"][:25], names["test"][:2]
  for name in missing:
    feature_path(tmp_path, name).unlink()
  for name in damaged:
    truncate(feature_path(tmp_path, name, "test"), 0.9)
  with pytest.raises(SystemExit) as stopped:
    check.main(["how2sign", "--manual_dir", str(tmp_path), "--json", str(tmp_path / "a/r.json")])
  assert stopped.value.code == 1
  out = capsys.readouterr().out
  assert "error: train: there is no file of agnostic for 25 videos" in out
  assert "and 5 more" in out and missing[19] in out and missing[20] not in out
  content = json.loads((tmp_path / "a/r.json").read_text())
  assert [path.name for path in (tmp_path / "a").iterdir()] == ["r.json"]
  assert content["files"]["agnostic"]["train"] == {"found": 35, "missing": 25, "unreadable": 0}
  assert content["files"]["agnostic"]["test"] == {"found": 58, "missing": 0, "unreadable": 2}
  (all_missing, unreadable) = [
    finding["items"] for finding in content["findings"] if finding["level"] == "error"
  ]
  assert [item["name"] for item in all_missing] == missing
  assert [item["name"] for item in unreadable] == damaged
  assert "no complete feature file" in unreadable[0]["reason"]


def test_windows_that_do_not_fit_the_frames(tmp_path):
  names = trees.how2sign(tmp_path)
  name = names["test"][0]
  windows = len(trees.feature(name))
  content = {"feature": trees.feature(name, windows + 2)}
  trees.dump(feature_path(tmp_path, name, "test"), content)
  findings = found("how2sign", tmp_path)
  assert not errors(findings)
  assert items(findings, "warning", "windows of agnostic do not fit") == (
    Item(name, f"{windows + 2} windows, {windows + 15} frames have {windows}"),
  )


def test_the_stride_of_extracted_files_counts(tmp_path):
  names = trees.csl_daily(tmp_path)
  for split, members in names.items():
    for name in members:
      feature_path(tmp_path, name, split).unlink()
      frames = trees.num_frames(name)
      windows = -(-(frames - 16) // 2) + 1
      feature = trees.feature(name, windows + (name == names["test"][0]))
      path = tmp_path / "features/agnostic" / f"{name}.npz"
      feature_files.write(path, feature_files.FeatureFile(feature, frames, 30.0, 2, "random:0"))
  findings = found("csl_daily", tmp_path)
  assert [item.name for item in items(findings, "warning", "at stride 2")] == names["test"][:1]


def test_streams_of_different_lengths_are_errors(tmp_path):
  names = trees.how2sign(tmp_path)
  trees.write_features(tmp_path, names, "aware")
  name = names["validation"][1]
  windows = len(trees.feature(name))
  path = tmp_path / "features/aware/dev" / f"{name}.pkl"
  trees.dump(path, {"feature": trees.feature(name, windows + 1)})
  findings = found("how2sign", tmp_path)
  assert items(findings, "error", "streams have different numbers of windows") == (
    Item(name, f"agnostic {windows}, aware {windows + 1}"),
  )


def test_features_of_another_encoder_are_errors(tmp_path):
  names = trees.how2sign(tmp_path)
  name = names["test"][0]
  content = {"feature": np.zeros((len(trees.feature(name)), 5), np.float32)}
  trees.dump(feature_path(tmp_path, name, "test"), content)
  ((item,),) = [items(found("how2sign", tmp_path), "error", "1 file of agnostic cannot be used")]
  assert item.name == name and "another width" in item.reason


def test_poses_of_other_lengths(tmp_path):
  names = trees.how2sign(tmp_path)
  trees.write_poses(tmp_path, names)
  a_little, far, one = names["test"][:3]
  frames = {name: trees.num_frames(name) for name in names["test"]}
  for name, count in {a_little: frames[a_little] - 4, far: frames[far] + 500,
                      one: frames[one] + 1}.items():  # fmt: skip
    keypoints = trees.pose(name, count)
    trees.dump(tmp_path / "pose/test" / f"{name}.pkl", {"keypoints": keypoints})
  findings = found("how2sign", tmp_path)
  assert items(findings, "warning", "pose and features have different numbers of frames") == (
    Item(a_little, f"{frames[a_little] - 4} frames of pose, {frames[a_little]} of features"),
  )
  ((item,),) = [items(findings, "error", "cannot be of the same video")]
  assert item.name == far and str(frames[far] + 500) in item.reason


def test_a_disk_that_fails_costs_one_file(tmp_path, monkeypatch):
  name = trees.how2sign(tmp_path)["test"][3]
  read = check.files.contents.Stream.read

  def fails(stream, clip, path):
    if clip.video_id == name:
      raise OSError(errno.EIO, "input/output error", str(path))
    return read(stream, clip, path)

  monkeypatch.setattr(check.files.contents.Stream, "read", fails)
  ((item,),) = [items(found("how2sign", tmp_path), "error", "1 file of agnostic cannot be used")]
  assert item.name == name and "input/output error" in item.reason


def test_missing_videos_are_warnings_and_broken_ones_errors(tmp_path):
  names = trees.phoenix14t(tmp_path, with_videos=True)
  folder = tmp_path / "features/fullFrame-210x260px/test"
  gone, empty, short = names["test"][:3]
  for name in (gone, empty):
    for path in (folder / name).iterdir():
      path.unlink()
  (folder / gone).rmdir()
  trees.phoenix_pictures(tmp_path, "test", short, trees.num_frames(short) - 1)
  findings = found("phoenix14t", tmp_path)
  assert items(findings, "warning", "test: there is no file of video for 1 video") == (Item(gone),)
  ((item,),) = [items(findings, "error", "test: 1 file of video cannot be used")]
  assert item.name == empty and "holds no pictures" in item.reason
  few = {item.name: item.reason for item in items(findings, "warning", "not as many pictures")}
  frames = trees.num_frames(short)
  assert few[short] == f"{frames - 1} pictures, {frames} frames"


def test_what_is_not_there_is_a_note(tmp_path):
  for split, members in trees.phoenix14t(tmp_path).items():
    for name in members:
      feature_path(tmp_path, name, split).unlink()
  findings = found("phoenix14t", tmp_path)
  items(findings, "note", f"there is no folder {tmp_path / 'pose'}")
  items(findings, "note", "there are no videos")
  assert len(errors(findings)) == 1 and "no features that can be read" in errors(findings)[0]


@pytest.mark.parametrize(
  ("arguments", "words"),
  [
    (["how2sing", "--manual_dir", "."], "no corpus 'how2sing' (did you mean 'how2sign'?)"),
    (["how2sign", "--manual_dir", "none"], "there is no folder none"),
    (["how2sign", "--manual_dir", ".", "--protocol", "ciko"], "did you mean 'cico'?"),
  ],
)
def test_mistakes_are_told_in_one_sentence(capsys, arguments, words):
  with pytest.raises(SystemExit) as stopped:
    check.main(arguments)
  told = capsys.readouterr()
  assert stopped.value.code == 1
  assert words in told.out + told.err and "Traceback" not in told.err
